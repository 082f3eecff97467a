"""mind-tok convert."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Optional

import typer

from mind_core import options
from mind_core.errors import UsageError

WHAT = "Take over tokenizers and token files of others, or write a tokenizer for other programs."
EXAMPLES = [
    "mind-tok convert gpt2 -o gpt2-tokenizer",
    "mind-tok convert chinese.model -o tokenizer",
    "mind-tok convert tokenizer --to huggingface -o for-transformers",
    "mind-tok convert tokenizer --to gguf -o vocabulary.gguf",
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
        help="mind: a folder for these tools; huggingface: tokenizer.json and its config; gguf: "
        "a file that llama.cpp reads.",
    ),
]

TokenizerFolder = Annotated[
    Optional[Path],  # noqa: UP045
    typer.Option("-t", "--tokenizer", metavar="FOLDER", help="The tokenizer of a token file."),
]
AddEnd = Annotated[
    bool, typer.Option("--add-end", help="Add the end token to documents that lack it.")
]
Template = Annotated[
    str,
    typer.Option(
        "--chat-template",
        metavar="NAME|FILE",
        help="With --to huggingface or gguf: chatml, llama3, qwen, mindllm, or a file. Default: "
        "MindLLM's form, else what lies beside SOURCE.",
        show_default=False,
    ),
]
NewResult = Annotated[
    Optional[Path],  # noqa: UP045
    typer.Option(
        "-o",
        "--output",
        metavar="FOLDER|FILE",
        help="The folder, or GGUF file, to write; must be new.",
    ),
]


def convert(
    source: Source,
    output: NewResult = None,
    tokenizer: TokenizerFolder = None,
    add_end: AddEnd = False,
    to: To = "mind",
    chat_template: Template = "",
    quiet: options.Quiet = False,
    plugin: options.PluginFiles = None,
) -> None:
    """Read the options, then convert."""
    if output is None:
        raise UsageError("-o is missing", hint="name the folder to write: -o tokenizer")
    from mind_tok import conversions
    from mind_tok.checks import refuse_existing
    from mind_tok.loading import make_plugins

    if to not in conversions.FORMS:
        raise UsageError(f"--to {to!r} is no form", hint=f"forms: {', '.join(conversions.FORMS)}")
    if chat_template and (to == conversions.MIND or tokenizer is not None):
        raise UsageError("--chat-template goes with --to huggingface or gguf")
    refuse_existing(output)
    plugins = make_plugins(plugin or [])
    if tokenizer is not None:
        conversions.convert_shards(source, tokenizer, output, add_end, quiet, plugins)
    # Else a token file would be told as a folder or file without a tokenizer.
    elif conversions.reader_of(source) is not None:
        raise UsageError("-t is missing", hint="name the tokenizer that the ids were made with")
    else:
        conversions.convert(source, output, to, chat_template, quiet, plugins)
