"""What an engine is: it starts tasks by their numbers, and tells how they ended.

The engine may run a task twice, here and elsewhere at once, or lose it: the commit makes that
harmless. What it must do is to tell how each task that was given to it ended.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from mind_core.direct import full_disk_hint
from mind_core.errors import MindError


@dataclass(frozen=True)
class AttemptResult:
    """How an attempt at a task ended."""

    task: int
    error: MindError | None = None


Execute = Callable[[int], None]
"""Do a task by its number; raises what goes wrong."""


class TaskEngine(Protocol):
    """What starts tasks and tells how they ended."""

    def __enter__(self) -> TaskEngine:
        """Start."""

    def __exit__(self, *error: object) -> None:
        """End what is still at work."""

    def has_room(self) -> bool:
        """Return whether another task can be begun now."""

    def begin(self, task: int) -> None:
        """Start a task of the job on a worker, by its number in the plan."""

    def wait(self, seconds: float) -> list[AttemptResult]:
        """Return the tasks that have ended, after so many seconds at most."""


def attempted(execute: Execute, task: int) -> AttemptResult:
    """Do a task and return how it ended, whatever was raised."""
    try:
        execute(task)
    except MindError as error:
        # Errors of ours go on as they are: their kind decides whether the task is tried again.
        return AttemptResult(task, error)
    except OSError as error:
        failure = MindError("the system refused", cause=error, hint=full_disk_hint(error))
        return AttemptResult(task, failure)
    except BaseException as error:  # sys.exit in a component too must be told
        trace = "".join(traceback.format_exception(error))
        failure = MindError(f"a task failed with {type(error).__name__}: {error}", cause=trace)
        return AttemptResult(task, failure)
    return AttemptResult(task)
