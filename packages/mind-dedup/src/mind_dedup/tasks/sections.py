"""A file of sections, each for one part of a later stage: written as they come, read part by part.

A task that makes something for every part of the next stage writes one file and not one for each
part: ten thousand tasks by four thousand parts would be more files than a disk has names for.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import TracebackType

import numpy as np
import numpy.typing as npt

IntArray = npt.NDArray[np.int64]

INDEX = ".index"
"""Suffix of the file that says where sections are: part, begin and size of each, as int64."""


class SectionWriter:
    """Write sections to `path`, and where they are to a second file beside it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file = path.open("wb")
        self._rows: list[tuple[int, int, int]] = []

    def __enter__(self) -> SectionWriter:
        """Return the writer; both files are complete at the end of the block."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Sort the index by part, so that one part is found without reading the others."""
        self._file.close()
        # By part, then by place: within a part in the order of writing.
        rows = np.array(sorted(self._rows), np.int64).reshape(-1, 3)
        index_of(self.path).write_bytes(rows.tobytes())

    def add(self, part: int, data: bytes) -> None:
        """Write one section of a part."""
        self._rows.append((part, self._file.tell(), len(data)))
        self._file.write(data)

    @property
    def bytes(self) -> int:
        """Return the bytes written so far."""
        return self._file.tell()


def index_of(path: Path) -> Path:
    """Return the path of the index of a file of sections."""
    return path.with_name(path.name + INDEX)


def sections_of(path: Path, part: int) -> Iterator[bytes]:
    """Yield the sections of one part in the order in which they were written."""
    rows = np.fromfile(index_of(path), np.int64).reshape(-1, 3)
    low, high = np.searchsorted(rows[:, 0], [part, part + 1])
    if low == high:
        return
    with path.open("rb") as file:
        for _, begin, size in rows[low:high].tolist():
            file.seek(begin)
            yield file.read(size)


def bytes_of_part(path: Path, part: int) -> int:
    """Return the bytes of all sections of one part."""
    rows = np.fromfile(index_of(path), np.int64).reshape(-1, 3)
    low, high = np.searchsorted(rows[:, 0], [part, part + 1])
    return int(rows[low:high, 2].sum())
