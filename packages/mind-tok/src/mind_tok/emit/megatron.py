"""Megatron-LM's `.idx` beside the `.bin` (`indexed_dataset.py`; also NeMo, GPT-NeoX, RWKV)."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np

from mind_core import MindError
from mind_core.files import atomic_file
from mind_core.whole_files import index_bound, read_whole
from mind_tok.shard_file import ClosedShard

MAGIC = b"MMIDIDX\x00\x00"
VERSION = 1
CODES = {2: 8, 4: 4}
"""uint16 and int32; there is no uint32."""


def emit(shard: ClosedShard) -> list[Path]:
    """Write lengths (int32) and byte offsets (int64) of documents, each a sequence of its own."""
    # Signed, as are the lengths and offsets of the index.
    ends = np.fromfile(shard.path(".ends"), "<u8").astype(np.int64)
    lengths = np.diff(ends, prepend=np.int64(0))
    if len(lengths) and lengths.max() >= 1 << 31:
        raise MindError(
            f"a document of {lengths.max():,} tokens is too long for Megatron's index",
            cause="its lengths are 32-bit numbers",
        )
    path = shard.path(".idx")
    with atomic_file(path) as file:
        file.write(MAGIC + struct.pack("<QB", VERSION, CODES[shard.id_bytes]))
        # Documents are counted with the 0 that their list begins with.
        file.write(struct.pack("<QQ", len(ends), len(ends) + 1))
        file.write(lengths.astype("<i4").tobytes())
        file.write(((ends - lengths) * shard.id_bytes).astype("<i8").tobytes())
        file.write(np.arange(len(ends) + 1, dtype="<i8").tobytes())
    return [path]


def read(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Return ids (tokens,) and cumulative ends (documents,) of a `.bin` with its `.idx`."""
    data = read_whole(path.with_suffix(".idx"), index_bound(path))
    head = len(MAGIC) + 9
    if data[: len(MAGIC)] != MAGIC or len(data) < head + 16:
        raise MindError(f"{path.with_suffix('.idx')} is no index of Megatron")
    version, code = struct.unpack_from("<QB", data, len(MAGIC))
    count, documents = struct.unpack_from("<QQ", data, head)
    kinds = {1: "u1", 2: "i1", 3: "<i2", 4: "<i4", 5: "<i8", 8: "<u2"}
    if version != VERSION or code not in kinds:
        raise MindError(
            f"{path.with_suffix('.idx')}: version {version} with type {code} is not known"
        )
    # Counts that the file says of itself, before arrays of that length are made of it.
    if len(data) < head + 16 + 12 * count + 8 * documents:
        raise MindError(f"{path.with_suffix('.idx')} was cut, or is damaged")
    lengths = np.frombuffer(data, "<i4", count, head + 16).astype(np.int64)
    starts = np.frombuffer(data, "<i8", count, head + 16 + 4 * count)
    ends, kind = np.cumsum(lengths), np.dtype(kinds[code])
    # Offsets may point anywhere; we read documents that lie end to end.
    if (lengths < 0).any() or ((ends - lengths) * kind.itemsize != starts).any():
        raise MindError(f"{path.with_suffix('.idx')} leaves out tokens, or is damaged")
    return np.memmap(path, kind, "r") if path.stat().st_size else np.empty(0, kind), ends
