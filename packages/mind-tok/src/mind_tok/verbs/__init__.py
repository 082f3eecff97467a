"""One file for each verb: its options, its help, and the call into the pipeline."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Optional

import typer

# typer reads these at run time, so the annotations keep Optional spelled out for it.

TokenizerFolder = Annotated[
    Path, typer.Option("-t", "--tokenizer", metavar="FOLDER", help="The tokenizer to use.")
]
NewFolder = Annotated[
    Optional[Path],  # noqa: UP045
    typer.Option("-o", "--output", metavar="FOLDER", help="The folder to write; must be new."),
]
