"""What a plan says must hold together before anything is counted, opened or named by it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mind_core.untrusted import path_in

if TYPE_CHECKING:
    from mind_core.tasks.plan import TaskPlan

MOST_TASKS = 1 << 20
"""Tasks of a stage that is not cut by the inputs; those that are have a line each in the plan."""


def check_plan(plan: TaskPlan) -> None:
    """Raise `ValueError` for a part of another type, or a number that nothing in the plan bears.

    Raises `MindError` for an input whose name would lead out of a folder: outputs are called so.
    """
    words = [plan.tool, *plan.versions, *plan.versions.values(), *(s.name for s in plan.stages)]
    if not all(isinstance(word, str) for word in words) or not isinstance(plan.settings, dict):
        raise ValueError("a name, a version or the settings are of another type")
    for stage in plan.stages:
        if stage.tasks is not None and not _is_count(stage.tasks, 1, MOST_TASKS):
            raise ValueError(f"stage {stage.name} has {stage.tasks!r:.40} tasks")
    if all(stage.tasks is not None for stage in plan.stages):
        raise ValueError("no stage reads the inputs")
    for one in plan.inputs:
        if not isinstance(one.path, str) or not _is_count(one.size):
            raise ValueError(f"the input {one.name!r:.80} has no path or no size")
        path_in(".", one.name)
    for source, range_ in plan.ranges:
        if not _is_count(source, 0, len(plan.inputs) - 1):
            raise ValueError(f"a range is of input {source!r:.40}")
        numbers = (range_.start, range_.stop, range_.first_line)
        fits = all(map(_is_count, numbers)) and isinstance(range_.sha256, str)
        if not fits or not range_.start <= range_.stop <= plan.inputs[source].size:
            raise ValueError(f"a range of input {source} does not lie within it")


def _is_count(value: object, least: int = 0, most: int = 1 << 62) -> bool:
    return type(value) is int and least <= value <= most
