"""Two passes: all records are compared before the first is written, best first if a policy says so.

The first pass takes the prints and lets the lines wait on disk. Then all is decided; the second
pass writes, and knows of each record the size of its cluster.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import orjson

from mind_core.records import Record
from mind_core.runner import BatchResult
from mind_core.stream import Batch
from mind_dedup.clusters import EXCERPT, ClusterTable, weight_of
from mind_dedup.columns import counts_of
from mind_dedup.deduplicator import Match
from mind_dedup.fingerprints import Fingerprints
from mind_dedup.single_pass import RemovalCounts, keep_lines, marked
from mind_dedup.sorted_runs import ChunkedDeduplicator, in_parts
from mind_dedup.store import Store

_ROWS_AT_ONCE = 1024


def pass_lines(batch: Batch) -> BatchResult:
    """Hand the lines of the second pass over; they are records, the first pass has seen to that."""
    outcome = BatchResult()
    outcome.payload = [line for _, line in batch.lines()]
    outcome.records_in = len(outcome.payload)
    return outcome


@dataclass
class TwoPass:
    """Hold what the first pass finds and the second pass needs."""

    goes_if_found: ClassVar[bool] = True
    """Whether what is found goes; units may stay, which the second pass knows and counts."""

    tally: RemovalCounts
    mark: bool
    want_rejects: bool
    table: ClusterTable | None = None
    chunked: ChunkedDeduplicator | None = None
    """Decides with bounded memory, if there is a bound."""

    def __post_init__(self) -> None:
        plan = self.tally.plan
        # With no other order than that of reading, records are decided as they come,
        # and no prints wait.
        self.at_once = plan.streams and self.chunked is None
        self.pending = Store(plan.memory // 4 if plan.memory else 1 << 62)
        self.scores = array("d")
        self._numbers, self._similarities = array("q"), array("d")
        self._reasons = bytearray()
        self._known_reasons: list[str] = [""]
        self._sources, self._source_names = array("I"), dict[int, str]()
        self._source_numbers: dict[str, int] = {}
        self._row = 0
        self._at = array("q")
        """Of all rows: where they came from."""

    def collect(self, outcome: BatchResult) -> BatchResult:
        """Settle a batch of the first pass: decide if that can be, and let the lines pass."""
        prints: Fingerprints = outcome.payload
        outcome.payload = None
        keep_lines(outcome, prints.lines, np.arange(len(prints)))
        self.take(prints)
        return outcome

    def take(self, prints: Fingerprints) -> None:
        """Count a batch, and decide about it if that can be, or let its prints wait."""
        self.tally.summary.count(counts_of(prints.sources))
        self.tally.ids.add(prints.id_hashes)
        if self.tally.pool is not None:
            self.tally.pool.add(prints.pool, prints.ids)
        self._at.frombytes(self.tally.positions.packed(prints.name, prints.at).tobytes())
        if self.at_once:
            self._note(range(len(self._numbers), len(self._numbers) + len(prints)), prints)
        else:
            everything = np.ones(len(prints), np.bool_)
            self.pending.add(prints, everything, np.ones(len(prints.keys), np.bool_))
            self.scores.extend(prints.scores)
            for source in prints.sources:
                number = self._source_numbers.setdefault(source, len(self._source_numbers))
                self._source_names[number] = source
                self._sources.append(number)

    def second(self) -> Callable[[Batch], BatchResult]:
        """Decide what is not decided yet; return the work of the second pass."""
        self.settle()
        return pass_lines

    def settle(self) -> None:
        """Decide what is not decided yet."""
        if not self.at_once:
            if self.scores:
                # The highest score first; of equal ones the record that came first.
                rows = np.argsort(-np.frombuffer(self.scores, np.float64), kind="stable")
            else:
                rows = np.arange(len(self.pending))
            if self.chunked is None:
                for part in in_parts(rows, _ROWS_AT_ONCE):
                    self._note(part, self._prints(part))
            else:
                for part, prints in self.chunked.parts(rows, self._prints):
                    self._note(part, prints)

    def next_row(self) -> tuple[int, int, int]:
        """Return the number of the next row, of the record that it is or duplicates, and a size."""
        row, self._row = self._row, self._row + 1
        number = self._numbers[row]
        return row, number, self.tally.sizes.of(number)

    def emit(self, outcome: BatchResult) -> BatchResult:
        """Settle a batch of the second pass: write what became of its records."""
        lines: list[bytes] = outcome.payload
        outcome.payload = None
        plan = self.tally.plan
        for line in lines:
            row, number, size = self.next_row()
            if self.goes(row):
                self._emit_duplicate(outcome, line, row, number, size)
            elif size > 1 and (self.mark or plan.weights):
                notes: dict[str, Any] = {"cluster_size": size}
                if plan.weights:
                    notes["weight"] = weight_of(size, plan.weights)
                marked(outcome, line, plan, "", notes)
            else:
                outcome.kept.append(line + b"\n")
            # The size is known only now: in the first pass a cluster may still grow.
            if self.table is not None and size > 1:
                record = orjson.loads(line)
                self.table.add(number, self.member(record, self._text(record), row, number, size))
        return outcome

    def _text(self, record: Record) -> Any:
        compared = self.tally.plan.compared
        return record.get("text") if compared.is_text else compared(record)

    def _emit_duplicate(
        self, outcome: BatchResult, line: bytes, row: int, number: int, size: int
    ) -> None:
        match = self.match(row, number)
        if self.mark:
            notes: dict[str, Any] = {"signature": self.tally.plan.name, "reason": match.reason}
            notes |= {**self.tally.match_notes(match), "cluster_size": size}
            marked(outcome, line, self.tally.plan, match.reason, notes)
        else:
            record = orjson.loads(line) if self.want_rejects else {}
            self.tally.reject(outcome, record, match, cluster_size=size)

    def goes(self, row: int) -> bool:
        """Say whether a row is a duplicate."""
        return self._reasons[row] != 0

    def kept_rows(self) -> Iterator[tuple[int, int]]:
        """Yield the row and the number of each record that stays."""
        for row, number in enumerate(self._numbers):
            if not self.goes(row):
                yield row, number

    def match(self, row: int, number: int) -> Match:
        """Return the match of a row; one that stays has no reason."""
        similarity = self._similarities[row]
        return Match(
            number,
            self.tally.decider.store.id_of(number),
            self._known_reasons[self._reasons[row]],
            None if similarity < 0 else similarity,
        )

    def member(self, record: Record, text: Any, row: int, number: int, size: int) -> dict[str, Any]:
        """Return the line of the table of clusters for a row."""
        match = self.match(row, number)
        told = self.tally.match_notes(match) if match.reason else {}
        return {
            "cluster": orjson.loads(match.kept_id),
            "cluster_at": self.tally.positions.of(number),
            "size": size,
            "id": record.get("id"),
            "at": self.tally.positions.name(self._at[row]),
            "kept": not match.reason,
            "reason": match.reason or None,
            "similarity": told.get("similarity"),
            "source": record.get("source"),
            "text": text[:EXCERPT] if isinstance(text, str) else None,
        }

    def _note(self, rows: range | tuple[int, ...], prints: Fingerprints) -> None:
        """Decide about rows and note the answers; those of a policy's order come at any place."""
        decider = self.tally.decider
        number = len(decider.store)
        missing = (max(rows, default=-1) + 1) - len(self._numbers)
        if missing > 0:
            self._numbers.extend([-1] * missing)
            self._similarities.extend([-1.0] * missing)
            # 0 is the reason "": a record that stays.
            self._reasons.extend(bytes(missing))
        for place, (row, match) in enumerate(zip(rows, decider.decide(prints), strict=True)):
            self.tally.note_in_pool(row, match)
            if match is None:
                self._numbers[row] = number
                # In the order of keeping, which is that of the numbers, not of the rows.
                self.tally.positions.keep((self._at[row],))
                number += 1
                continue
            self._numbers[row] = match.number
            self._similarities[row] = -1.0 if match.similarity is None else match.similarity
            if match.reason not in self._known_reasons:
                self._known_reasons.append(match.reason)
            self._reasons[row] = self._known_reasons.index(match.reason)
            source, identity = prints.sources[place], prints.ids[place]
            if self.goes_if_found:
                self.tally.found(source, identity, match, marked=self.mark)
            else:
                self.tally.joined(identity, match, marked=self.mark)

    def _prints(self, rows: tuple[int, ...]) -> Fingerprints:
        """Return the waiting prints of some rows."""
        # Without a policy rows are neighbours, and one read gives what lies side by side on disk.
        if len(rows) == rows[-1] - rows[0] + 1 and self.tally.plan.streams:
            known, ids = self.pending.stretch(rows[0], rows[-1] + 1)
        else:
            known, ids = self.pending.gather(rows), [self.pending.id_of(row) for row in rows]
        sources = [self._source_names[self._sources[row]] for row in rows]
        return Fingerprints(
            known.keys, known.key_ends, known.sets, known.set_ends, ids, sources, [],
            known.sets.nbytes,
        )  # fmt: skip
