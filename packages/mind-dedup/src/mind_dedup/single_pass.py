"""One pass: what stays is passed on as it came, what goes is rejected, in order."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import orjson

from mind_core.progress import log
from mind_core.records import Reason, Record, annotate, encode
from mind_core.runner import BatchResult
from mind_dedup.clusters import Sizes
from mind_dedup.columns import IntArray, LineSpans, counts_of, picked
from mind_dedup.config import DedupConfig
from mind_dedup.deduplicator import Deduplicator, Match
from mind_dedup.fingerprints import Fingerprints
from mind_dedup.guard import SummaryBySource
from mind_dedup.pool_report import PoolReport
from mind_dedup.positions import Positions, RepeatedIds
from mind_dedup.signature import threshold_of

TOOL = "mind-dedup"


@dataclass
class RemovalCounts:
    """Count what becomes of records, for the summary and the guard."""

    plan: DedupConfig
    summary: SummaryBySource
    decider: Deduplicator
    index_names: Sequence[str] = ()
    index_ends: Sequence[int] = ()
    pool: PoolReport | None = None

    def __post_init__(self) -> None:
        self.sizes = Sizes(self.plan.guard.max_cluster)
        self.positions = Positions(len(self.decider.store))
        self.ids = RepeatedIds()
        self.id_of: Callable[[int], bytes] = self.decider.store.id_of
        if scheme := getattr(self.plan.signature, "scheme", None):
            self.summary.details["scheme"] = scheme

    def decide(self, prints: Fingerprints) -> list[Match | None]:
        """Decide about a batch in its turn; note where those that stay came from."""
        matches = self.decider.decide(prints)
        stays = np.array([match is None for match in matches], np.bool_)
        self.positions.keep(self.positions.packed(prints.name, prints.at[stays]))
        self.ids.add(prints.id_hashes)
        if self.pool is not None:
            # Rows are numbered over all batches, and those of this one come behind.
            first = len(self.pool.rows)
            self.pool.add(prints.pool, prints.ids)
            for row, match in enumerate(matches, first):
                self.note_in_pool(row, match)
        return matches

    def note_in_pool(self, row: int, match: Match | None) -> None:
        """Tell the report of a pool, if there is one, what becomes of a record."""
        if self.pool is None:
            return
        if match is None:
            self.pool.kept(row)
        else:
            ends = zip(self.index_names, self.index_ends, strict=True)
            index = next((name for name, end in ends if match.number < end), None)
            self.pool.gone(row, match.number, index)

    def found(self, source: str, own_id: bytes, match: Match, *, marked: bool) -> None:
        """Count a record that goes, or is only marked; its id is JSON."""
        self.joined(own_id, match, marked=marked)
        if not marked:
            self.summary.count_removed(source, own_id, match.kept_id)

    def joined(self, own_id: bytes, match: Match, *, marked: bool) -> None:
        """Count a member of a cluster of duplicates, kept or not; `own_id` is its id as JSON."""
        if marked:
            # Marked records stay, so the guard has nothing to stop: neither examples
            # nor a source's count.
            self.sizes.removed[match.number] += 1
        else:
            self.sizes.add(match.number, own_id)

    def check(self) -> None:
        """Complete the summary; raise `GateError` if the guard stops the run."""
        self.summary.details["documents_with_duplicates"] = len(self.sizes.removed)
        records, repeated = self.ids.count()
        if repeated:
            self.summary.details["repeated_ids"] = repeated
            log(
                TOOL,
                f"warning: {repeated:,} of {records:,} records have an id that one before them "
                "has; duplicate_at says which record is meant",
            )
        self.plan.guard.check(
            self.summary.sources,
            self.sizes,
            lambda number: orjson.loads(self.id_of(number)),
        )

    def match_notes(self, match: Match) -> dict[str, Any]:
        """Return what records say of a match: the one that stays, where it is, the similarity."""
        more: dict[str, Any] = {"duplicate_of": orjson.loads(match.kept_id)}
        if (position := self.positions.of(match.number)) is not None:
            more["duplicate_at"] = position
        # Numbers of kept records go on from index to index, in the order in which these
        # were opened.
        first = 0
        for name, end in zip(self.index_names, self.index_ends, strict=True):
            if match.number < end:
                more |= {"index": name, "index_record": match.number - first + 1}
                break
            first = end
        if match.similarity is not None:
            more["similarity"] = round(match.similarity, 4)
        return more

    def reject(self, outcome: BatchResult, record: Record, match: Match, **more: Any) -> None:
        """Reject a record for a match."""
        outcome.reject(
            record, TOOL, self.plan.name, self.reason(match), **self.match_notes(match), **more
        )

    def reason(self, match: Match) -> str:
        """Return the reason with its measurement, if there was one."""
        return measured(self.plan, match.reason, match.similarity)


@dataclass
class SinglePass:
    """Settle a batch in its turn: pass the lines of what stays on as they came."""

    tally: RemovalCounts
    want_rejects: bool

    def __call__(self, outcome: BatchResult) -> BatchResult:
        """Return the outcome with its lines kept or rejected."""
        prints: Fingerprints = outcome.payload
        outcome.payload = None
        matches = self.tally.decide(prints)
        self.tally.summary.count(counts_of(prints.sources))
        stays = np.ones(len(matches), np.bool_)
        found = [(row, match) for row, match in enumerate(matches) if match is not None]
        gone = [row for row, _ in found]
        stays[gone] = False
        sources, ids = picked(prints.sources, gone), picked(prints.ids, gone)
        for (row, match), source, identity in zip(found, sources, ids, strict=True):
            self.tally.found(source, identity, match, marked=False)
            if self.want_rejects:
                self.tally.reject(outcome, orjson.loads(prints.lines[row]), match)
        if not self.want_rejects:  # nobody reads the records again: their counts are all it takes
            for reason, times in Counter(match.reason for _, match in found).items():
                outcome.count_rejected(self.tally.plan.name, reason, times)
        keep_lines(outcome, prints.lines, np.flatnonzero(stays))
        return outcome


def measured(plan: DedupConfig, reason: str, similarity: float | None) -> str:
    """Return a reason with its measurement, if there was one."""
    if similarity is None:  # the keys are the same, and nothing was measured
        return reason
    return Reason(reason, round(similarity, 4), threshold_of(plan.signature))


def keep_lines(outcome: BatchResult, lines: Sequence[bytes], rows: IntArray) -> None:
    """Pass some lines on as they came."""
    if isinstance(lines, LineSpans):
        # Slices of the input as they are: neighbours that stay cost one copy.
        outcome.kept += lines.lines(rows)
        outcome.kept_records = len(rows)
    else:
        outcome.kept += [lines[row] + b"\n" for row in rows.tolist()]


def marked(
    outcome: BatchResult, line: bytes, plan: DedupConfig, reason: str, notes: dict[str, Any]
) -> None:
    """Keep a record with notes under `metadata.mind.dedup`; a reason is counted."""
    record = orjson.loads(line)
    annotate(record, "dedup", **notes)
    outcome.keep(encode(record))
    if reason:
        outcome.marked[f"{plan.name}.{reason}"] += 1
