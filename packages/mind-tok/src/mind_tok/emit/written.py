"""A shard as an emitter sees it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple


class ClosedShard(NamedTuple):
    """A shard whose files are closed, as an emitter sees it: `folder / name` with a suffix."""

    folder: Path
    name: str
    id_bytes: int
    """Bytes of an id: 2 or 4."""
    tokens: int
    has_mask: bool
    tokenizer: str
    """What to call the tokenizer."""

    def path(self, suffix: str) -> Path:
        """Return one of the shard's files."""
        return self.folder / f"{self.name}{suffix}"


Emitter = Callable[[ClosedShard], list[Path]]
"""Write an index and return the new files."""


def link(source: Path, target: Path) -> Path:
    """Give a file a second name."""
    target.hardlink_to(source)
    return target
