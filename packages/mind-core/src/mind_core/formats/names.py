"""What a file's name says of its format and compression, and what a format needs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mind_core.errors import MindError

COMPRESSIONS = {
    ".zst": "zstd", ".zstd": "zstd", ".gz": "gzip", ".bz2": "bzip2", ".xz": "xz",
}  # fmt: skip
TABLES = {".parquet": "parquet", ".arrow": "arrow", ".csv": "csv", ".tsv": "tsv", ".wet": "wet"}


def compression_of(name: str | Path) -> str:
    """Return which compression a name ends in, "" for none."""
    return COMPRESSIONS.get(Path(name).suffix.lower(), "")


def table_kind(name: str | Path) -> str:
    """Return which table a name says, with or without a compression after it; "" for none.

    A compressed Parquet is none: it is compressed inside, and has to be read from its end.
    """
    path = Path(name)
    kind = TABLES.get(path.suffix.lower(), "")
    if not kind and compression_of(path):
        kind = TABLES.get(Path(path.stem).suffix.lower(), "")
        kind = "" if kind in ("parquet", "arrow") else kind
    return kind


@contextmanager
def needs_pyarrow(path: str | Path, what: str) -> Iterator[None]:
    """Turn a missing pyarrow into an error that says how to get it."""
    try:
        yield
    except ImportError as error:
        raise MindError(
            f"{path} is {what}, which needs pyarrow",
            cause=error,
            hint="pip install 'mind-core[parquet]', or pip install pyarrow",
        ) from None
