"""Tables as tasks: Parquet, Arrow, CSV, WET … are read row by row, and are one task each."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from mind_core.columns import Renaming
from mind_core.files import sha256_file
from mind_core.formats import rows_in
from mind_core.formats.names import table_kind
from mind_core.stream import BATCH_BYTES, Batch, open_input
from mind_core.tasks.ranges import ByteRange, InputChanged

_PARQUET = b"PAR1"


def is_table(path: str) -> bool:
    """Return whether a file is read by rows: by its name, or as Parquet by its first bytes."""
    if table_kind(path):
        return True
    with open_input(path) as (file, _):
        return file.read(len(_PARQUET)) == _PARQUET


def batches_of_table(path: str, name: str, range_: ByteRange, columns: Renaming) -> Iterator[Batch]:
    """Yield the rows of a table in batches of lines; raise `InputChanged` if it is another one."""
    with open_input(path) as (file, _):
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
        if sha256_file(path) != range_.sha256:
            raise InputChanged(name)
