"""The typer app that all verbs of mind-eval register with. Imports nothing heavy."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from mind_core.cli import add_global_options, new_app
from mind_core.plugins import Plugins

TOOL = "mind-eval"
WHAT = (
    "Score a language model, offline: bits per byte of held-out text by language, and the "
    "benchmarks of the MindLLM paper, each shared beginning read once."
)
EXAMPLES = (
    "mind-eval run --model run/ --heldout heldout.jsonl.zst -o scores/",
    "mind-eval run --model run/ --suite mindllm --data-root benchmarks/ --form cloze -o scores/",
    "mind-eval compare scores-a/ scores-b/",
)

app = new_app()


def make_plugins(files: Sequence[str | Path] = ()) -> Plugins:
    """Load the built-ins and the given plugin files; installed plugins wait to be asked for."""
    from mind_eval import builtins, hookspecs

    return Plugins("mind_eval", hookspecs, builtins, files)


add_global_options(app, TOOL, make_plugins, WHAT, EXAMPLES)
