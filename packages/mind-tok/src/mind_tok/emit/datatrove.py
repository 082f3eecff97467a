"""datatrove's `.ds` with `.ds.index` and `.ds.metadata`, as its `DocumentTokenizer` writes them.

nanotron reads the same. The index is our `.ends`, and `.ds.loss` our `.mask`.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from mind_core import MindError
from mind_core.files import atomic_file
from mind_core.whole_files import index_bound, read_whole
from mind_tok.shard_file import ClosedShard, link


def emit(shard: ClosedShard) -> list[Path]:
    """Link the payload, the ends and the mask, and write the metadata."""
    metadata = shard.path(".ds.metadata")
    about = f"{shard.tokenizer}|{shard.id_bytes}\n{shard.tokens}\n{_short(shard.tokens)}"
    with atomic_file(metadata) as file:
        file.write(about.encode())
    files = [
        link(shard.path(".bin"), shard.path(".ds")),
        link(shard.path(".ends"), shard.path(".ds.index")),
        metadata,
    ]
    if shard.has_mask:
        files.append(link(shard.path(".mask"), shard.path(".ds.loss")))
    return files


def read(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Return ids (tokens,) and cumulative ends (documents,) of a `.ds`."""
    index = read_whole(path.with_name(path.name + ".index"), index_bound(path))
    ends = np.frombuffer(index, "<u8").astype(np.int64)
    size = path.stat().st_size
    tokens = int(ends[-1]) if len(ends) else 0
    # The size of the file says how wide ids are; the metadata may be missing.
    for kind in ("<u2", "<u4"):
        if tokens * np.dtype(kind).itemsize == size:
            return np.memmap(path, np.dtype(kind), "r") if size else np.empty(0, kind), ends
    raise MindError(f"{path} has {size:,} bytes, its index tells of {tokens:,} tokens")


def _short(tokens: int) -> str:
    value, unit = float(tokens), ""
    for larger in ("K", "M", "G", "T"):
        if value < 1000:
            break
        value, unit = value / 1000, larger
    return f"{value:.1f} {unit}T" if unit else f"{tokens} T"
