"""Indexes put together, and the segments of one made into one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mind_core.errors import MindError, UsageError
from mind_core.files import MANIFEST, check_folder, write_json
from mind_core.progress import log
from mind_core.untrusted import as_written
from mind_dedup.index_columns import EXACT, for_index
from mind_dedup.index_files import add_segment, any_manifest, index_lock, segments_of
from mind_dedup.store import RecordBlock

TOOL = "mind-dedup"

_BLOCK_BYTES = 1 << 24
"""Columns of a block in a compact index, about."""


def upkeep(folder: Path | None, merged: Sequence[Path], compacts: bool, quiet: bool) -> None:
    """Add the records of other indexes to one, as they are, and make its segments one."""
    if folder is None:
        raise UsageError("--merge and --compact are for an index", hint="name it: --index DIR")
    if not folder.exists():
        if not merged:
            raise UsageError(f"there is no index {folder}")
        check_folder(folder)
    with index_lock(folder):
        manifest = any_manifest(folder) if (folder / MANIFEST).exists() else None
        for other in merged:
            manifest = _merge(folder, manifest, other)
        assert manifest is not None
        old = [segment["file"] for segment in manifest["segments"]] if compacts else []
        if compacts:
            records, manifest["segments"], manifest["records"] = manifest["records"], [], 0
            # As it lies on disk: the one in memory has lost its segments by now.
            before = {**any_manifest(folder)}
            if records:
                add_segment(folder, manifest, joined(_blocks(folder, before)), records)
        write_json(folder / MANIFEST, manifest)
        # After the manifest: killed before, the index is the old one, and killed here,
        # it has files too many.
        for name in old:
            (folder / name).unlink(missing_ok=True)
    if not quiet:
        size = sum(segment["bytes"] for segment in manifest["segments"])
        count = len(manifest["segments"])
        log(
            TOOL,
            f"{manifest['records']:,} records in {count} segment{'s' * (count != 1)}, "
            f"{size / 1e6:,.1f} MB, in {folder}",
        )


def _merge(folder: Path, manifest: dict[str, Any] | None, other: Path) -> dict[str, Any]:
    """Write the segments of another index into a folder; return its manifest, written as well."""
    theirs = any_manifest(other)
    if other.resolve() == folder.resolve():
        raise UsageError(f"{other} is the index itself")
    if manifest is None:
        manifest = {**theirs, "next": 1, "segments": [], "records": 0}
    for name in ("scheme", "sets"):
        if theirs[name] != manifest[name]:
            raise MindError(
                f"{other} has {name} {theirs[name]!r}, {folder} has {manifest[name]!r}",
                hint="indexes that go together are made with one signature and one [index] sets",
            )
    if theirs["records"]:
        add_segment(folder, manifest, joined(_blocks(other, theirs)), theirs["records"])
    write_json(folder / MANIFEST, manifest)
    return manifest


def _blocks(folder: Path, manifest: dict[str, Any]) -> Iterator[RecordBlock]:
    with as_written(folder, "make the index again from its records, or take another one"):
        for block in segments_of(folder, manifest):
            yield for_index(block, EXACT)  # sets stay what they are, whole or sketches


def joined(blocks: Iterable[RecordBlock]) -> Iterator[RecordBlock]:
    """Yield the same records in blocks of a good size."""
    waiting: list[RecordBlock] = []
    size = 0
    for block in blocks:
        waiting.append(RecordBlock(*(column[:] for column in block)))
        size += block.nbytes
        if size >= _BLOCK_BYTES:
            yield _one(waiting)
            waiting, size = [], 0
    if waiting:
        yield _one(waiting)


def _one(blocks: Sequence[RecordBlock]) -> RecordBlock:
    columns: list[Any] = []
    for values, ends in ((0, 1), (2, 3), (4, 5)):
        begins = np.cumsum([0, *(len(block[values]) for block in blocks)])
        columns.append(np.concatenate([block[values] for block in blocks]))
        shifted = [
            # Ends count from the block's beginning, and the blocks come end to end.
            np.asarray(block[ends], np.uint32) + np.uint32(begin)
            for block, begin in zip(blocks, begins.tolist(), strict=False)
        ]
        columns.append(np.concatenate(shifted))
    return RecordBlock(*columns)
