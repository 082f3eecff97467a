"""mind-tok convert."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Optional

import typer

from mind_core import options
from mind_core.errors import UsageError
from mind_tok.options import NewFolder

WHAT = "Take over tokenizers and token files of others, or write a tokenizer as tokenizer.json."
EXAMPLES = [
    "mind-tok convert gpt2 -o gpt2-tokenizer",
    "mind-tok convert chinese.model -o tokenizer",
    "mind-tok convert tokenizer --to huggingface -o for-transformers",
    "mind-tok convert corpus.bin -t tokenizer -o shards",
]
COST = (
    "Reads a SentencePiece .model, a tokenizer.json, vocab.json with merges.txt, encoder.json with "
    "vocab.bpe, or a folder of mind-tok. Byte-level BPE as GPT-2's and SentencePiece's BPE are "
    "encoded in loops of their own, everything else by the library that it is made for. With -t it "
    "reads token files: Megatron's .bin with .idx, datatrove's .ds, OLMo's .npy with .csv.gz."
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

TokenizerFolder = Annotated[
    Optional[Path],  # noqa: UP045
    typer.Option("-t", "--tokenizer", metavar="FOLDER", help="The tokenizer of a token file."),
]
AddEnd = Annotated[
    bool, typer.Option("--add-end", help="Add the end token to documents that lack it.")
]


def convert(
    source: Source,
    output: NewFolder = None,
    tokenizer: TokenizerFolder = None,
    add_end: AddEnd = False,
    to: To = "mind",
    quiet: options.Quiet = False,
    plugin: options.PluginFiles = None,
) -> None:
    """Read the options, then convert."""
    if output is None:
        raise UsageError("-o is missing", hint="name the folder to write: -o tokenizer")
    if to not in ("mind", "huggingface"):
        raise UsageError(f"--to {to!r} is no form", hint="forms: mind, huggingface")
    from mind_tok import conversions
    from mind_tok.checks import refuse_existing
    from mind_tok.loading import make_plugins

    refuse_existing(output)
    plugins = make_plugins(plugin or [])
    if tokenizer is not None:
        conversions.convert_shards(source, tokenizer, output, add_end, quiet, plugins)
    elif conversions.reader_of(source) is not None:
        raise UsageError("-t is missing", hint="name the tokenizer that the ids were made with")
    else:
        conversions.convert(source, output, to, quiet, plugins)
