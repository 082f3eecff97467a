"""The options that only mind-domain has."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Optional

import typer

from mind_core.errors import UsageError

if TYPE_CHECKING:
    from mind_core.plugins import Plugins

METHODS = ("likelihood", "generate")
LANGUAGES = ("auto", "en", "zh")
COT = ("none", "only", "auxiliary")
CALIBRATIONS = ("none", "content-free", "train-prior")

# typer reads these at run time, so the annotations keep Optional spelled out for it.

DomainName = Annotated[
    str, typer.Option("--domain", metavar="NAME", help="Which domain; --list shows them.")
]
Language = Annotated[
    str,
    typer.Option(
        "--language",
        metavar="|".join(LANGUAGES),
        help="Ask in the text's language, or in one.",
    ),
]
Prices = Annotated[
    Optional[Path],  # noqa: UP045
    typer.Option(
        metavar="FILE", help="CSV or Parquet: ticker,date,open,close[,high,low,adj_close,volume]."
    ),
]
Exchange = Annotated[
    Optional[str],  # noqa: UP045
    typer.Option(metavar="CODE", help="Its calendar counts: XSHG, XNYS, XHKG, … Default XNYS."),
]
Horizon = Annotated[
    Optional[int],  # noqa: UP045
    typer.Option(metavar="N", help="Sessions from entry to exit. Default 1."),
]
Entry = Annotated[
    Optional[str],  # noqa: UP045
    typer.Option(
        metavar="first|open|close|next-open",
        help="Which price after the text to enter at. Default first.",
    ),
]
Return = Annotated[
    Optional[str],  # noqa: UP045
    typer.Option(
        "--return", metavar="raw|log|excess", help="How the change is measured. Default raw."
    ),
]
Benchmark = Annotated[
    Optional[str],  # noqa: UP045
    typer.Option(metavar="TICKER", help="What an excess return is measured against."),
]
Classes = Annotated[
    Optional[int],  # noqa: UP045
    typer.Option(metavar="2|3|5", help="2 drops what is flat, 5 adds surge and plunge. Default 3."),
]
Threshold = Annotated[
    Optional[str],  # noqa: UP045
    typer.Option(
        metavar="X|A,B,…",
        help="Changes up to this share are flat, or the edges themselves. Default 0.005.",
    ),
]
Quantiles = Annotated[
    Optional[str],  # noqa: UP045
    typer.Option(
        metavar="Q,Q,…", help="Fit the edges at these shares of the training returns, as 1/3,2/3."
    ),
]
FitUntil = Annotated[
    Optional[str],  # noqa: UP045
    typer.Option(
        metavar="DAY", help="Fit on what is settled before this day; the split is not earlier."
    ),
]
Midnight = Annotated[
    Optional[str],  # noqa: UP045
    typer.Option(metavar="date|time", help="What a time of exactly 00:00:00 is. Default date."),
]
ClosedDays = Annotated[
    Optional[str],  # noqa: UP045
    typer.Option(metavar="FILE|DAYS", help="Days without a session, whatever the calendar says."),
]
Strict = Annotated[
    Optional[bool],  # noqa: UP045
    typer.Option(
        "--strict/--no-strict",
        show_default=False,
        help="Stop at the first row that is no price. Default: leave it out.",
    ),
]
TimeField = Annotated[
    Optional[str],  # noqa: UP045
    typer.Option("--time", metavar="FIELD", help="Column of the time. Default: the usual names."),
]
TickerField = Annotated[
    Optional[str],  # noqa: UP045
    typer.Option(
        "--ticker", metavar="FIELD", help="Column of the ticker. Default: the usual names."
    ),
]
TextField = Annotated[
    Optional[str],  # noqa: UP045
    typer.Option("--text", metavar="FIELD", help="Column of the text. Default: the usual names."),
]
TimeFormat = Annotated[
    Optional[str],  # noqa: UP045
    typer.Option(metavar="FORMAT", help="How times are written, as strptime: %d.%m.%Y %H:%M."),
]
TestDate = Annotated[
    Optional[str],  # noqa: UP045
    typer.Option("--date", metavar="DAY", help="First day of the test side, as 2015-09-01."),
]
ValidationDate = Annotated[
    Optional[str],  # noqa: UP045
    typer.Option(metavar="DAY", help="First day of a validation side before it."),
]
Fractions = Annotated[
    Optional[str],  # noqa: UP045
    typer.Option(metavar="X,Y[,Z]", help="Shares of the days instead: 0.8,0.1,0.1 or 0.8,0.2."),
]
NearCopies = Annotated[
    float,
    typer.Option(
        "--near-copies",
        metavar="X",
        min=0.0,
        max=1.0,
        help="Drop later texts of this Jaccard similarity to earlier ones; 0 keeps them.",
    ),
]
RawInputs = Annotated[
    Optional[list[str]],  # noqa: UP045
    typer.Argument(
        metavar="[FILE]...",
        help="JSON lines, a JSON array or CSV: zstd, gzip or plain; '-' or none is stdin.",
        show_default=False,
    ),
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
TrainingRecords = Annotated[
    Optional[Path],  # noqa: UP045
    typer.Option("--train", metavar="FILE", help="Training records: fit and show the baselines."),
]
Versus = Annotated[
    Optional[list[str]],  # noqa: UP045
    typer.Option(metavar="NAME=FOLDER", help="Another checkpoint to compare on the same rows."),
]
Calibrate = Annotated[
    str,
    typer.Option(metavar="|".join(CALIBRATIONS), help="What is taken off each label's score."),
]
Parse = Annotated[
    str,
    typer.Option(metavar="last|first", help="Which line of what was written may be the label."),
]
Cluster = Annotated[
    str, typer.Option(metavar="day|answer|record", help="What the bootstrap draws as one unit.")
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


Cot = Annotated[
    str,
    typer.Option(metavar="|".join(COT), help="Chats with reasons: none, alone, or beside labels."),
]
RandomLabels = Annotated[
    bool, typer.Option("--random-labels", help="A control: labels by chance, by --seed and id.")
]
MaxTokens = Annotated[int, typer.Option(metavar="N", min=1, help="Tokens of a reply at most.")]
Temperature = Annotated[
    float, typer.Option(metavar="X", min=0.0, help="0 takes the likeliest token.")
]
TopP = Annotated[
    float,
    typer.Option(
        "--top-p",
        metavar="X",
        min=0.0,
        max=1.0,
        help="Sample from the likeliest tokens that hold this share of the probability (nucleus).",
    ),
]
Log = Annotated[
    Optional[Path],  # noqa: UP045
    typer.Option(metavar="FILE", help="Keep every request and answer here, and go on from it."),
]
Concurrency = Annotated[int, typer.Option(metavar="N", min=1, help="Requests at once.")]
Rate = Annotated[int, typer.Option(metavar="N", min=0, help="Requests a minute; 0 is no limit.")]
MaxRequests = Annotated[
    int, typer.Option(metavar="N", min=0, help="Requests in all; 0 is no limit.")
]
MaxTotalTokens = Annotated[
    int, typer.Option(metavar="N", min=0, help="Tokens in all, read and written; 0 is no limit.")
]


def parse_places(given: list[str], flag: str) -> tuple[tuple[str, str], ...]:
    """Read NAME=PLACE of a flag that may come several times; names must differ."""
    found = []
    for text in given:
        name, equals, place = text.partition("=")
        if not (name and equals and place) or "/" in name:
            raise UsageError(
                f"{flag} {text!r} is not of the form NAME=WHERE",
                hint=f"{flag} NAME=FOLDER or NAME=http://host/v1#MODEL",
            )
        found.append((name, place))
    if len({name for name, _ in found}) < len(found):
        raise UsageError(f"{flag}: two have the same name")
    return tuple(found)


def parse_threshold(text: str | None) -> dict[str, Any]:
    """Return what --threshold says as options of finance: one number, or a list of edges."""
    if text is None:
        return {}
    if "," in text:
        return {"edges": text}
    try:
        return {"threshold": float(text)}
    except ValueError:
        raise UsageError(
            f"--threshold {text!r} is no number", hint="0.005, or edges: -0.005,0.0055"
        ) from None


def parse_named(given: list[str] | None, flag: str) -> tuple[tuple[str, Path], ...]:
    """Read NAME=PATH of a flag that may come several times; names must differ."""
    found = []
    for text in given or []:
        name, equals, path = text.partition("=")
        if not (name and equals and path):
            raise UsageError(f"{flag} {text!r}", hint=f"{flag} NAME=FOLDER")
        found.append((name, Path(path)))
    if len({name for name, _ in found}) < len(found):
        raise UsageError(f"{flag}: two have the same name")
    return tuple(found)


def load_plugins(files: Sequence[Path] | None) -> Plugins:
    """Load the built-ins and plugins from files."""
    from mind_domain.pipeline import make_plugins

    return make_plugins(files or [])


def require_one_of(flag: str, value: str, known: Sequence[str]) -> None:
    """Raise `UsageError` for a value that is none of those known."""
    if value not in known:
        raise UsageError(f"{flag} {value!r}", hint=f"one of {', '.join(known)}")


def require_log(places: list[str], log: Path | None) -> None:
    """Refuse to pay for answers that nothing keeps."""
    if log is None and any(place.startswith(("http://", "https://")) for place in places):
        raise UsageError(
            "answers of a server are paid for, and nothing keeps them",
            hint="--log FILE.jsonl; a run that was killed goes on from there",
        )
