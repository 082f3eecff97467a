"""mind-tok convert."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mind_core import options
from mind_core.errors import UsageError
from mind_tok.options import NewFolder

WHAT = "Take over a tokenizer of another model, or write one as a tokenizer.json."
EXAMPLES = [
    "mind-tok convert gpt2 -o gpt2-tokenizer",
    "mind-tok convert chinese.model -o tokenizer",
    "mind-tok convert tokenizer --to huggingface -o for-transformers",
]
COST = (
    "Reads a SentencePiece .model, a tokenizer.json, vocab.json with merges.txt, encoder.json with "
    "vocab.bpe, or a folder of mind-tok. Byte-level BPE as GPT-2's and SentencePiece's BPE are "
    "encoded in loops of their own, everything else by the library that it is made for."
)

Source = Annotated[Path, typer.Argument(metavar="SOURCE", help="A file or folder, see below.")]
To = Annotated[
    str,
    typer.Option(
        "--to",
        metavar="FORM",
        help="mind: a folder for these tools; huggingface: tokenizer.json and its config.",
    ),
]


def convert(
    source: Source,
    output: NewFolder = None,
    to: To = "mind",
    quiet: options.Quiet = False,
    plugin: options.PluginFiles = None,
) -> None:
    """Read the options, then convert."""
    if output is None:
        raise UsageError("-o is missing", hint="name the folder to write: -o tokenizer")
    if to not in ("mind", "huggingface"):
        raise UsageError(f"--to {to!r} is no form", hint="forms: mind, huggingface")
    from mind_tok import pipeline
    from mind_tok.tokenizer import make_plugins

    pipeline.refuse_existing(output)
    pipeline.convert(source, output, to, quiet, make_plugins(plugin or []))
