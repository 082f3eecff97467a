"""What a run did: counts, reasons, components; one line for people, JSON for machines."""

from __future__ import annotations

import platform
import time
from collections import Counter
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Any

from mind_core.files import as_json, atomic_file
from mind_core.kernels import loops_of
from mind_core.progress import duration, said


@dataclass
class Summary:
    """Count what went in and what became of it; in = kept + rejected + bad, always."""

    tool: str
    records_in: int = 0
    kept: int = 0
    rejected: Counter[str] = field(default_factory=Counter)
    marked: Counter[str] = field(default_factory=Counter)
    bad: Counter[str] = field(default_factory=Counter)
    bytes_in: int = 0
    bytes_out: int = 0
    seed: int | None = None
    recipe: dict[str, Any] = field(default_factory=dict)
    components: dict[str, str] = field(default_factory=dict)
    details: dict[str, Any] = field(default_factory=dict)
    note: str = ""
    started: float = field(default_factory=time.monotonic)

    def check(self) -> None:
        """Assert that no record was lost."""
        # Marked records are kept ones, and no part of the sum.
        total = self.kept + self.rejected.total() + self.bad.total()
        assert self.records_in == total, f"{self.records_in} in, but {total} accounted for"

    def line(self) -> str:
        """Return the one line for people, without the tool's name."""
        seconds = time.monotonic() - self.started
        return counts_line(self.records_in, self.kept, self.bad.total(), seconds, self.note)

    def as_dict(self) -> dict[str, Any]:
        """Return the summary as JSON values. `seconds` is the only value that varies."""
        return {
            "tool": self.tool,
            "version": version_of(self.tool),
            "complete": True,
            "in": self.records_in,
            "kept": self.kept,
            # By name, and not in the order in which they came up: summaries are compared.
            "rejected": dict(sorted(self.rejected.items())),
            "marked": dict(sorted(self.marked.items())),
            "bad": dict(sorted(self.bad.items())),
            "bytes_in": self.bytes_in,
            "bytes_out": self.bytes_out,
            "seed": self.seed,
            "recipe": self.recipe,
            "components": dict(sorted(self.components.items())),
            "python": platform.python_version(),
            **({"loops": loops} if (loops := loops_of(self.tool.replace("-", "_"))) else {}),
            "details": self.details,
            "seconds": round(time.monotonic() - self.started, 3),
        }

    def as_json(self) -> bytes:
        """Return the summary as indented JSON; asserts that no record was lost."""
        self.check()
        return as_json(self.as_dict())

    def write(self, path: str | Path) -> None:
        """Write the summary as JSON, atomically; a file that exists is of a run that succeeded."""
        with atomic_file(path) as file:
            file.write(self.as_json())


def counts_line(records_in: int, kept: int, bad: int, seconds: float, note: str = "") -> str:
    """Return the line for people about what became of records, in the user's language."""
    share = f" ({kept / records_in:.1%})" if records_in else ""
    parts = [said("{N} in", N=f"{records_in:,}"), said("{N} kept", N=f"{kept:,}") + share]
    parts += [said("{N} bad", N=f"{bad:,}")] if bad else []
    line = said(", ").join([*parts, duration(seconds)])
    return f"{line}{said('; ')}{said(note)}" if note else line


def version_of(distribution: str) -> str:
    """Return a distribution's version, or "unknown" where it runs without being installed."""
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return "unknown"
