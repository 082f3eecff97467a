"""Drop a page that has next to no running text: a menu, a shell for scripts, a link farm."""

from __future__ import annotations

from dataclasses import dataclass

from mind_clean.annotations import TOOL
from mind_core import Reason, Record
from mind_core.records import annotation

NOTE = "running_text"


@dataclass(frozen=True)
class RunningText:
    """Drop a page with under 800 letters of running text; under 200 if the page is mostly text.

    A Chinese character is two and a half letters. "Mostly text" is a density of 0.75 (MindLLM §2):
    a short notice on a page without menus is one, not a page that lost its text.
    """

    min: int = 800
    dense: float = 0.75
    min_of_dense: int = 200

    def __post_init__(self) -> None:
        """Refuse what is no count or no share."""
        for name in ("min", "min_of_dense"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} is {getattr(self, name)}, not a count, 0 or more")
        if not 0 <= self.dense <= 1:
            raise ValueError(f"dense is {self.dense}, not a share, 0 to 1; 75 % is 0.75")

    def __call__(self, record: Record) -> Reason | None:
        """Return "little_text", or None: also for a text whose page was never measured.

        The extractor's step measures both, as `metadata.mind.clean.running_text` and `.density`.
        """
        known = annotation(record, TOOL)
        letters, density = known.get(NOTE), known.get("density")
        if not isinstance(letters, int | float):
            return None
        is_dense = isinstance(density, int | float) and density >= self.dense
        min_letters = min(self.min, self.min_of_dense) if is_dense else self.min
        return None if letters >= min_letters else Reason("little_text", letters, min_letters)
