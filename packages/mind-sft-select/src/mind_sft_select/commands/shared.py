"""Options that several commands have."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Optional

import typer

TOOL = "mind-sft-select"

Model = Annotated[
    str,
    typer.Option(
        "--model",
        metavar="FOLDER",
        help="A mind-train run, one checkpoint, or a Hugging Face folder.",
    ),
]
Device = Annotated[str, typer.Option("--device", metavar="NAME", help="auto, cpu, cuda or cuda:1.")]
Dtype = Annotated[
    str, typer.Option("--dtype", metavar="NAME", help="float32, bfloat16 or float16.")
]
Format = Annotated[
    str,
    typer.Option(
        "--format",
        metavar="auto|NAME",
        help="Layout of the records: recognised, or one by name (see the manual).",
    ),
]
TemplateName = Annotated[
    str,
    typer.Option(
        "--template",
        metavar="auto|mindllm|text|plain",
        help="How turns are marked: control tokens, spelt, not at all.",
    ),
]
Long = Annotated[
    str,
    typer.Option(
        "--long", metavar="drop|cut|window", help="What to do with answers longer than the context."
    ),
]
BatchTokens = Annotated[
    int, typer.Option("--batch-tokens", metavar="N", min=1, help="Tokens read together, at most.")
]
NewFile = Annotated[
    Optional[Path],  # noqa: UP045
    typer.Option("-o", "--output", metavar="FILE", help="Write the result here, not to stdout."),
]
