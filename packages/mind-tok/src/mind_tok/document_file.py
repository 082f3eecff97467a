"""Documents of many batches in a file, for whoever packs them later; read in bounded memory."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import numpy as np
import orjson

from mind_core.errors import MindError
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
        while length := file.read(_LENGTH):
            try:
                said = orjson.loads(file.read(int.from_bytes(length, "little")))
                ids, ends, sizes, groups, keys, *mask = [
                    np.lib.format.read_array(file, allow_pickle=False)
                    for _ in range(6 if said["mask"] else 5)
                ]
            except (ValueError, KeyError, EOFError) as error:
                raise MindError(
                    f"{path} is damaged", cause=error, hint="remove it, and run the job again"
                ) from None
            names = tuple(Group(*name) for name in said["names"])
            block = DocumentBatch(ids, ends, sizes, groups, names, mask[0] if mask else None)
            yield EncodedDocuments(block, keys)
