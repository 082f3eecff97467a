"""Tables as tasks: Parquet, Arrow, CSV, WET … are read row by row, and are one task each."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import BinaryIO, cast

from mind_core.chats.json_values import chat_batches
from mind_core.columns import Renaming
from mind_core.files import sha256_file
from mind_core.foreign import missing
from mind_core.formats import rows_in
from mind_core.formats.names import table_kind
from mind_core.remote import is_address, open_file, open_remote
from mind_core.stream import BATCH_BYTES, Batch
from mind_core.tasks.ranges import ByteRange, InputChanged

_PARQUET = b"PAR1"
_AT_ONCE = 1 << 18


def is_table(path: str) -> bool:
    """Return whether a file is read by rows: by its name, or as Parquet by its first bytes."""
    if table_kind(path):
        return True
    with _opened(path) as file:
        # Tables of other formats are known by their names alone.
        return file.read(len(_PARQUET)) == _PARQUET


def batches_of_table(path: str, name: str, range_: ByteRange, columns: Renaming) -> Iterator[Batch]:
    """Yield the rows of a table in batches of lines; raise `InputChanged` if it is another one."""
    with _opened(path) as file:
        rows = rows_in(file, path, columns, BATCH_BYTES)
        assert rows is not None, path
        yield from checked_batches(rows, path, name, range_)


def checked_batches(
    batches: Iterator[Batch], path: str, name: str, range_: ByteRange
) -> Iterator[Batch]:
    """Yield what a reader of its own makes of a whole file; raise if it is not the planned one.

    Such a reader need not go from the start to the end, so the file is hashed by itself.
    """
    try:
        for batch in batches:
            yield replace(batch, name=name)
    finally:
        if sha256_of(path) != range_.sha256:
            raise InputChanged(name)


def sha256_of(path: str) -> str:
    """Return the SHA-256 of a file, here or at an address."""
    if not is_address(path):
        return sha256_file(path)
    digest = hashlib.sha256()
    with open_remote(path) as file:
        while data := file.read(_AT_ONCE):
            digest.update(data)
    return digest.hexdigest()


def chat_batches_of(path: str, name: str, range_: ByteRange) -> Iterator[Batch]:
    """Yield the records of a whole file that may be an array; raise `InputChanged` if it is another
    one."""
    with _opened(path) as file:
        yield from checked_batches(chat_batches(file, path), path, name, range_)


def _opened(path: str) -> AbstractContextManager[BinaryIO]:
    try:
        return io.BufferedReader(cast(io.RawIOBase, open_file(path)), _AT_ONCE)
    except OSError as error:
        raise missing(path, error.strerror) from None
