"""OLMo-core's flat `.npy` (which has no header), and the `.csv.gz` that says where documents are.

The rows of the table are start and end of each document in tokens; `label_mask` is a file of bools.
"""

from __future__ import annotations

import csv
import gzip
import io
from pathlib import Path

import numpy as np

from mind_core import MindError
from mind_core.bounded import read_packed
from mind_core.files import atomic_file
from mind_tok.shard_file import ClosedShard, link


def emit(shard: ClosedShard) -> list[Path]:
    """Link the payload and the mask, and write the table of documents."""
    ends = np.fromfile(shard.path(".ends"), "<u8").tolist()
    rows = (f"{start},{end}\n" for start, end in zip([0, *ends], ends, strict=False))
    table = shard.path(".csv.gz")
    # No time and no name in the header: the same shards give the same bytes.
    with atomic_file(table) as raw, gzip.GzipFile("", "wb", fileobj=raw, mtime=0) as file:
        file.write("".join(rows).encode())
    files = [link(shard.path(".bin"), shard.path(".npy")), table]
    if shard.has_mask:
        files.append(link(shard.path(".mask"), shard.path(".label_mask.npy")))
    return files


def read(path: Path, id_bytes: int) -> tuple[np.ndarray, np.ndarray]:
    """Return ids (tokens,) and cumulative ends (documents,); the file does not say how wide."""
    name = path.name.removesuffix(".npy") + ".csv.gz"
    table = read_packed(path.with_name(name))
    try:
        rows = list(csv.reader(io.StringIO(table.decode("ascii"))))
    except csv.Error as error:
        raise MindError(f"{path.with_name(name)} is no table", cause=error) from None
    starts = np.array([int(row[0]) for row in rows], np.int64)
    ends = np.array([int(row[1]) for row in rows], np.int64)
    if len(starts) and (starts[0] != 0 or (starts[1:] != ends[:-1]).any()):
        raise MindError(f"{path.with_name(name)} leaves out tokens between its documents")
    size = path.stat().st_size
    if (int(ends[-1]) if len(ends) else 0) * id_bytes != size:
        raise MindError(f"{path} has {size:,} bytes, other than its table says")
    kind = np.dtype(f"<u{id_bytes}")
    return np.memmap(path, kind, "r") if size else np.empty(0, kind), ends
