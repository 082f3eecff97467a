"""The files of one shard: written and hashed at once."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mind_tok.document_batch import DocumentBatch

ENDS = np.dtype("<u8")
SIZES = np.dtype("<u8")
GROUPS = np.dtype("<u2")
MASK = np.dtype("u1")


class HashedFile:
    """A file that knows its size and hash when it is closed."""

    def __init__(self, path: Path) -> None:
        self.name = path.name
        self._file: BinaryIO = path.open("wb")
        self._hash = hashlib.sha256()
        self._size = 0

    def write(self, data: bytes) -> None:
        """Write and hash data."""
        self._file.write(data)
        self._hash.update(data)
        self._size += len(data)

    def finish(self) -> dict[str, Any]:
        """Sync and close the file; return its size and hash."""
        self._file.flush()
        # On disk before the manifest names it: a power cut leaves no manifest of empty files.
        os.fsync(self._file.fileno())
        self._file.close()
        return {"size": self._size, "sha256": self._hash.hexdigest()}

    def close(self) -> None:
        """Close the file of a run that failed."""
        self._file.close()


class ShardFile:
    """The files of one shard while documents are added to it."""

    def __init__(self, folder: Path, name: str, *, with_mask: bool) -> None:
        self.name = name
        self.tokens = self.documents = self.bytes = 0
        suffixes = ("bin", "ends", "sizes", "groups", *(("mask",) if with_mask else ()))
        self._files = {suffix: HashedFile(folder / f"{name}.{suffix}") for suffix in suffixes}

    def add(
        self, block: DocumentBatch, ids: NDArray[Any], groups: NDArray[Any], first: int, last: int
    ) -> None:
        """Add documents from the first up to the last of a block; `groups` are our numbers."""
        start = int(block.ends[first - 1]) if first else 0
        end = int(block.ends[last - 1])
        # Ends count from the shard's beginning, those of the block from its own.
        ends = block.ends[first:last] + (self.tokens - start)
        sizes = block.sizes[first:last]
        self._files["bin"].write(ids[start:end].tobytes())
        self._files["ends"].write(ends.astype(ENDS).tobytes())
        self._files["sizes"].write(sizes.astype(SIZES).tobytes())
        # From the numbers of the block's names to those of the folder's.
        self._files["groups"].write(groups[block.groups[first:last]].tobytes())
        if block.mask is not None:
            self._files["mask"].write(block.mask[start:end].tobytes())
        self.tokens += end - start
        self.documents += last - first
        self.bytes += int(sizes.sum())

    def finish(self, split: str) -> dict[str, Any]:
        """Close all files and return what the manifest says of the shard."""
        return {
            "name": self.name,
            "split": split,
            "tokens": self.tokens,
            "documents": self.documents,
            "bytes": self.bytes,
            "files": {file.name: file.finish() for file in self._files.values()},
        }

    def close(self) -> None:
        """Close all files of a run that failed."""
        for file in self._files.values():
            file.close()


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
