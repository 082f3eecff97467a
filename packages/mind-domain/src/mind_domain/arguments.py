"""The options that only mind-domain has."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Optional

import typer

METHODS = ("likelihood", "generate")
LANGUAGES = ("auto", "en", "zh")

# typer reads these at run time, so the annotations keep Optional spelled out for it.

DomainName = Annotated[
    str, typer.Option("--domain", metavar="NAME", help="Which domain; --list shows them.")
]
Language = Annotated[
    str,
    typer.Option(
        "--language", metavar="|".join(LANGUAGES), help="Ask in the text's language, or in one."
    ),
]
Prices = Annotated[
    Optional[Path],  # noqa: UP045
    typer.Option(metavar="FILE", help="CSV: ticker,date,open,close[,adj_close]."),
]
Horizon = Annotated[
    Optional[int],  # noqa: UP045
    typer.Option(metavar="N", help="Trading days from entry to exit. Default 1."),
]
Threshold = Annotated[
    Optional[float],  # noqa: UP045
    typer.Option(metavar="X", help="Changes up to this share are flat. Default 0.005."),
]
Classes = Annotated[
    Optional[int],  # noqa: UP045
    typer.Option(metavar="3|2", help="2 drops what is flat. Default 3."),
]
Method = Annotated[
    str,
    typer.Option(
        metavar="|".join(METHODS),
        help="Take the likeliest label word, or read what the model writes.",
    ),
]
JudgeName = Annotated[
    str, typer.Option(metavar="NAME", help="Who compares answers; --list shows them.")
]
Draws = Annotated[
    int, typer.Option(metavar="N", min=0, help="Bootstrap draws for the intervals; 0 is none.")
]
Predictions = Annotated[
    Optional[Path],  # noqa: UP045
    typer.Option(metavar="FILE", help="Write each answer as a record."),
]
TrainSize = Annotated[
    int, typer.Option(metavar="N", min=0, help="Training records to take; 0 takes the most.")
]
TestSize = Annotated[
    int, typer.Option(metavar="N", min=0, help="Test records to take; 0 takes all.")
]
Balance = Annotated[bool, typer.Option(help="Take as many training records of each class.")]
