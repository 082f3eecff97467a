"""The engines by their names."""

from __future__ import annotations

from mind_core.errors import UsageError
from mind_core.tasks.engines import Execute, TaskEngine
from mind_core.tasks.local_engine import LocalEngine
from mind_core.tasks.options import ENGINES


def engine_for_tasks(
    name: str, address: str | None, at_once: int, cores: int, execute: Execute
) -> TaskEngine:
    """Return an engine by name; `cores` is what a task may use. Raises `UsageError`."""
    if name == "local":
        if address is not None:
            raise UsageError("--address is of another engine", hint="add --engine ray")
        return LocalEngine(at_once, execute)
    if name != "ray":
        raise UsageError(f"there is no engine {name!r}", hint=f"known: {', '.join(ENGINES)}")
    from mind_core.tasks.ray_engine import RayEngine

    return RayEngine(address, cores, execute)
