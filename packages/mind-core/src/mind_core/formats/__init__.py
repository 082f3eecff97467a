"""Inputs that are no JSON Lines, read row by row as lines of records.

Parquet is known by its first bytes, Arrow, CSV and TSV by their names, WET by its records. A folder
is a data set of Hugging Face: as the hub keeps it, or as `save_to_disk` wrote it.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from mind_core.batches import Batch
from mind_core.columns import Renaming
from mind_core.formats.data_set import files_of
from mind_core.formats.names import table_kind

__all__ = ["files_of", "rows_in"]

_PARQUET = b"PAR1"


def rows_in(
    source: BinaryIO, name: str, columns: Renaming, batch_bytes: int
) -> Iterator[Batch] | None:
    """Return the rows of an open input as batches of lines, None for one that holds lines.

    Raises `MindError` for a table that cannot be read, and names the package that it needs.
    """
    kind = table_kind(name)
    # Read from its end, which a pipe does not have.
    if _begins_with(source, _PARQUET) and _is_regular(source):
        kind = "parquet"
    if kind == "parquet":
        from mind_core.formats.arrow_rows import parquet_batches

        return parquet_batches(Path(name), columns, batch_bytes)
    if kind == "arrow":
        from mind_core.formats.arrow_rows import arrow_batches

        return arrow_batches(Path(name), columns, batch_bytes)
    if kind in ("csv", "tsv"):
        from mind_core.formats.csv_rows import csv_batches

        return csv_batches(source, name, "," if kind == "csv" else "\t", columns, batch_bytes)
    if kind == "wet":
        from mind_core.formats.wet import wet_batches

        return wet_batches(source, name, columns, batch_bytes)
    return None


def _begins_with(source: BinaryIO, magic: bytes) -> bool:
    peek = getattr(source, "peek", None)
    return peek is not None and peek(len(magic))[: len(magic)] == magic


def _is_regular(source: BinaryIO) -> bool:
    try:
        return stat.S_ISREG(os.fstat(source.fileno()).st_mode)
    except (OSError, AttributeError):
        return False
