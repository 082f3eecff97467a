"""Fifth stage: the groups of one part are decided, record by record in the order of the policy.

It is the loop of a single process, over fewer records: what is in other groups shares no key with
these, so it would have been compared with none of them, nor filled the places of a key.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import orjson
import zstandard

from mind_core.tasks import WORK
from mind_core.tasks.commit import TaskResult
from mind_core.tasks.task import TaskContext
from mind_dedup.deduplicator import Deduplicator
from mind_dedup.guard import SummaryBySource
from mind_dedup.single_pass import RemovalCounts
from mind_dedup.sorted_runs import ChunkedDeduplicator
from mind_dedup.store import Store
from mind_dedup.tasks.candidates import prints_name
from mind_dedup.tasks.indexes import IndexRecords, take_index_records
from mind_dedup.tasks.print_sections import PrintedRows, unpacked_rows
from mind_dedup.tasks.sections import INDEX, IntArray, SectionWriter, bytes_of_part, sections_of
from mind_dedup.tasks.settings import TOOL, DedupSettings
from mind_dedup.tasks.work_files import RESOLVE, WorkFiles, work_files
from mind_dedup.two_pass import TwoPass
from mind_dedup.unit_rules import REPEATED

_MEMORY_PER_BYTE = 3
"""What prints take in memory with the table of their keys, by what they take on disk."""

_LEVEL = 1


def verdicts_name(part: int) -> str:
    """Return the name of the verdicts on the groups of a part, below the work of a job."""
    return f"{RESOLVE}/{part}.verdicts"


@dataclass
class _ReadRecords:
    """Which rows of which ranges were given to the decider, in this order."""

    places: list[int] = field(default_factory=list)
    rows: list[IntArray] = field(default_factory=list)
    sources: list[str] = field(default_factory=list)


def resolve(settings: DedupSettings, context: TaskContext) -> TaskResult:
    """Decide about the groups of one part; write what becomes of each record, range by range."""
    files, part = work_files(context.job_folder), context.task.place
    review, saved = _review(settings, files, part)
    read = _ReadRecords()
    for place, printed in _printed(files, part):
        review.take(printed.prints)
        read.places.append(place)
        read.rows.append(printed.rows)
        read.sources += printed.prints.sources
    review.settle()
    path = context.scratch / "verdicts"
    compressor = zstandard.ZstdCompressor(_LEVEL)
    with SectionWriter(path) as writer:
        kept_at = _kept_at(files, review, read, saved) if settings.clusters else None
        for place, lines in _verdicts(review, read, saved, kept_at):
            writer.add(place, compressor.compress(b"".join(lines)))
        clusters = orjson.dumps(list(saved.clusters(review.tally)))
        writer.add(len(files.ranges), compressor.compress(clusters))
    kept = len(review.tally.decider.store) - len(saved.rows)
    counts = {"records": len(read.sources), "kept": kept}
    name = f"{WORK}/{verdicts_name(part)}"
    return TaskResult({name: path, f"{name}{INDEX}": path.with_name(path.name + INDEX)}, counts)


def _printed(files: WorkFiles, part: int) -> Iterator[tuple[int, PrintedRows]]:
    for place, task in enumerate(files.ranges):
        for data in sections_of(files.work(prints_name(task.name)), part):
            yield place, unpacked_rows(data)


def _review(settings: DedupSettings, files: WorkFiles, part: int) -> tuple[TwoPass, IndexRecords]:
    """Return what decides, as a single process does; on disk if there is more than memory.

    Records of indexes are kept in it already.
    """
    size = sum(bytes_of_part(files.work(prints_name(task.name)), part) for task in files.ranges)
    # On disk only where it must be: a table of all keys is quicker, and the answers are the same.
    bounded = size * _MEMORY_PER_BYTE > settings.memory
    plan = replace(settings.plan, memory=settings.memory if bounded else 0)
    store = Store(settings.memory // 4 if bounded else 1 << 62)
    saved = take_index_records(settings, files, part, store)
    decider = Deduplicator(
        plan.signature, measure=plan.measure, verified=plan.verified, within=settings.within,
        store=store,
    )  # fmt: skip
    tally = RemovalCounts(plan, SummaryBySource(TOOL), decider)
    chunked = ChunkedDeduplicator(decider, settings.memory) if bounded else None
    return TwoPass(tally, settings.mark, want_rejects=False, chunked=chunked), saved


def _kept_at(
    files: WorkFiles, review: TwoPass, read: _ReadRecords, saved: IndexRecords
) -> IntArray:
    """Return the number in the job of each record that stays, by its number in the part."""
    firsts = files.firsts[files.indexes :]
    rows = [firsts[place] + rows for place, rows in zip(read.places, read.rows, strict=True)]
    numbers = np.concatenate([np.zeros(0, np.int64), *rows])
    found = np.concatenate((np.array(saved.numbers, np.int64), np.zeros(len(numbers), np.int64)))
    for row, number in review.kept_rows():
        found[number] = numbers[row]
    return found


def _verdicts(
    review: TwoPass, read: _ReadRecords, saved: IndexRecords, kept_at: IntArray | None
) -> Iterator[tuple[int, list[bytes]]]:
    """Yield of each section that was read its range, and a line for each record that has copies.

    A line has row, size of the cluster, number in the job of the record that stays if it is asked
    for, and id if it is this one. Of what goes also reason, similarity, what its record says of the
    match, and source: also of a first copy that goes with the others.
    """
    sources = iter(read.sources)
    plan = review.tally.plan
    for place, rows in zip(read.places, read.rows, strict=True):
        lines = []
        for row in rows.tolist():
            own, number, size = review.next_row()
            source = next(sources)
            if size == 1:
                continue
            match, goes = review.match(own, number), review.goes(own)
            kept = None if kept_at is None else int(kept_at[number])
            told: list[object] = [row, size, kept, None if goes else orjson.loads(match.kept_id)]
            if goes or (plan.unit != "document" and not plan.units.first):
                told += [match.reason or REPEATED, match.similarity,
                         saved.notes(review.tally, match), source]  # fmt: skip
            lines.append(orjson.dumps(told, option=orjson.OPT_APPEND_NEWLINE))
        yield place, lines


def verdicts_of_range(files: WorkFiles, place: int, parts: int) -> list[list[object]]:
    """Return what becomes of the records of a range that have copies, by row."""
    decompressor = zstandard.ZstdDecompressor()
    found: list[list[object]] = []
    for part in range(parts):
        for data in sections_of(files.work(verdicts_name(part)), place):
            lines = decompressor.decompress(data)
            found += [orjson.loads(line) for line in lines.splitlines()]
    # Parts come one after the other; `apply` goes through the rows of the range once.
    return sorted(found, key=lambda told: int(str(told[0])))


def clusters_of_indexes(files: WorkFiles, parts: int) -> list[list[Any]]:
    """Return size and id of each record of an index that others go for."""
    decompressor = zstandard.ZstdDecompressor()
    found: list[list[Any]] = []
    for part in range(parts):
        for data in sections_of(files.work(verdicts_name(part)), len(files.ranges)):
            found += orjson.loads(decompressor.decompress(data))
    return found
