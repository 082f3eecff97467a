"""Drop a page that is mostly repeated phrases, of its own or of its site (MindLLM §2, step 5).

The paper names the rule and no number.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from mind_clean.annotations import TOOL
from mind_core import Reason, Record
from mind_core.records import annotation


@dataclass(frozen=True)
class _PhraseShare:
    """Drop a text of which an earlier step found too large a share to be repeated."""

    max: float

    reason: ClassVar[str]
    measured_as: ClassVar[str]

    def __post_init__(self) -> None:
        """Refuse what is no share."""
        if not 0 <= self.max <= 1:
            raise ValueError(f"max is {self.max}, not a share, 0 to 1")

    def __call__(self, record: Record) -> Reason | None:
        """Return the reason, or None: also for a text that was never measured."""
        share = annotation(record, TOOL).get(self.measured_as)
        if not isinstance(share, int | float) or share <= self.max:
            return None
        return Reason(self.reason, share, self.max)


@dataclass(frozen=True)
class RepeatedPhraseShare(_PhraseShare):
    """Drop a text of which more than 20 % were phrases repeated in a row.

    The step `repeated_phrases` measures it. The paper names the rule and no number.
    """

    max: float = 0.2

    reason = "repeated_phrases"
    measured_as = "repeated_share"


@dataclass(frozen=True)
class SitePhraseShare(_PhraseShare):
    """Drop a page of which more than 80 % is repeated across the pages of its site.

    The step `site_phrases` measures it. The paper names the rule and no number.
    """

    max: float = 0.8

    reason = "site_phrases"
    measured_as = "site_share"
