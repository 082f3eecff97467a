"""Saved indexes as sources of a job: their records are kept already, and others go for them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import orjson

from mind_core.errors import MindError
from mind_core.files import MANIFEST, as_json, sha256_file
from mind_core.tasks.commit import TaskResult
from mind_core.tasks.task import TaskContext
from mind_dedup.deduplicator import Match
from mind_dedup.index_files import open_index
from mind_dedup.single_pass import RemovalCounts
from mind_dedup.store import IntArray, RecordBlock, Store
from mind_dedup.tasks.key_runs import KeyFiles, KeyWriter
from mind_dedup.tasks.pairs import PARTS, RECORDS, groups_name
from mind_dedup.tasks.settings import DedupSettings, SavedIndex
from mind_dedup.tasks.work_files import IndexFiles, WorkFiles

_ROWS_AT_ONCE = 1 << 12


def open_saved(settings: DedupSettings, saved: SavedIndex) -> Store:
    """Open an index, checked from end to end; raise `MindError` if it is not the planned one."""
    if sha256_file(saved.path / MANIFEST) != saved.sha256:
        raise MindError(
            f"{saved.name} has changed since the job was planned",
            cause=f"the SHA-256 of its {MANIFEST} is not the one in plan.json",
            hint="bring the index back as it was, or make a new job in another folder",
        )
    store = Store()
    open_index(saved.path, settings.plan, store)
    return store


def index_keys(settings: DedupSettings, context: TaskContext) -> TaskResult:
    """Write the keys of an index, as if its records were a range of the input."""
    place, scratch = context.task.place, context.scratch
    files = KeyFiles.at(scratch / "index")
    writer = KeyWriter(files, settings.partitions)
    for block in open_saved(settings, settings.against[place]).blocks():
        ends = np.asarray(block.key_ends[:], np.int64)
        for low in range(0, len(ends), _ROWS_AT_ONCE):
            own = ends[low : low + _ROWS_AT_ONCE]
            begin = int(ends[low - 1]) if low else 0
            writer.add(np.asarray(block.keys[begin : int(own[-1])], np.uint64), own - begin)
    writer.close()
    (scratch / "facts.json").write_bytes(as_json({"rows": writer.rows}))
    named = IndexFiles(place).named
    made = {
        named("keys"): files.entries,
        named("runs"): files.table,
        named("json"): scratch / "facts.json",
    }
    return TaskResult(made, {"records": writer.rows})


@dataclass
class IndexRecords:
    """The records of indexes that are in the groups of one part, the first ones of its store."""

    names: list[str] = field(default_factory=list)
    """Of each record: what its index was called."""

    rows: list[int] = field(default_factory=list)
    """Of each record: its place in the index."""

    numbers: list[int] = field(default_factory=list)
    """Of each record: its number in the job, where indexes come before all ranges."""

    def notes(self, tally: RemovalCounts, match: Match) -> dict[str, Any]:
        """Return what records say of a match, as `RemovalCounts.match_notes` does."""
        notes = tally.match_notes(match)
        if match.number >= len(self.rows):
            return notes
        more = {"index": self.names[match.number], "index_record": self.rows[match.number] + 1}
        return {"duplicate_of": notes.pop("duplicate_of"), **more, **notes}

    def clusters(self, tally: RemovalCounts) -> Iterator[tuple[int, Any]]:
        """Yield size and id of each that others go for."""
        for number in range(len(self.rows)):
            if (size := tally.sizes.of(number)) > 1:
                yield size, orjson.loads(tally.id_of(number))


def take_index_records(
    settings: DedupSettings, files: WorkFiles, part: int, store: Store
) -> IndexRecords:
    """Put the records of indexes that are in the groups of a part into a store, in their order."""
    found = IndexRecords()
    for place, saved in enumerate(settings.against):
        first, stop = files.firsts[place : place + 2].tolist()
        rows = _grouped(files, first, stop, part) - first
        # To open an index reads all of it: only where a record of it is wanted.
        index = open_saved(settings, saved) if len(rows) else Store()
        for low in range(0, len(rows), _ROWS_AT_ONCE):
            some = rows[low : low + _ROWS_AT_ONCE].tolist()
            store.put(_block(index, some))
            found.rows += some
            found.numbers += [first + row for row in some]
            found.names += [saved.name] * len(some)
    return found


def _grouped(files: WorkFiles, first: int, stop: int, part: int) -> IntArray:
    """Return the records from `first` to `stop` that are in groups of a part."""
    path = files.work(groups_name(RECORDS))
    if not path.stat().st_size:  # what is empty cannot be mapped
        return np.zeros(0, np.int64)
    low, high = np.searchsorted(np.memmap(path, np.int64, "r"), [first, stop]).tolist()
    records = np.fromfile(path, np.int64, high - low, offset=8 * low)
    parts = np.fromfile(files.work(groups_name(PARTS)), np.uint16, high - low, offset=2 * low)
    mine: IntArray = records[parts == part]
    return mine


def _block(index: Store, rows: list[int]) -> RecordBlock:
    known, ids = index.gather(rows), [index.id_of(row) for row in rows]
    edges = np.cumsum([len(one) for one in ids], dtype=np.uint32)
    return RecordBlock(
        known.keys, known.key_ends.astype(np.uint32), known.sets, known.set_ends.astype(np.uint32),
        np.frombuffer(b"".join(ids), np.uint8), edges,
    )  # fmt: skip
