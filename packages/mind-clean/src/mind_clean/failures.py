"""A component that fails on a record: who failed, where, and why."""

from __future__ import annotations

from mind_core.errors import BadRecord


class FailedComponent(BadRecord):
    """Report that a component raised, or returned what it must not; counts as a bad record."""

    def __init__(self, component: str, position: str, line: bytes, cause: str) -> None:
        super().__init__("component_failed", position, line, cause=cause)
        self.message = f"{position}: {component} failed on this record"
        self.hint = (
            "report it to the author of the plugin, or let such records pass with --skip-bad N "
            "(counted, and written to --rejects)"
        )
