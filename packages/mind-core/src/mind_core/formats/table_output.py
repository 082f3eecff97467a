"""Outputs that are tables: records wait on disk until their columns are known.

A table says at its start what its columns are, and only the last record settles that. So the lines
wait in a temporary file, compressed, and are written when the run has succeeded.
"""

from __future__ import annotations

import csv
import io
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

import orjson
import zstandard

from mind_core import zstd_frames
from mind_core.errors import MindError, UsageError
from mind_core.formats.names import needs_pyarrow
from mind_core.formats.schema import Schema
from mind_core.records import Record

ROW_GROUP_BYTES = 16 << 20
"""Of JSON, so that as much memory is taken for any output."""


class _Waiting:
    """Lines in a temporary file without a name, compressed, until they are asked for."""

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile(prefix="mind-")  # noqa: SIM115 - closed with the output
        self._frame = zstandard.ZstdCompressor(level=1, write_checksum=True).compressobj()

    def write_all(self, blocks: Sequence[bytes]) -> None:
        for block in blocks:
            self._file.write(self._frame.compress(block))

    def records(self) -> Iterator[Record]:
        self._file.write(self._frame.flush())
        self._file.seek(0)
        rest = b""
        for chunk in zstd_frames.decompress(self._file, "records that wait"):
            # Lines come with their line feeds, so that nothing is left behind the last chunk.
            *lines, rest = (rest + chunk).split(b"\n")
            yield from (orjson.loads(line) for line in lines if line.strip())

    def close(self) -> None:
        self._file.close()


class TableOutput:
    """Take blocks of lines like `Output`, and write them as a table when it is closed."""

    def __init__(self, file: BinaryIO, path: str | Path, kind: str, level: int | None) -> None:
        self.file, self.path, self.kind, self.level = file, path, kind, level
        self.bytes = 0
        self.schema = Schema()
        self._waiting = _Waiting()

    def write(self, block: bytes) -> None:
        """Take whole lines of records, which become rows when the table is closed."""
        self.write_all((block,))

    def write_all(self, blocks: Sequence[bytes]) -> None:
        """Take whole lines in several pieces."""
        for block in blocks:
            self.bytes += len(block)
            for line in block.split(b"\n"):
                if line and not line.isspace():
                    self.schema.see(orjson.loads(line))
        self._waiting.write_all(blocks)

    def close(self) -> None:
        """Write the table. Only success may call this."""
        records = self._waiting.records()
        if self.kind == "parquet":
            write_parquet(self.file, records, self.schema, self.path, self.level)
        else:
            _write_csv(self.file, records, self.schema, "," if self.kind == "csv" else "\t")
        self.file.flush()
        self._waiting.close()


def check_table(path: str | Path, kind: str, level: int | None) -> None:
    """Raise `MindError` for a table that could not be written in the end."""
    if kind == "arrow" or kind == "wet":
        raise UsageError(
            f"{path}: {kind} is read and not written", hint="x.parquet, x.csv or x.jsonl.zst is"
        )
    if kind == "parquet":
        parquet_compression(path, level)
        with needs_pyarrow(path, "Parquet"):
            import pyarrow  # noqa: F401 - to know it before the work begins


def parquet_compression(path: str | Path, level: int | None) -> tuple[str, int | None]:
    """Return codec and level by the name: `x.parquet` is zstd, `x.snappy.parquet` what it says.

    Raises `UsageError` for a level that the codec does not have.
    """
    names = {
        ".zst": "zstd", ".zstd": "zstd", ".snappy": "snappy", ".gz": "gzip", ".gzip": "gzip",
        ".br": "brotli", ".brotli": "brotli", ".lz4": "lz4", ".plain": "none",
    }  # fmt: skip
    codec = names.get(Path(Path(path).stem).suffix.lower(), "zstd")
    if level == 0:
        return "none", None
    # The highest level of each; the others have none to choose.
    most = {"zstd": 22, "gzip": 9, "brotli": 11}.get(codec, 0)
    if level is not None and level > most:
        raise UsageError(f"-z {level} is no level of {codec}", hint=f"0 to {most}")
    return codec, level


def write_parquet(
    file: BinaryIO, records: Iterator[Record], schema: Schema, path: str | Path, level: int | None
) -> None:
    """Write records as a Parquet file with row groups of `ROW_GROUP_BYTES`."""
    with needs_pyarrow(path, "Parquet"):
        import pyarrow
        from pyarrow import parquet

    codec, level = parquet_compression(path, level)
    arrow = schema.as_arrow()
    try:
        # The page index lets a reader go to a row without the pages before it.
        with parquet.ParquetWriter(
            file, arrow, compression=codec, compression_level=level, write_page_index=True
        ) as writer:
            for rows in _groups(records):
                filled = [schema.row(row) for row in rows]
                writer.write_table(pyarrow.Table.from_pylist(filled, arrow))
    except (pyarrow.ArrowInvalid, pyarrow.ArrowTypeError) as error:
        raise MindError(f"cannot write {path}", cause=error, hint="write JSON Lines") from None


def _groups(records: Iterator[Record]) -> Iterator[list[Record]]:
    rows: list[Record] = []
    size = 0
    for record in records:
        rows.append(record)
        size += len(orjson.dumps(record))
        if size >= ROW_GROUP_BYTES:
            yield rows
            rows, size = [], 0
    if rows:
        yield rows


def _write_csv(file: BinaryIO, records: Iterator[Record], schema: Schema, delimiter: str) -> None:
    # csv writes line ends itself. The wrapper is taken off again in the end, as it would close the
    # file that it was given.
    text = io.TextIOWrapper(file, "utf-8", newline="", write_through=True)
    writer = csv.writer(text, delimiter=delimiter, lineterminator="\n")
    names = list(schema.columns)
    if names:
        writer.writerow(names)
    for record in records:
        writer.writerow([_cell(record.get(name)) for name in names])
    text.detach()


def _cell(value: object) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else orjson.dumps(value).decode()
