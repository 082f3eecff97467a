"""What the name of a file says about its format and its compression."""

from __future__ import annotations

from pathlib import Path

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
