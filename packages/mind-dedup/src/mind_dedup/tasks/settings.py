"""What all tasks of a job know: the recipe with its components, and how the work is cut."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mind_core.columns import Renaming
from mind_core.stream import Batch
from mind_core.tasks.tables import chat_batches_of
from mind_core.tasks.task import TaskContext
from mind_dedup.config import DedupConfig
from mind_dedup.fingerprint_batch import FingerprintBatch
from mind_dedup.signature import reason_of
from mind_dedup.units import FingerprintUnits

TOOL = "mind-dedup"
MEMORY = 2_000_000_000
"""Bytes that a task sorts and compares in, if nothing else is said."""

MAX_PARTITIONS = 1 << 16


@dataclass(frozen=True)
class SavedIndex:
    """An index that a job goes with: as it was named, where it is, and which state of it."""

    name: str
    path: Path
    records: int
    sha256: str
    """Of its manifest, which has the checksum of each segment."""


@dataclass(frozen=True)
class DedupSettings:
    """Hold what the tasks of a job depend on."""

    plan: DedupConfig
    partitions: int
    mark: bool
    level: int | None
    skip_bad: int
    columns: Renaming
    against: tuple[SavedIndex, ...] = ()
    within: bool = True
    """Whether records are compared with each other too, and not with those of indexes alone."""

    clusters: bool = False
    """Whether the members of clusters are written down."""

    tool: str = TOOL

    @property
    def short_keys(self) -> bool:
        """Say whether keys are what an index holds of them."""
        return bool(self.against) and reason_of(self.plan.signature) is None

    def batches(self, context: TaskContext) -> Iterator[Batch]:
        """Yield the records of a task's range; conversations may lie in arrays, which are whole."""
        source, range_ = context.task.source, context.task.range
        if not self.plan.compared.chat:
            return context.batches(self.columns)
        assert source is not None and range_ is not None
        return chat_batches_of(source.path, source.name, range_)

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

    @property
    def cuts(self) -> bool:
        """Say whether parts of texts are compared, paragraphs or lines."""
        return self.plan.unit != "document"

    def take(self, *, with_policy: bool) -> FingerprintBatch | FingerprintUnits:
        """Return what makes prints of a batch, with the scores of the keep policy if wanted."""
        policy = None if self.plan.streams or not with_policy else self.plan.policy
        take = FingerprintBatch(
            self.plan.signature, policy, self.plan.compared, short_keys=self.short_keys
        )
        if self.cuts:
            return FingerprintUnits(take, self.plan.unit, self.plan.min_characters)
        return take
