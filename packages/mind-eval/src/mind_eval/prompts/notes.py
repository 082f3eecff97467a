"""What was done to the prompts of a task, for the report."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

NO_POOL = "none"


@dataclass
class PromptNotes:
    """Count the shots that were kept, the prompts that do not fit even without, and chance."""

    asked: int = 0
    kept: Counter[int] = field(default_factory=Counter)
    overlong: list[str] = field(default_factory=list)
    chances: list[float] = field(default_factory=list)
    pool: str = NO_POOL
    order: str = ""

    @property
    def chance(self) -> float | None:
        """Give the accuracy of guessing, mean over items; None where nothing is chosen."""
        return math.fsum(self.chances) / len(self.chances) if self.chances else None

    def as_dict(self) -> dict[str, Any]:
        """Give the notes as JSON values; `kept` maps a number of shots to the items with it."""
        items = self.kept.total()
        return {
            "asked": self.asked,
            "kept": {str(number): count for number, count in sorted(self.kept.items())},
            "kept_mean": sum(n * c for n, c in self.kept.items()) / items if items else None,
            "overlong_without_shots": len(self.overlong),
            "overlong_items": self.overlong[:20],
            "pool": self.pool,
            "order": self.order,
        }
