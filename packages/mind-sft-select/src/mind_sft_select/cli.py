"""The command line of mind-sft-select: one file for each command in `commands/`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from mind_core import cli
from mind_core.tasks.options import STATUS, status_command, status_help
from mind_sft_select.commands import cluster, fit, loop, read, reference, score, select
from mind_sft_select.commands.shared import TOOL

if TYPE_CHECKING:
    from mind_core.plugins import Plugins

WHAT = (
    "Select the instructions that teach: score answers under a model, cluster and fit, keep the "
    "band above the model's own entropy, and check whether it helped."
)
COMMANDS = ("read", "score", "reference", "cluster", "fit", "select", "loop", STATUS)
QUESTIONS = {"-h", "--help", "--version", "--list", "--plugins", "--install-completion",
             "--show-completion"}  # fmt: skip


def make_plugins(files: Sequence[Path] = ()) -> Plugins:
    """Return the plugins of mind-sft-select, with those in the given files."""
    from mind_sft_select.pipeline import make_plugins as make

    return make(files)


app = cli.new_app()
cli.add_global_options(
    app, TOOL, make_plugins, WHAT, [command.EXAMPLES[0] for command in (read, score, select)]
)
for verb, command in (
    (read, read.read),
    (score, score.score),
    (reference, reference.reference),
    (cluster, cluster.cluster),
    (fit, fit.fit),
    (select, select.select),
    (loop, loop.loop),
):
    app.command(help=cli.help_text(verb.WHAT, verb.EXAMPLES), epilog=cli.epilog(verb.COST))(command)
app.command(name=STATUS, help=status_help(TOOL), epilog=cli.EXIT_CODES)(status_command)


def with_command(arguments: Sequence[str]) -> list[str]:
    """Return arguments with `select` before those that name no command, as it once was the tool."""
    if not arguments or arguments[0] in COMMANDS or QUESTIONS.intersection(arguments):
        return list(arguments)
    return ["select", *arguments] if arguments[0].startswith("-") else list(arguments)


def main() -> None:
    """Run mind-sft-select."""
    cli.run(app, TOOL, with_command(sys.argv[1:]))
