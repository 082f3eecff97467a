"""Drop a page that is mostly one phrase said again and again (MindLLM §2, step 5)."""

from __future__ import annotations

from dataclasses import dataclass

from mind_clean.annotations import TOOL
from mind_core import Reason, Record
from mind_core.records import annotation


@dataclass(frozen=True)
class RepeatedPhraseShare:
    """Drop a text of which more than 20 % were phrases repeated in a row.

    The step `repeated_phrases` measures it. The paper names the rule and no number.
    """

    max: float = 0.2

    def __post_init__(self) -> None:
        """Refuse what is no share."""
        if not 0 <= self.max <= 1:
            raise ValueError(f"max is {self.max}, not a share, 0 to 1")

    def __call__(self, record: Record) -> Reason | None:
        """Return "repeated_phrases", or None: also for a text that was never measured."""
        share = annotation(record, TOOL).get("repeated_share")
        if not isinstance(share, int | float) or share <= self.max:
            return None
        return Reason("repeated_phrases", share, self.max)
