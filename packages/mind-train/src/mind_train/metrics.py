"""metrics.jsonl: one JSON line a step, and one for each evaluation."""

from __future__ import annotations

from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO

import orjson

from mind_core.files import atomic_file

METRICS = "metrics.jsonl"


class Metrics:
    """Append lines to a run's metrics; each is on the disk's way before the next step."""

    def __init__(self, path: Path) -> None:
        self._file: BinaryIO = path.open("ab")

    def write(self, line: dict[str, Any]) -> None:
        """Append one line."""
        self._file.write(orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE))
        self._file.flush()

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
        """Drop a line."""


class BothMetrics(Metrics):
    """Write TensorBoard events beside the lines."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        from mind_train.tensorboard import EventFile

        self._events = EventFile(path.parent / "tensorboard")

    def write(self, line: dict[str, Any]) -> None:
        """Append a line, and its numbers as scalars."""
        super().write(line)
        self._events.add(line)


def open_metrics(run: Path, tensorboard: bool, first: bool) -> Metrics:
    """Open a run's metrics for this rank."""
    if not first:
        return NoMetrics()
    return BothMetrics(run / METRICS) if tensorboard else Metrics(run / METRICS)


def read_metrics(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the whole lines of a metrics file; one that a kill cut short ends the reading."""
    if not path.exists():
        return
    with path.open("rb") as file:
        for raw in file:
            try:
                line = orjson.loads(raw)
            except orjson.JSONDecodeError:
                return
            if not raw.endswith(b"\n") or not isinstance(line, dict):
                return
            yield line


def rewind(path: Path, step: int) -> None:
    """Drop what came after a step, so that the resumed run writes it again."""
    kept = [line for line in read_metrics(path) if line["step"] <= step]
    with atomic_file(path) as file:
        for line in kept:
            file.write(orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE))
