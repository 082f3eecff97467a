"""Two passes for paragraphs or lines: all are compared before the first text is shortened."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import orjson

from mind_core.runner import BatchResult
from mind_core.stream import Batch
from mind_dedup.fingerprints import identity_of
from mind_dedup.two_pass import TwoPass
from mind_dedup.unit_rules import REPEATED, Found
from mind_dedup.units import UnitRemover, Units, spans_of


@dataclass
class SecondSplit:
    """Work on a batch of the second pass: see where the units are, as in the first."""

    unit: str
    min_width: int

    def __call__(self, batch: Batch) -> BatchResult:
        """Return the outcome with each line and the places of its units as its payload."""
        outcome = BatchResult()
        outcome.payload = [
            (line, list(spans_of(orjson.loads(line)["text"], self.unit, self.min_width)))
            for _, line in batch.lines()
        ]
        outcome.records_in = len(outcome.payload)
        return outcome


@dataclass
class TwoPassUnits(TwoPass):
    """Hold what the first pass finds of units and the second pass needs."""

    goes_if_found: ClassVar[bool] = False

    def collect(self, outcome: BatchResult) -> BatchResult:
        """Settle a batch of the first pass: take its units, and let its lines pass."""
        units: Units = outcome.payload
        outcome.payload = None
        outcome.kept += [line + b"\n" for line in units.lines]
        outcome.details["units"] += len(units.prints)
        self.take(units.prints)
        return outcome

    def second(self) -> Callable[[Batch], BatchResult]:
        """Decide what is not decided yet; return the work of the second pass."""
        self.settle()
        return SecondSplit(self.tally.plan.unit, self.tally.plan.min_characters)

    def emit(self, outcome: BatchResult) -> BatchResult:
        """Settle a batch of the second pass: shorten its texts."""
        lines: list[tuple[bytes, list[tuple[int, int]]]] = outcome.payload
        outcome.payload = None
        rule = self.tally.plan.units
        shorten = UnitRemover(self.tally, self.mark, self.want_rejects)
        for line, spans in lines:
            found = []
            for span in spans:
                row, number, size = self.next_row()
                # The size of the whole cluster, which the first pass has counted to its end.
                if size >= rule.copies and (self.goes(row) or (size > 1 and not rule.first)):
                    match = self.match(row, number)
                    found.append((span, match._replace(reason=match.reason or REPEATED)))
                if self.table is not None and size > 1:
                    self._tell(line, span, row, number, size)
            if gone := shorten(outcome, line, found):
                self._count_gone(line, row, gone)
        return outcome

    def _count_gone(self, line: bytes, row: int, gone: Found) -> None:
        """Count the units that were taken out of a record; `row` is one of them."""
        record = orjson.loads(line)
        identity, source = identity_of(record, str(self.tally.positions.name(self._at[row])))
        for _, match in gone:
            self.tally.summary.count_removed(source, identity, match.kept_id)

    def _tell(self, line: bytes, span: tuple[int, int], row: int, number: int, size: int) -> None:
        """Add a unit to the table of clusters; the id of its record is not enough to tell which."""
        assert self.table is not None
        record = orjson.loads(line)
        member = self.member(record, record["text"][slice(*span)].strip(), row, number, size)
        self.table.add(
            number, {**member, "unit": self.tally.plan.unit, "number": number, "span": span}
        )
