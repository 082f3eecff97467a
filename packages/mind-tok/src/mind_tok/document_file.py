"""Documents of many batches in a file, for whoever packs them later; read in bounded memory."""

from __future__ import annotations

import tokenize
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import orjson
from numpy.typing import NDArray

from mind_core.untrusted import as_written
from mind_tok.document_batch import DocumentBatch, Group
from mind_tok.encode import EncodedDocuments

_LENGTH = 8


def write_documents(file: BinaryIO, documents: EncodedDocuments) -> None:
    """Add the documents of a batch to a file."""
    block = documents.block
    said = orjson.dumps(
        {"names": [list(name) for name in block.names], "mask": block.mask is not None}
    )
    file.write(len(said).to_bytes(_LENGTH, "little") + said)
    arrays = [block.ids, block.ends, block.sizes, block.groups, documents.keys]
    for array in arrays if block.mask is None else [*arrays, block.mask]:
        np.lib.format.write_array(file, np.ascontiguousarray(array), allow_pickle=False)


def read_documents(path: Path) -> Iterator[EncodedDocuments]:
    """Yield the documents of a file, batch by batch; raise `MindError` for one that is damaged."""
    with path.open("rb") as file:
        whole = path.stat().st_size
        while length := file.read(_LENGTH):
            with as_written(path, "remove it, and run the job again"):
                documents = _read(file, int.from_bytes(length, "little"), whole)
            yield documents


def _read(file: BinaryIO, length: int, whole: int) -> EncodedDocuments:
    """Read the documents of one batch; raise what is wrong with them, or `MindError`."""
    # A length that the file says of itself must not decide how much memory is asked for.
    if length > whole - file.tell():
        raise ValueError(f"a heading of {length:,} bytes")
    said = orjson.loads(file.read(length))
    ids, ends, sizes, groups, keys, *mask = [
        _read_column(file, whole) for _ in range(6 if said["mask"] else 5)
    ]
    names = tuple(Group(*map(str, name)) for name in said["names"])
    n, tokens = len(ends), int(ends[-1]) if len(ends) else 0
    if not len(sizes) == len(groups) == len(keys) == n or any(len(one) != tokens for one in mask):
        raise ValueError("columns of different lengths")
    if tokens != len(ids) or (np.diff(ends, prepend=ends.dtype.type(0)) < 0).any():
        raise ValueError("ends that do not ascend to the last id")
    if n and not (int(groups.min()) >= 0 and int(groups.max()) < len(names)):
        raise ValueError("a group that is not there")
    return EncodedDocuments(
        DocumentBatch(ids, ends, sizes, groups, names, mask[0] if mask else None), keys
    )


def _read_column(file: BinaryIO, whole: int) -> NDArray[Any]:
    """Read a column of whole numbers, of which no more is allocated than the file has bytes."""
    version = np.lib.format.read_magic(file)
    # NumPy writes this version of a column with so short a header.
    if version != (1, 0):
        raise ValueError(f"a column of version {version}")
    try:
        # The header alone, and not `read_array`, which allocates what the header says.
        (count,), _, dtype = np.lib.format.read_array_header_1_0(file)
    # NumPy reads the header as a literal of Python, and lets its faults through.
    except (SyntaxError, tokenize.TokenError) as error:
        raise ValueError(str(error)) from None
    if dtype.kind not in "iu" or not 0 <= count <= (whole - file.tell()) // dtype.itemsize:
        raise ValueError(f"{count:,} values of type {dtype}")
    data = file.read(count * dtype.itemsize)
    return np.frombuffer(data, dtype)
