"""What becomes of the paragraphs or lines of a range: those that repeat are taken out of texts."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import orjson

from mind_core.runner import BatchResult
from mind_dedup.config import DedupConfig
from mind_dedup.deduplicator import Match
from mind_dedup.single_pass import measured
from mind_dedup.tasks.sections import IntArray
from mind_dedup.tasks.settle import Applying, RecordLines
from mind_dedup.units import UnitRemover, spans_of

UNITS_GONE = ("units_removed", "units_marked")


@dataclass
class _ToldMatches:
    """The matches of one record, as the stage before told of them, by their place among them."""

    plan: DedupConfig
    notes: list[dict[str, Any]] = field(default_factory=list)

    def match_notes(self, match: Match) -> dict[str, Any]:
        """Return what records say of a match."""
        return self.notes[match.number]

    def reason(self, match: Match) -> str:
        """Return the reason with its measurement, if there was one."""
        return measured(self.plan, match.reason, match.similarity)


@dataclass
class ApplyingUnits(Applying):
    """Shorten the texts of a range in their order."""

    ends: IntArray = field(default_factory=lambda: np.zeros(0, np.int64))
    """Of each record the row behind its last."""

    def __call__(self, outcome: BatchResult) -> BatchResult:
        """Settle a batch in its turn."""
        records: RecordLines = outcome.payload
        outcome.payload = None
        for line in records.lines:
            first = int(self.ends[self._row - 1]) if self._row else 0
            stop = int(self.ends[self._row])
            self._row += 1
            goes = []
            for told in self.until(stop):
                _, size, _, identity, *match = told
                if told[3] is not None:
                    self.add_clusters([[size, identity]])
                if match and size >= self.plan.units.copies:
                    goes.append((told[0] - first, *match))
            if goes:
                self._shorten(outcome, line, goes)
            else:
                outcome.keep(line)
        return outcome

    def _shorten(self, outcome: BatchResult, line: bytes, goes: list[tuple[Any, ...]]) -> None:
        """Take units out of a text, each given by its place, reason, similarity, notes, source."""
        plan, told = self.plan, _ToldMatches(self.plan)
        text = orjson.loads(line)["text"]
        spans = list(spans_of(text, plan.unit, plan.min_characters))
        found = []
        for number, (place, reason, similarity, notes, _) in enumerate(goes):
            told.notes.append(notes)
            found.append((spans[place], Match(number, b"", reason, similarity)))
        gone = UnitRemover(told, self.mark, want_rejects=True)(outcome, line, found)
        source = goes[0][-1]  # of the record: all its units have the same
        self.removed[source] += len(gone)
