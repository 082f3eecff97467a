"""Drop a page of which little was worth keeping (MindLLM §2, step 2)."""

from __future__ import annotations

from dataclasses import dataclass

from mind_clean.annotations import TOOL
from mind_core import Reason, Record
from mind_core.records import annotation


@dataclass(frozen=True)
class TextDensity:
    """Drop a page whose main text is under 75 % of its visible characters (MindLLM, step 2)."""

    min: float = 0.75

    def __post_init__(self) -> None:
        """Refuse what is no share: percent would drop every page."""
        if not 0 <= self.min <= 1:
            raise ValueError(f"min is {self.min}, not a share, 0 to 1; 75 % is 0.75")

    def __call__(self, record: Record) -> Reason | None:
        """Return "low_density", or None: also for a text whose page was never measured.

        The extractor's step measures it, as `metadata.mind.clean.density`.
        """
        density = annotation(record, TOOL).get("density")
        if not isinstance(density, int | float) or density >= self.min:
            return None
        return Reason("low_density", density, self.min)
