"""What a loop has found so far."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from mind_sft_select.loop.cells import TunedModel
from mind_sft_select.loop.data import LoopData
from mind_sft_select.loop.plan_file import LoopPlan
from mind_sft_select.references import Reference
from mind_sft_select.strata import Cluster

BAND = "band"
"""Name of the arm of the rule itself."""


@dataclass
class Loop:
    """What a loop has found so far."""

    plan: LoopPlan
    folder: Path
    data: LoopData
    reference: dict[str, Any]
    clusters: list[Cluster] = field(default_factory=list)
    cells: dict[str, list[TunedModel]] = field(default_factory=dict)
    spent: dict[str, list[dict[str, int]]] = field(default_factory=dict)
    """Answer tokens of each cell by language."""
    differentials: np.ndarray | None = None
    """Of each record of the pool [N], once they were measured."""

    @property
    def own(self) -> Reference:
        """Return the reference that gaps are measured from."""
        rows = self.reference[self.plan.use]
        return Reference({language: row["value"] for language, row in rows.items()})
