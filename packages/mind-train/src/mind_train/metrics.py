"""metrics.jsonl: one JSON line a step, and one for each evaluation; every number is finite."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from io import BytesIO
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO

import orjson

from mind_core import MindError
from mind_core.files import atomic_file
from mind_core.progress import duration, said
from mind_train.finite import not_finite
from mind_train.trackers.tracking import Tracking

METRICS = "metrics.jsonl"


class Metrics:
    """Append lines to a run's metrics; each is on the disk's way before the next step."""

    def __init__(self, path: Path) -> None:
        self._file: BinaryIO = path.open("ab")

    def write(self, line: dict[str, Any]) -> None:
        """Append one line; raise MindError for a number that is not finite, and write nothing."""
        # Checked before anything is written: half a line would end the file for its readers.
        for name, value in not_finite(line):
            raise MindError(
                f"step {line.get('step')}: {name} is {value}; the line was not written",
                hint="look at the steps before it in metrics.jsonl; the last checkpoint is sound",
            )
        self._file.write(orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE))
        self._file.flush()

    def sync(self) -> None:
        """Have all lines on the disk: a checkpoint must not outlive the lines before it."""
        os.fsync(self._file.fileno())

    def __enter__(self) -> Metrics:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._file.close()


class NoMetrics(Metrics):
    """Take lines and keep none: what all ranks but the first do."""

    def __init__(self) -> None:
        self._file = BytesIO()

    def write(self, line: dict[str, Any]) -> None:
        """Drop a line of metrics: of a rank that is not the first."""

    def sync(self) -> None:
        """Do nothing: no metrics were written."""


class TrackedMetrics(Metrics):
    """Give each line to trackers as well, when it is written."""

    def __init__(self, path: Path, trackers: Sequence[Tracking]) -> None:
        super().__init__(path)
        self.trackers = trackers

    def write(self, line: dict[str, Any]) -> None:
        """Append a line, then hand it on."""
        super().write(line)
        for tracker in self.trackers:
            tracker.log(line)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        super().__exit__(kind, error, traceback)
        for tracker in self.trackers:
            tracker.finish(hurry=kind is not None)


def read_metrics(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the whole lines of a metrics file; a last one that a kill cut short is left out.

    Raises MindError, with the position, for any other line that is none of a run's metrics.
    """
    if not path.exists():
        return
    with path.open("rb") as file:
        for number, raw in enumerate(file, 1):
            try:
                line = orjson.loads(raw)
            except orjson.JSONDecodeError as error:
                # The last line, cut short by a kill: it is written again. Anywhere else it is
                # damage.
                if not file.read(1):
                    return
                raise _bad_line(path, number, f"it is not JSON: {error}") from None
            if not raw.endswith(b"\n"):
                return
            if fault := _fault(line):
                raise _bad_line(path, number, fault)
            yield line


def _fault(line: Any) -> str | None:
    """Say why a value is no line of metrics; None where it is one."""
    if not isinstance(line, dict):
        return "it is no object"
    if not isinstance(line.get("step"), int):
        return f"its step is {line.get('step')!r}"
    if "loss" in line and not isinstance(line["loss"], int | float):
        return f"its loss is {line['loss']!r}, no finite number"
    for table in ("validation", "languages"):
        for name, score in line.get(table, {}).items():
            if not isinstance(score.get("nats_per_token"), int | float):
                value = score.get("nats_per_token")
                return f"{table}.{name}.nats_per_token is {value!r}, no finite number"
    return None


def _bad_line(path: Path, number: int, cause: str) -> MindError:
    return MindError(
        f"{path}:{number} is no line of a run's metrics",
        cause=cause,
        hint="it was changed or damaged, or written by a run whose numbers overflowed",
    )


def rewind(path: Path, step: int) -> None:
    """Drop what came after a step, so that the resumed run writes it again."""
    kept = [line for line in read_metrics(path) if line["step"] <= step]
    # As a whole new file: a kill in between leaves the old one.
    with atomic_file(path) as file:
        for line in kept:
            file.write(orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE))


def live_line(step: int, total: int, line: dict[str, Any], seconds: float) -> str:
    """Say where a run stands, what its last step was, and the seconds that are left."""
    parts = [
        said("step {N}/{ALL}", N=f"{step:,}", ALL=f"{total:,}"),
        in_words(line),
        said("{N} left", N=duration(seconds)),
    ]
    return said(", ").join(parts)


def in_words(line: dict[str, Any]) -> str:
    """Put a step's line into words, for the live line."""
    if "tokens_per_second" not in line:
        return said("passed over")
    loss = said("loss {N}", N=f"{line['loss']:.3f}") if "loss" in line else str(line["cause"])
    parts = [loss, said("{N} tokens/s", N=f"{line['tokens_per_second']:,.0f}")]
    parts += [] if line["mfu"] is None else [f"MFU {line['mfu']:.0%}"]
    return said(", ").join(parts)


def describe(result: dict[str, Any]) -> str:
    """Put an evaluation into words: the mean, then each language."""
    words = [f"{result['all']['nats_per_token']:.3f} nats/token"]
    for language, score in result["languages"].items():
        bits = score["bits_per_byte"]
        value = f"{score['nats_per_token']:.3f}" if bits is None else f"{bits:.3f} bits/byte"
        words.append(f"{language} {value}")
    return ", ".join(words)
