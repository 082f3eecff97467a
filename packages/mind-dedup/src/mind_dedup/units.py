"""Paragraphs or lines instead of whole records: each is compared, and only it is removed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import numpy as np
import orjson

from mind_core.errors import BadRecord
from mind_core.records import Record, annotate, describe, encode, text_of
from mind_core.runner import BatchResult
from mind_core.stream import Batch
from mind_dedup.columns import counts_of
from mind_dedup.config import DedupConfig
from mind_dedup.deduplicator import Match
from mind_dedup.fingerprint_batch import FingerprintBatch, scores_of
from mind_dedup.fingerprints import Fingerprints, names_of
from mind_dedup.positions import hashes_of
from mind_dedup.single_pass import TOOL, RemovalCounts
from mind_dedup.unit_rules import Found, width_of

_ENDS = {"paragraph": re.compile(r"\n[^\S\n]*\n\s*"), "line": re.compile(r"\n")}

NOTHING_LEFT = "nothing_left"


class Units(NamedTuple):
    """Hold the prints of a batch's units, and of each record its line and where its units are."""

    prints: Fingerprints
    lines: list[bytes]
    spans: list[list[tuple[int, int]]]
    numbers: list[int]
    """Of each record: the number of its line."""


class Matches(Protocol):
    """What removing units asks about their matches."""

    @property
    def plan(self) -> DedupConfig:
        """Return the configuration of the deduplication, checked."""

    def match_notes(self, match: Match) -> dict[str, Any]:
        """Return what records say of a match."""

    def reason(self, match: Match) -> str:
        """Return the reason with its measurement, if there was one."""


def spans_of(text: str, unit: str, min_width: int) -> Iterator[tuple[int, int]]:
    """Yield where the units of a width of `min_width` or more are, with the break that follows."""
    begin = 0
    # The break belongs to the unit before it: where that goes, no blank line is left.
    for end in [*(match.end() for match in _ENDS[unit].finditer(text)), len(text)]:
        if width_of(text[begin:end].strip()) >= max(min_width, 1):
            yield begin, end
        begin = end


@dataclass
class FingerprintUnits:
    """Work on a batch: cut its texts into units and make the prints of those."""

    take: FingerprintBatch
    unit: str
    min_width: int

    def __call__(self, batch: Batch) -> BatchResult:
        """Return the batch's outcome with `Units` as its payload."""
        outcome = BatchResult()
        units: list[Record] = []
        ids: list[bytes] = []
        sources: list[str] = []
        lines: list[bytes] = []
        spans: list[list[tuple[int, int]]] = []
        at: list[int] = []
        names: list[bytes] = []
        numbers: list[int] = []
        for number, line, record in outcome.numbered_records(batch):
            try:
                text = text_of(record, batch.position(number))
            except BadRecord as error:
                outcome.bad.append((error, line))
                continue
            own = list(spans_of(text, self.unit, self.min_width))
            lines.append(line)
            spans.append(own)
            numbers.append(number)
            identity, source = names_of(record, batch, number)
            names.append(identity)
            at += [number] * len(own)
            # A unit has the id, source and line of its record, by which a match names it.
            ids += [identity] * len(own)
            sources += [source] * len(own)
            units += [{**record, "text": text[begin:end].strip()} for begin, end in own]
        prints = Fingerprints(*self.take.take(units), ids, sources, [], len(batch.data))
        prints.keys = self.take.keys_of(prints.keys)
        prints.name, prints.at = batch.name, np.array(at, np.int64)
        prints.id_hashes = hashes_of(names)
        if self.take.policy is not None:
            prints.scores = scores_of(self.take.policy, units, prints.ids)
        outcome.payload = Units(prints, lines, spans, numbers)
        return outcome


@dataclass
class UnitRemover:
    """Take out of a text what repeats, or mark it there."""

    tally: Matches
    mark: bool
    want_rejects: bool

    def __call__(self, outcome: BatchResult, line: bytes, found: Found) -> Found:
        """Keep a line as it came if nothing was found in it, else shortened or marked.

        Return what was taken out; of what is only marked nothing.
        """
        if not found:
            outcome.keep(line)
            return ()
        record = orjson.loads(line)
        text: str = record["text"]
        found = self.tally.plan.units.without_headings(text, found)
        if not found:
            outcome.keep(line)
            return ()
        outcome.details["units_removed" if not self.mark else "units_marked"] += len(found)
        if self.mark:
            spans = [[*span, self.tally.match_notes(match)] for span, match in found]
            annotate(record, "dedup", signature=self.tally.plan.name, spans=spans)
            outcome.keep(encode(record))
            outcome.marked[f"{self.tally.plan.name}.{self.tally.plan.unit}"] += 1
            return ()
        pieces, at = [], 0
        for (begin, end), match in found:
            pieces.append(text[at:begin])
            at = end
            if self.want_rejects:
                self._reject_unit(outcome, record, text[begin:end], match)
        rest = "".join([*pieces, text[at:]])
        if not text[: found[0][0][0]].strip():  # no blank line where the first line was
            rest = rest.lstrip("\n")
        if rest.strip():
            # A text that ended without a line feed does so still, also where its last line went.
            record["text"] = rest if text.endswith("\n") else rest.rstrip("\n")
            annotate(record, "dedup", units_removed=len(found))
            outcome.keep(encode(record))
        else:
            outcome.reject(record, TOOL, self.tally.plan.name, NOTHING_LEFT)
        return found

    def _reject_unit(self, outcome: BatchResult, record: Record, text: str, match: Match) -> None:
        """Write a removed unit to the rejects; it is no record, and is not counted as one."""
        lost: Record = {key: record[key] for key in ("id", "source", "url") if key in record}
        lost["text"] = text
        annotate(
            lost, "rejected", tool=TOOL, step=self.tally.plan.name, unit=self.tally.plan.unit,
            **describe(self.tally.reason(match)), **self.tally.match_notes(match),
        )  # fmt: skip
        outcome.rejects.append(encode(lost))


@dataclass
class SinglePassUnits:
    """Settle a batch in its turn: take what repeats out of the texts."""

    tally: RemovalCounts
    shorten: UnitRemover

    def __call__(self, outcome: BatchResult) -> BatchResult:
        """Return the outcome with its lines kept as they came, shortened, or rejected."""
        units: Units = outcome.payload
        outcome.payload = None
        tally, prints = self.tally, units.prints
        matches = tally.decide(prints)
        tally.summary.count(counts_of(prints.sources))
        outcome.details["units"] += len(matches)
        row = 0
        for line, spans in zip(units.lines, units.spans, strict=True):
            found = []
            for at, span in enumerate(spans, row):
                if (match := matches[at]) is not None:
                    found.append((span, match))
                    tally.joined(prints.ids[at], match, marked=self.shorten.mark)
            # A heading of what stays is found, and stays: only what goes counts as removed.
            for _, match in self.shorten(outcome, line, found):
                tally.summary.count_removed(prints.sources[row], prints.ids[row], match.kept_id)
            row += len(spans)
        return outcome
