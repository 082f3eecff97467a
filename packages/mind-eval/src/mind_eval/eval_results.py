"""What became of all benchmarks of a run."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from mind_core import Record
from mind_eval.metrics.tasks import TaskMetrics


@dataclass
class EvalResults:
    """What became of all benchmarks."""

    results: dict[str, Any] = field(default_factory=dict)
    about: dict[str, Any] = field(default_factory=dict)
    measured: dict[str, TaskMetrics] = field(default_factory=dict)
    configs: dict[str, Any] = field(default_factory=dict)
    records: list[Record] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)
    bad: dict[str, list[tuple[str, str]]] = field(default_factory=dict)
    submissions: dict[str, dict[str, dict[str, str]]] = field(default_factory=dict)
    pieces: list[list[str]] = field(default_factory=list)
    """Of each record, the texts that could stand in training."""
    contamination: dict[str, Any] = field(default_factory=dict)
    requests: dict[str, int] = field(default_factory=dict)
    refused: dict[str, dict[str, int]] = field(default_factory=dict)
    """Of each benchmark, replies of a server that are no answers, by kind."""

    @property
    def incomplete(self) -> bool:
        """Tell whether anything was set aside."""
        return bool(self.failed or any(self.bad.values()))
