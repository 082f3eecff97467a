"""Indexes on disk: a folder of segments that only grows, and a manifest that says which count.

A segment is the kept records of one run. It begins with a magic number and ends with a checksum
over all of it; the manifest is replaced in one step when the segment is safe. So a run that is
killed at any moment leaves the index as it was, at most with a file that nothing names.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import orjson
import xxhash

from mind_core.errors import MindError
from mind_core.files import MANIFEST, atomic_file, make_folder, read_manifest, write_json
from mind_core.locks import open_lock, take_lock
from mind_core.untrusted import as_written, check_stays_inside, inside
from mind_dedup.config import DedupConfig
from mind_dedup.index_columns import SETS, ShortKeys, for_index, goes_back
from mind_dedup.signature import cut_of, threshold_of
from mind_dedup.signatures.minhash import MinHash
from mind_dedup.store import RecordBlock, Remote, Store

FORMAT, VERSION = "mind-dedup-index", 2
_MAGIC, _END = b"MINDDUP\x01", b"\x01PUDDNIM"
_TAIL = struct.Struct("<QQ8s")  # where the directory begins, the checksum, the end mark
_AT_ONCE = 1 << 22
_TYPES = (("<u4", "<u8"), ("<u4",), ("<u4", "<u8"), ("<u4",), ("|u1",), ("<u4",))
"""What each column of a block may hold."""

_LOCK = ".lock"


def open_index(folder: Path, plan: DedupConfig, store: Store) -> int:
    """Read an index into a store; return how many records it holds.

    Raises `MindError` with a hint for what is no index, is damaged, or was made with other keys.
    """
    # The scheme first: with other keys nothing would be found, and nothing would say so.
    manifest = read_index_manifest(folder, plan)
    before = len(store)
    with as_written(folder, "make the index again from its records, or take another one"):
        for block in segments_of(folder, manifest):
            store.attach(block)
        found = len(store) - before
        # Each segment agrees with its own checksum; a segment that the manifest lost is seen here.
        if found != manifest["records"]:
            raise _damaged(folder, f"{found:,} records, the manifest says {manifest['records']:,}")
    return found


def segments_of(folder: Path, manifest: Mapping[str, Any]) -> Iterator[RecordBlock]:
    """Check the segments of an index and yield their blocks, which are read when asked for."""
    for segment in manifest["segments"]:
        path = inside(folder, segment.get("file") if isinstance(segment, dict) else None)
        yield from _read(path, segment)


@contextmanager
def index_lock(folder: Path) -> Iterator[None]:
    """Hold an index for extending; raise `MindError` if another process does."""
    check_free(folder)
    check_stays_inside(folder)
    make_folder(folder)
    with open_lock(folder / _LOCK) as lock:
        if not take_lock(lock, folder / _LOCK):
            raise MindError(
                f"{folder} is being extended by another process",
                hint="wait for it, or give each run an index of its own and both to --against",
            )
        yield


def append_to_index(folder: Path, plan: DedupConfig, store: Store, first: int) -> None:
    """Add the records of a store from `first` on as a segment, then replace the manifest."""
    manifest: dict[str, Any] = {
        "format": FORMAT, "version": VERSION, "scheme": plan.scheme,
        "signature": plan.recipe.values["signature"], "cut": cut_of(plan.signature),
        "threshold": threshold_of(plan.signature), "sets": plan.index_sets,
        "next": 1, "segments": [], "records": 0,
    }  # fmt: skip
    if (folder / MANIFEST).exists():
        manifest = read_index_manifest(folder, plan)
    added = len(store) - first
    if added:
        # As the index holds sets already, not as this plan would: one index has one kind of them.
        blocks = (for_index(block, manifest["sets"]) for block in store.blocks(first))
        add_segment(folder, manifest, blocks, added)
    # Last: until it is replaced, the segment is a file that nothing names.
    write_json(folder / MANIFEST, manifest)


def add_segment(
    folder: Path, manifest: dict[str, Any], blocks: Iterator[RecordBlock], records: int
) -> None:
    """Write blocks as a segment, and name it in a manifest, which is not written yet."""
    name = f"segment-{manifest['next']:06}.mdx"
    # A file that counts must never be written over; `next` is only as good as the manifest.
    if any(segment["file"] == name for segment in manifest["segments"]):
        raise _damaged(folder / MANIFEST, f"its next segment, {name}, is one that it names")
    manifest["next"] += 1
    size, checksum = _write(folder / name, manifest["scheme"], blocks)
    segment = {"file": name, "bytes": size, "checksum": checksum, "records": records}
    manifest["segments"].append(segment)
    manifest["records"] += records


def any_manifest(folder: Path) -> dict[str, Any]:
    """Read the manifest of an index, whatever its keys are."""
    manifest = read_manifest(folder, format=FORMAT)
    if manifest.get("version") != VERSION:
        raise MindError(
            f"{folder} is an index of version {manifest.get('version')}, wanted is {VERSION}",
            hint="make it again from its records with this version",
        )
    kinds = {"scheme": str, "sets": str, "next": int, "records": int, "segments": list}
    # `is`, as a JSON true is an int to isinstance.
    wrong = [name for name, kind in kinds.items() if type(manifest.get(name)) is not kind]
    if wrong or manifest["sets"] not in SETS:
        raise _damaged(folder / MANIFEST, f"it does not say {' and '.join(wrong or ['sets'])}")
    return manifest


def read_index_manifest(folder: Path, plan: DedupConfig) -> dict[str, Any]:
    """Read an index's manifest; raise `MindError` if its keys are not those that a run makes."""
    manifest = any_manifest(folder)
    if manifest["scheme"] != plan.scheme:
        raise MindError(
            f"{folder} has keys of scheme {manifest['scheme']!r}, this run makes {plan.scheme!r}",
            hint="use the signature, slots and bands that it was made with, or make it again; a "
            "threshold above the index's is served",
        )
    return manifest


def fitted(plan: DedupConfig, folders: Iterable[Path]) -> DedupConfig:
    """Return a plan with the bands of the indexes that it goes with, if they propose enough.

    An index made for 0.8 serves 0.9: its bands propose all that those for 0.9 would, and more.
    """
    signature = plan.signature
    if not isinstance(signature, MinHash) or signature.bands:
        return plan
    for folder in folders:
        manifest = any_manifest(folder) if (folder / MANIFEST).exists() else {}
        cut, threshold = manifest.get("cut"), manifest.get("threshold")
        if (
            isinstance(threshold, float)
            and threshold <= signature.threshold
            and isinstance(cut, list)
            and [type(number) for number in cut] == [int, int]
            and min(cut) > 0
            and cut[0] * cut[1] <= signature.slots
        ):
            return replace(plan, signature=signature.with_cut(cut[0], cut[1]))
    return plan


def check_free(folder: Path) -> None:
    """Refuse a folder that holds other things than an index, or one that is being made."""
    if not folder.exists() or (folder / MANIFEST).exists():
        return
    names = [path.name for path in folder.iterdir()] if folder.is_dir() else ["a file"]
    # A first run that was killed leaves a segment and the lock, and may be done again.
    if any(not name.startswith(("segment-", ".")) for name in names):
        raise MindError(
            f"{folder} exists and is no index",
            cause=f"it holds {', '.join(sorted(names)[:3])}, and no {MANIFEST}",
            hint="give a folder that does not exist yet, or one that --index made",
        )


def _write(path: Path, scheme: str, blocks: Iterator[RecordBlock]) -> tuple[int, str]:
    """Write a segment; return its size and checksum."""
    with atomic_file(path) as file:
        hashed = _HashingFile(file)
        hashed.write(_MAGIC)
        directory = []
        for block in blocks:
            remote = block.write(hashed)  # type: ignore[arg-type]
            directory.append([[c.offset, c.length, c.dtype.str] for c in remote])
        begin = hashed.tell()
        hashed.write(orjson.dumps({"scheme": scheme, "blocks": directory}))
        # Over all but the tail, which holds it.
        checksum = hashed.digest.intdigest()
        file.write(_TAIL.pack(begin, checksum, _END))
        return file.tell(), f"{checksum:016x}"


class _HashingFile:
    """A file that is hashed as it is written."""

    def __init__(self, file: BinaryIO) -> None:
        self.file, self.digest = file, xxhash.xxh3_64()

    def write(self, data: bytes | memoryview) -> int:
        self.digest.update(data)
        return self.file.write(data)

    def tell(self) -> int:
        return self.file.tell()


def _read(path: Path, segment: Mapping[str, Any]) -> Iterator[RecordBlock]:
    """Check a segment from end to end and yield its blocks, which are read when asked for."""
    try:
        file = path.open("rb")
    except OSError as error:
        raise _damaged(path, error.strerror) from None
    size = path.stat().st_size
    # What was cut is seen by its size, before gigabytes are read.
    if size != segment["bytes"] or size < len(_MAGIC) + _TAIL.size:
        raise _damaged(path, f"{size:,} bytes, the manifest says {segment['bytes']:,}")
    if file.read(len(_MAGIC)) != _MAGIC:
        raise _damaged(path, "it does not begin as a segment does")
    file.seek(size - _TAIL.size)
    begin, checksum, end = _TAIL.unpack(file.read(_TAIL.size))
    digest = xxhash.xxh3_64()
    file.seek(0)
    left = size - _TAIL.size
    while left and (data := file.read(min(left, _AT_ONCE))):
        digest.update(data)
        left -= len(data)
    # The checksum of the manifest too, so that a whole segment of another index is no substitute.
    if end != _END or digest.intdigest() != checksum or f"{checksum:016x}" != segment["checksum"]:
        raise _damaged(path, "its checksum is another")
    try:
        file.seek(begin)
        directory = orjson.loads(file.read(size - _TAIL.size - begin))
        blocks = [_block(file, columns, begin) for columns in directory["blocks"]]
    except (ValueError, KeyError, TypeError, OSError, OverflowError) as error:
        raise _damaged(path, f"its directory: {error}") from None
    yield from blocks


def _block(file: BinaryIO, columns: list[list[Any]], end: int) -> RecordBlock:
    """Return a block of a segment whose columns end before `end`.

    Raises `ValueError` for columns that no segment has: what a file says of its types decides what
    its bytes are taken for, so they are compared with the few that we write.
    """
    remote: list[Remote] = []
    for (offset, length, dtype), known in zip(columns, _TYPES, strict=True):
        if dtype not in known:
            raise ValueError(f"a column of type {dtype!r}")
        column = (
            ShortKeys(file, offset, length)
            if not remote and dtype == "<u4"
            else Remote(file, offset, length, dtype)
        )
        if min(offset, length) < 0 or offset + length * column.dtype.itemsize > end:
            raise ValueError("a column beyond its end")
        remote.append(column)
    block = RecordBlock(*remote)
    rows = {len(block.key_ends), len(block.set_ends), len(block.id_ends)}
    if len(rows) != 1 or not len(block.key_ends):
        raise ValueError("columns of different lengths")
    for values, ends in zip(block[::2], block[1::2], strict=True):
        if goes_back(ends[:]):
            raise ValueError("rows that end before they begin")
        if len(values) != ends[len(ends) - 1]:
            raise ValueError("a column that is shorter than its rows")
        if (np.diff(ends[:].astype(np.int64), prepend=0) < 0).any():
            raise ValueError("a column of ends that do not ascend")
    return block


def _damaged(path: Path, cause: str | None) -> MindError:
    return MindError(
        f"{path} is damaged",
        cause=cause,
        hint="bring it back from a copy, or make the index again from its records",
    )
