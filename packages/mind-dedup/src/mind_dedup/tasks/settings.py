"""What all tasks of a job know: the recipe with its components, and how the work is cut."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from mind_core.columns import Renaming
from mind_dedup.config import DedupConfig
from mind_dedup.fingerprint_batch import FingerprintBatch

TOOL = "mind-dedup"
MEMORY = 2_000_000_000
"""Bytes that a task sorts and compares in, if nothing else is said."""

MAX_PARTITIONS = 1 << 16


@dataclass(frozen=True)
class DedupSettings:
    """Hold what the tasks of a job depend on."""

    plan: DedupConfig
    partitions: int
    mark: bool
    level: int | None
    skip_bad: int
    columns: Renaming
    tool: str = TOOL

    @property
    def memory(self) -> int:
        """Return the bytes that a task may hold for sorting and comparing."""
        return self.plan.memory or MEMORY

    @property
    def recipe(self) -> dict[str, Any]:
        """Return the recipe without what no byte of a task depends on.

        The guard looks at the whole job, and memory bounds it; both may be changed on the way.
        """
        return {
            table: values
            for table, values in self.plan.recipe.values.items()
            if table not in ("guard", "run", "index")
        } | {"run": {"weights": self.plan.weights}}

    def take(self, *, with_policy: bool) -> FingerprintBatch:
        """Return what makes prints of a batch, with the scores of the keep policy if wanted."""
        policy = None if self.plan.streams or not with_policy else self.plan.policy
        return FingerprintBatch(self.plan.signature, policy, self.plan.compared)
