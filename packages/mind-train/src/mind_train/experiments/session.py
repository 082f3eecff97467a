"""What every verb does with a plan and a store: read, check, run, gather."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from mind_core.errors import MindError
from mind_core.plugins import Plugins
from mind_core.progress import Progress
from mind_train.experiments.cell import Cell
from mind_train.experiments.cells import cells_of
from mind_train.experiments.estimate import cost_of, cost_text
from mind_train.experiments.plan_file import Plan, read_plan
from mind_train.experiments.prepared_data import prepare
from mind_train.experiments.results import Results, gather
from mind_train.experiments.running import run_cells
from mind_train.experiments.store import CellStore
from mind_train.shards import Shards


@dataclass(frozen=True)
class Session:
    """A plan with its shards, cells and store."""

    plan: Plan
    store: CellStore
    plugins: Plugins
    shards: Shards
    cells: list[Cell]

    @classmethod
    def open(cls, path: Path, store: Path, plugins: Plugins, kind: str | None = None) -> Session:
        """Read a plan and expand it; raises MindError where it was changed since it was begun."""
        plan = read_plan(path, kind)
        shards = Shards.open(plan.shard_folders(), "text")
        found = CellStore(store)
        found.check(plan, shards.fingerprint)
        return cls(plan, found, plugins, shards, cells_of(plan, plugins, shards))

    def cost(self) -> str:
        """Say what the plan is and what is left to do."""
        vocab = int(self.shards.tokenizer["vocab_size"])
        cost = cost_of(self.plan, self.cells, self.store, self.plugins, vocab)
        return cost_text(self.plan, self.cells, cost)

    def run(self, live: Progress, quiet: bool, retry: bool = False) -> None:
        """Register the plan and run what is not finished; raises MindError where cells fail."""
        self.store.register(self.plan, self.shards.fingerprint)
        self.run_more(self.cells, live, quiet, retry)

    def run_more(self, cells: list[Cell], live: Progress, quiet: bool, retry: bool = False) -> None:
        """Run cells, also those that follow from results; raises MindError where some fail."""
        run_cells(self.plan, cells, self.store, self.plugins, live, quiet, retry)
        failed = [cell for cell in cells if self.store.state(cell) == "failed"]
        if failed:
            raise MindError(
                f"{len(failed)} of {len(cells)} cells of {self.plan.name} have failed",
                cause=self.store.cause(failed[0]),
                hint="tables leave them out with a line; --retry tries them again",
            )

    def results(self, size: str | None = None) -> Results:
        """Gather the finished cells; raises MindError where there is none."""
        found = gather(self.plan, self.cells, self.store, size)
        if not found.final:
            raise MindError(
                f"no cell of {self.plan.name} is finished", hint="run the plan first: … run PLAN"
            )
        return found

    def prepared(self) -> Path:
        """Return the shards of the first cell, made if they are not there."""
        return prepare(self.cells[0].preparation, self.plan.shard_folders(), self.store.folder)
