"""Tasks, groups and tags that lm-eval ships, by name; their prompts are built by our task."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from lm_eval.tasks import TaskManager
from lm_eval.tasks._factory import TaskFactory

from mind_core.errors import UsageError, did_you_mean
from mind_eval.prompts.sources import Fits, hub_task


class Factory(TaskFactory):  # type: ignore[misc]  # lm-eval has no types
    """Make lm-eval's tasks of YAML with our shots; those that are Python code are its own."""

    def __init__(self, make: Any) -> None:
        super().__init__()
        self.make = make

    def _build_task(self, entry: Any, overrides: dict[str, Any] | None) -> Any:
        config = self._load_full_config(entry, overrides)
        # A task that is Python code of lm-eval's builds its own prompts.
        if "class" in config:
            return super()._build_task(entry, overrides)
        for key in ("tag", "group", "task_list"):
            config.pop(key, None)
        return self.make(config)


def load_named(
    names: Sequence[str], fits: Fits, *, shots: int | None, seed: int, hub: bool
) -> dict[str, Any]:
    """Load tasks by name as lm-eval's `TaskManager.load` does: `tasks`, `groups`, `group_map`.

    Raises `UsageError` for a name that lm-eval has not, `MindError` for data that cannot be had.
    """
    index = TaskManager()
    known = index.all_tasks
    for name in names:
        if name not in known:
            raise UsageError(
                f"lm-eval has no task {name!r}",
                hint=did_you_mean(name, known) or "give a FILE.yaml",
            )
    # The one place where lm-eval turns a config into a task; groups and tags stay its own.
    index._factory = Factory(partial(hub_task, fits=fits, shots=shots, seed=seed, hub=hub))
    loaded: dict[str, Any] = index.load(list(names))
    return loaded
