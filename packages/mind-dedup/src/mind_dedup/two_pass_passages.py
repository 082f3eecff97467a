"""Two passes for passages: all runs of tokens are counted before the first text is shortened."""

from __future__ import annotations

from array import array
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import orjson

from mind_core.errors import BadRecord
from mind_core.kernels.hashing import Hashes
from mind_core.kernels.packed import encode
from mind_core.records import text_of
from mind_core.runner import BatchResult
from mind_core.stream import Batch
from mind_dedup.columns import IntArray, counts_of
from mind_dedup.deduplicator import Match
from mind_dedup.fingerprints import Fingerprints, names_of
from mind_dedup.passages import RepeatedHashes, WaitingHashes, by_part, cut_of, joined, windows_of
from mind_dedup.positions import hashes_of
from mind_dedup.single_pass import RemovalCounts
from mind_dedup.unit_rules import REPEATED
from mind_dedup.units import UnitRemover

REASON = "repeated_passage"


class PassageCounts(NamedTuple):
    """Hold what the first pass makes of a batch: hashes by part, and what records are named by."""

    hashes: Hashes
    ends: IntArray
    prints: Fingerprints


@dataclass
class PassageCounter:
    """Work on a batch of the first pass: hash the runs of its texts."""

    size: int

    def __call__(self, batch: Batch) -> BatchResult:
        """Return the outcome with `PassageCounts` as its payload."""
        outcome = BatchResult()
        texts: list[str] = []
        ids: list[bytes] = []
        sources: list[str] = []
        at: list[int] = []
        for number, line, record in outcome.numbered_records(batch):
            try:
                texts.append(text_of(record, batch.position(number)))
            except BadRecord as error:
                outcome.bad.append((error, line))
                continue
            identity, source = names_of(record, batch, number)
            ids.append(identity)
            sources.append(source)
            at.append(number)
            outcome.keep(line)
        nothing = np.zeros(0, np.uint64)
        ends = np.zeros(len(ids), np.int64)
        prints = Fingerprints(nothing, ends, nothing, ends, ids, sources, [])
        prints.name, prints.at, prints.id_hashes = (
            batch.name,
            np.array(at, np.int64),
            hashes_of(ids),
        )
        hashes, parts = by_part(windows_of(texts, self.size).hashes)
        outcome.payload = PassageCounts(hashes, parts, prints)
        return outcome


class FoundPassages(NamedTuple):
    """Hold which runs of a batch repeat: the row of each, which one it is, its check, its bytes."""

    lines: list[bytes]
    rows: IntArray
    numbers: IntArray
    checks: Hashes
    firsts: IntArray
    lasts: IntArray


@dataclass
class PassageFinder:
    """Work on a batch of the second pass: find the runs that repeat."""

    size: int
    repeated: RepeatedHashes

    def __call__(self, batch: Batch) -> BatchResult:
        """Return the outcome with `FoundPassages` as its payload."""
        outcome = BatchResult()
        lines = [line for _, line in batch.lines()]
        windows = windows_of([orjson.loads(line)["text"] for line in lines], self.size)
        places, numbers = self.repeated.find(windows.hashes)
        # Right, as texts without a run end where the one before does.
        rows = np.searchsorted(windows.row_ends, places, side="right")
        columns = (windows.checks[places], windows.firsts[places], windows.lasts[places])
        outcome.payload = FoundPassages(lines, rows, numbers, *columns)
        outcome.records_in = len(lines)
        return outcome


@dataclass
class TwoPassPassages:
    """Hold what the first pass counts and the second pass needs."""

    tally: RemovalCounts
    mark: bool
    want_rejects: bool

    def __post_init__(self) -> None:
        self._waiting = WaitingHashes()
        self._ids = bytearray()
        self._id_ends = array("Q", [0])
        self._source_numbers: dict[str, int] = {}
        self._source_names: list[str] = []
        self._source_of = array("I")
        self._row = 0
        self._owners = self._checks = np.zeros(0, np.int64)
        self.tally.id_of = self._id_of

    def collect(self, outcome: BatchResult) -> BatchResult:
        """Settle a batch of the first pass: count its runs, and let its lines pass."""
        counted: PassageCounts = outcome.payload
        outcome.payload = None
        outcome.details["runs"] += len(counted.hashes)
        self._waiting.add(counted.hashes, counted.ends)
        prints, tally = counted.prints, self.tally
        tally.summary.count(counts_of(prints.sources))
        tally.positions.keep(tally.positions.packed(prints.name, prints.at))
        tally.ids.add(prints.id_hashes)
        for identity, source in zip(prints.ids, prints.sources, strict=True):
            self._ids += identity
            self._id_ends.append(len(self._ids))
            number = self._source_numbers.setdefault(source, len(self._source_numbers))
            if number == len(self._source_names):
                self._source_names.append(source)
            self._source_of.append(number)
        return outcome

    def second(self) -> Callable[[Batch], BatchResult]:
        """See which runs repeat; return the work of the second pass."""
        rule = self.tally.plan.units
        repeated = RepeatedHashes(self._waiting.repeated(rule.copies))
        self._owners = np.full(len(repeated.hashes), -1, np.int64)
        self._checks = np.zeros(len(repeated.hashes), np.uint64)
        return PassageFinder(rule.tokens, repeated)

    def emit(self, outcome: BatchResult) -> BatchResult:
        """Settle a batch of the second pass: shorten its texts."""
        found: FoundPassages = outcome.payload
        outcome.payload = None
        shorten = UnitRemover(self.tally, self.mark, self.want_rejects)
        edges = np.searchsorted(found.rows, np.arange(len(found.lines) + 1))
        for row, line in enumerate(found.lines):
            part = slice(int(edges[row]), int(edges[row + 1]))
            spans = self._spans(found, part) if part.start < part.stop else []
            shorten(outcome, line, self._matches(line, spans) if spans else [])
            self._row += 1
        return outcome

    def _spans(self, found: FoundPassages, part: slice) -> list[tuple[int, int, int]]:
        """Return the bytes of a text that go, with the record that had each passage first."""
        numbers, checks = found.numbers[part], found.checks[part]
        # Of each repeated run where it is first in this text: there it has its owner,
        # if none had it.
        places, here = np.unique(numbers, return_index=True)
        is_new = self._owners[places] < 0
        is_first = np.zeros(len(numbers), np.bool_)
        is_first[here[is_new]] = True
        self._checks[places[is_new]] = checks[here[is_new]]
        self._owners[places[is_new]] = self._row
        # Another text of the same 64 bits by accident: the second hash says so, and it stays.
        goes = checks == self._checks[numbers]
        if self.tally.plan.units.first:
            goes &= ~is_first
        owners = self._owners[numbers[goes]]
        firsts, lasts = found.firsts[part][goes], found.lasts[part][goes]
        return [(begin, end, int(owners[own])) for begin, end, own in joined(firsts, lasts)]

    def _matches(
        self, line: bytes, spans: list[tuple[int, int, int]]
    ) -> list[tuple[tuple[int, int], Match]]:
        text: str = orjson.loads(line)["text"]
        data = encode(text)
        found: list[tuple[tuple[int, int], Match]] = []
        at = 0
        for begin, end, owner in spans:
            first, last = cut_of(text, begin, end, data)
            is_own = owner == self._row and not self.tally.plan.units.first
            match = Match(owner, self._id_of(owner), REPEATED if is_own else REASON, None)
            # `cut_of` takes along what is no letter or digit, even an accent with which the next
            # span begins: no character goes twice.
            found.append(((max(first, at), last), match))
            at = last
        source = self._source_names[self._source_of[self._row]]
        self.tally.found(source, self._id_of(self._row), found[0][1], marked=self.mark)
        return found

    def _id_of(self, number: int) -> bytes:
        return bytes(self._ids[self._id_ends[number] : self._id_ends[number + 1]])
