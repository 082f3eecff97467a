"""Fourth stage: the prints of the records of a range that are in groups, part by part."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from mind_core.parallel import engine_for
from mind_core.stream import Batch
from mind_core.tasks import WORK
from mind_core.tasks.commit import TaskResult
from mind_core.tasks.task import TaskContext
from mind_dedup.fingerprints import Fingerprints
from mind_dedup.tasks.pairs import PARTS, RECORDS, groups_name
from mind_dedup.tasks.print_sections import PrintedRows, packed_rows
from mind_dedup.tasks.sections import INDEX, IntArray, SectionWriter
from mind_dedup.tasks.settings import DedupSettings
from mind_dedup.tasks.work_files import CANDIDATES, WorkFiles, work_files
from mind_dedup.units import Units

_HELD = 1 << 26
"""Bytes of prints that wait until each part gets its own in one piece."""

_Parts = npt.NDArray[np.uint16]


def prints_name(name: str) -> str:
    """Return the name of the prints of a range, below the work of a job."""
    return f"{CANDIDATES}/{name}.prints"


def candidates(settings: DedupSettings, context: TaskContext) -> TaskResult:
    """Read a range again and write the prints of what is to be compared."""
    files = work_files(context.job_folder)
    rows, parts = _grouped_rows(files, files.indexes + context.task.place)
    bad = np.fromfile(files.of_range(context.task.name, "bad"), np.int64)
    path = context.scratch / "prints"
    chosen: deque[_Chosen] = deque()
    ends = files.unit_ends(context.task.name) if settings.cuts else None
    lines = _Lines(rows, set(bad.tolist()), ends)
    batches = lines.only(settings.batches(context), chosen)
    with SectionWriter(path) as writer:
        waiting = _Waiting(writer, rows, parts)
        take = settings.take(with_policy=True)
        for outcome in engine_for(context.cores).map(take, batches):
            payload = outcome.payload
            prints = payload.prints if isinstance(payload, Units) else payload
            waiting.add(chosen.popleft(), prints)
        waiting.write()
    name = f"{WORK}/{prints_name(context.task.name)}"
    return TaskResult(
        {name: path, f"{name}{INDEX}": path.with_name(path.name + INDEX)},
        {"candidates": len(rows), "bytes": path.stat().st_size},
    )


@dataclass(frozen=True)
class _Chosen:
    """What is wanted of a batch."""

    records: IntArray
    """Those that are read, by their number in the range."""

    rows: IntArray
    """All rows of these records."""

    wanted: IntArray
    """The places in `rows` of those that are in groups."""


class _Waiting:
    """Let the prints of batches wait, and write those of each part together."""

    def __init__(self, writer: SectionWriter, rows: IntArray, parts: _Parts) -> None:
        self.writer, self.rows, self.parts = writer, rows, parts
        self._held: dict[int, list[bytes]] = {}
        self._size = 0

    def add(self, chosen: _Chosen, prints: Fingerprints) -> None:
        """Take the prints of a batch, some of which are wanted."""
        assert len(chosen.rows) == len(prints), "a record was read once and not a second time"
        parts = self.parts[np.searchsorted(self.rows, chosen.rows[chosen.wanted])]
        printed = PrintedRows(chosen.rows, prints)
        for part in np.unique(parts).tolist():
            data = packed_rows(printed, chosen.wanted[parts == part])
            self._held.setdefault(part, []).append(data)
            self._size += len(data)
        if self._size > _HELD:
            self.write()

    def write(self) -> None:
        """Write the candidate pairs that wait in memory to their files."""
        for part, waiting in sorted(self._held.items()):
            for data in waiting:
                self.writer.add(part, data)
        self._held, self._size = {}, 0


def _grouped_rows(files: WorkFiles, place: int) -> tuple[IntArray, _Parts]:
    """Return the rows of a range that are in groups, ascending, and the part of each."""
    path = files.work(groups_name(RECORDS))
    size = path.stat().st_size // 8
    if not size:  # what is empty cannot be mapped
        return np.zeros(0, np.int64), np.zeros(0, np.uint16)
    first, stop = files.firsts[place : place + 2].tolist()
    low, high = np.searchsorted(np.memmap(path, np.int64, "r"), [first, stop]).tolist()
    rows = np.fromfile(path, np.int64, high - low, offset=8 * low) - first
    parts_path: Path = files.work(groups_name(PARTS))
    return rows, np.fromfile(parts_path, np.uint16, high - low, offset=2 * low)


@dataclass(frozen=True)
class _Lines:
    """The lines of a range that have rows which are wanted."""

    rows: IntArray
    """The wanted ones, ascending."""

    bad: set[int]
    """Numbers of lines that are no records."""

    ends: IntArray | None
    """Of each record the row behind its last, where parts of texts are rows."""

    def only(self, batches: Iterator[Batch], chosen: deque[_Chosen]) -> Iterator[Batch]:
        """Yield batches with only those lines; the others are blank, so numbers stay.

        What is chosen of each batch that is yielded is appended to `chosen`.
        """
        first = 0
        for batch in batches:
            numbers = [number for number, _ in batch.lines() if number not in self.bad]
            some = self._of(first, len(numbers))
            # A batch without any of the rows is not parsed at all.
            if len(some.wanted):
                wanted = {numbers[record - first] for record in some.records.tolist()}
                lines = batch.data.split(b"\n")
                only = [
                    line if number in wanted else b""
                    for number, line in enumerate(lines, batch.first_line)
                ]
                # Outcomes come in the order of batches, so a queue tells which rows each is of.
                chosen.append(some)
                yield replace(batch, data=b"\n".join(only))
            first += len(numbers)

    def _of(self, first: int, count: int) -> _Chosen:
        """Return what is wanted of `count` records from number `first` on."""
        if self.ends is None:
            low, high = np.searchsorted(self.rows, [first, first + count]).tolist()
            mine = self.rows[low:high]
            return _Chosen(mine, mine, np.arange(len(mine)))
        begins = np.concatenate(([0], self.ends))
        low, high = np.searchsorted(self.rows, begins[[first, first + count]]).tolist()
        mine = self.rows[low:high]
        records = np.unique(np.searchsorted(self.ends, mine, side="right"))
        none = np.zeros(0, np.int64)
        rows = [np.arange(begins[one], begins[one + 1]) for one in records.tolist()]
        together = np.concatenate([none, *rows])
        return _Chosen(records, together, np.searchsorted(together, mine))
