"""mind-tok extend."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Optional

import typer

from mind_core import options
from mind_core.errors import UsageError
from mind_tok.verbs import NewFolder

WHAT = "Add the tokens of a Chinese SentencePiece model to a byte-level BPE such as GPT-2's."
EXAMPLES = [
    "mind-tok extend gpt2 chinese-tokenizer -o extended",
    "mind-tok extend gpt2 chinese.model --tokens 25000 -o extended",
    "mind-tok extend model/tokenizer.json chinese-tokenizer -o extended",
]
COST = (
    "Every old token keeps its id; control tokens and masks that are missing follow, then the "
    "Chinese ones. A text without a new token is encoded as before. The folder holds a "
    "tokenizer.json that Hugging Face's libraries read, and replaced.jsonl: the old tokens that "
    "each new one stands for."
)

Old = Annotated[
    Path,
    typer.Argument(
        metavar="OLD",
        help="vocab.json and merges.txt (or encoder.json and vocab.bpe) in a folder, or a "
        "tokenizer.json.",
    ),
]
Chinese = Annotated[
    Path, typer.Argument(metavar="CHINESE", help="A SentencePiece .model, or the folder of one.")
]
Tokens = Annotated[
    Optional[int],  # noqa: UP045
    typer.Option(
        "--tokens",
        metavar="N",
        min=1,
        help="Chinese tokens to add, at most: characters first, then the most frequent.",
    ),
]


def extend(
    old: Old,
    chinese: Chinese,
    output: NewFolder = None,
    tokens: Tokens = None,
    quiet: options.Quiet = False,
    plugin: options.PluginFiles = None,
) -> None:
    """Read the options, then extend."""
    if output is None:
        raise UsageError("-o is missing", hint="name the folder to write: -o extended")
    from mind_tok import conversions
    from mind_tok.checks import refuse_existing
    from mind_tok.loading import make_plugins

    refuse_existing(output)
    conversions.extend(old, chinese, output, tokens, quiet, make_plugins(plugin or []))
