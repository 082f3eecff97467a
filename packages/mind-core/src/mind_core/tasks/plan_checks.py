"""What a plan says must hold together before anything is counted, opened or named by it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mind_core.untrusted import path_in

MAX_TASKS = 1 << 20
"""Tasks of a stage that is not cut by the inputs; those that are have a line each in the plan."""


def check_plan(plan: Mapping[str, Any]) -> None:
    """Raise `ValueError` for a part of another type, or a number that nothing in the plan bears.

    `plan` is the JSON of a plan's file. Raises `MindError` for an input whose name would lead out
    of a folder, as outputs are called so; `LookupError` and `TypeError` for a part that is missing.
    """
    stages, inputs, versions = plan["stages"], plan["inputs"], plan["versions"]
    words = [plan["tool"], *versions, *versions.values(), *(one["name"] for one in stages)]
    if not all(isinstance(word, str) for word in words) or not isinstance(plan["settings"], dict):
        raise ValueError("a name, a version or the settings are of another type")
    counts = [one.get("tasks") for one in stages]
    if None not in counts:
        raise ValueError("no stage reads the inputs")
    for tasks in counts:
        if tasks is not None and not _is_count(tasks, 1, MAX_TASKS):
            raise ValueError(f"a stage has {tasks!r:.40} tasks")
    for one in inputs:
        if not isinstance(one["path"], str) or not _is_count(one["size"]):
            raise ValueError(f"the input {one['name']!r:.80} has no path or no size")
        path_in(".", one["name"])
    for source, start, stop, first_line, sha256 in plan["ranges"]:
        if not _is_count(source, 0, len(inputs) - 1):
            raise ValueError(f"a range is of input {source!r:.40}")
        fits = all(map(_is_count, (start, stop, first_line))) and isinstance(sha256, str)
        if not fits or not start <= stop <= inputs[source]["size"]:
            raise ValueError(f"a range of input {source} does not lie within it")


def _is_count(value: object, minimum: int = 0, maximum: int = 1 << 62) -> bool:
    return type(value) is int and minimum <= value <= maximum
