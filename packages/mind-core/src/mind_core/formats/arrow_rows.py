"""Parquet and Arrow as lines of records, a part of a row group at a time.

Memory: about 16 MiB of a row group, and its largest page, whatever the size of the file.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from mind_core.batches import LINE_LIMIT, Batch, batched, refused
from mind_core.columns import Renaming
from mind_core.errors import BadRecord, MindError
from mind_core.formats.arrow_values import UnsupportedValue, converter
from mind_core.formats.names import needs_pyarrow
from mind_core.formats.schema import json_columns

if TYPE_CHECKING:
    import pyarrow

BYTES_AT_ONCE = 4 << 20
ROWS_AT_ONCE = 4096
_READ_BYTES = 1 << 20


def parquet_batches(path: Path, columns: Renaming, batch_bytes: int) -> Iterator[Batch]:
    """Yield the rows of a Parquet file; a position is the number of a row, from 1."""
    with needs_pyarrow(path, "Parquet"):
        from pyarrow import parquet
    with _reading(path, "Parquet"):
        # Neither the whole column chunk is read ahead nor the file mapped: pages come as needed.
        file = parquet.ParquetFile(path, buffer_size=_READ_BYTES, pre_buffer=False)
        names = file.schema_arrow.names
    with file:
        columns.check(names, str(path))
        lines = _lines(_parquet_parts(file, path), path, columns)
        yield from batched(lines, str(path), batch_bytes=batch_bytes)


def arrow_batches(path: Path, columns: Renaming, batch_bytes: int) -> Iterator[Batch]:
    """Yield the rows of an Arrow file or stream, as `datasets` keeps them on disk."""
    with needs_pyarrow(path, "Arrow"):
        import pyarrow
    with path.open("rb") as source:
        with _reading(path, "Arrow"):
            magic = source.read(6)
            source.seek(0)
            # Mapped: record batches are looked at where they lie, not copied.
            mapped = pyarrow.memory_map(str(path))
            if magic == b"ARROW1":
                reader = pyarrow.ipc.open_file(mapped)
                parts = (reader.get_batch(n) for n in range(reader.num_record_batches))
            else:
                reader = pyarrow.ipc.open_stream(mapped)
                parts = iter(reader)
            names = reader.schema.names
        columns.check(names, str(path))
        lines = _lines(_slices(parts, path, "Arrow"), path, columns)
        yield from batched(lines, str(path), batch_bytes=batch_bytes)


def _parquet_parts(file: Any, path: Path) -> Iterator[pyarrow.RecordBatch]:
    """Yield the row groups in parts of about `BYTES_AT_ONCE`, by what the footer says of a row."""
    with _reading(path, "Parquet"):
        for number in range(file.metadata.num_row_groups):
            group = file.metadata.row_group(number)
            rows = group.num_rows * BYTES_AT_ONCE // max(group.total_byte_size, 1)
            yield from file.iter_batches(
                batch_size=min(max(rows, 1), ROWS_AT_ONCE), row_groups=[number], use_threads=False
            )


def _slices(
    parts: Iterator[pyarrow.RecordBatch], path: Path, what: str
) -> Iterator[pyarrow.RecordBatch]:
    with _reading(path, what):
        for part in parts:
            # Offsets are taken as they stand by all that reads them: one beyond its column is
            # memory of somebody else (arrow.apache.org/docs/format/Security.html).
            part.validate(full=True)
            rows = part.num_rows * BYTES_AT_ONCE // max(part.nbytes, 1)
            rows = min(max(rows, 1), ROWS_AT_ONCE)
            for start in range(0, part.num_rows, rows):
                yield part.slice(start, rows)


def _lines(parts: Iterator[pyarrow.RecordBatch], path: Path, columns: Renaming) -> Iterator[bytes]:
    convert: list[tuple[str, Callable[[Any], Any] | None]] = []
    row = 1
    for part in parts:
        if not convert:
            with _reading(path, "table"):  # a name within a column need not be UTF-8
                texts = json_columns(part.schema)
                convert = [_column(field, part.schema.names, texts) for field in part.schema]
        cells = [_cells(column) for column in part.columns]
        for values in zip(*cells, strict=True) if cells else ():
            line = _line(values, convert, columns)
            if len(line) > LINE_LIMIT:
                cause = f"the row has {len(line) >> 20} MiB as JSON"
                raise BadRecord("line_too_long", f"{path}:{row}", cause=cause)
            yield line
            row += 1


def _column(
    field: pyarrow.Field, names: list[str], texts: frozenset[str]
) -> tuple[str, Callable[[Any], Any] | None]:
    """Return what a column is called in a record, and what makes JSON of its values."""
    import pyarrow.types as kinds

    name = field.name
    if name in texts:
        return name, _parsed
    is_binary = kinds.is_binary(field.type) or kinds.is_large_binary(field.type)
    if name == "html" and is_binary and "html_base64" not in names:
        name = "html_base64"
    return name, converter(field.type, is_text=name == "text")


def _parsed(value: str) -> Any:
    try:
        return orjson.loads(value)
    except orjson.JSONDecodeError as error:
        raise UnsupportedValue("not_json", value.encode(), str(error)) from None


def _cells(column: pyarrow.Array) -> list[Any]:
    """Return the values of a column; a string that is not UTF-8 is its bytes."""
    import pyarrow

    if pyarrow.types.is_timestamp(column.type) and column.type.unit == "ns":
        # Python's times end at microseconds. pyarrow would take those of pandas if it is there, and
        # what is installed must not change a record.
        column = column.cast(pyarrow.timestamp("us", column.type.tz), safe=False)
    try:
        return column.to_pylist()  # type: ignore[no-any-return]
    except (ValueError, OverflowError):
        # One value of the column cannot be had in Python: one by one, so that only its row is bad.
        return [_cell(column[place]) for place in range(len(column))]


def _cell(value: Any) -> Any:
    try:
        return value.as_py()
    except UnicodeDecodeError as error:
        return UnsupportedValue("broken_utf8", bytes(error.object))
    except (ValueError, OverflowError) as error:
        return UnsupportedValue("wrong_type", cause=str(error))


def _line(
    values: tuple[Any, ...],
    convert: list[tuple[str, Callable[[Any], Any] | None]],
    columns: Renaming,
) -> bytes:
    """Return a row as a line, or as one that says why it is no record."""
    record: dict[str, Any] = {}
    try:
        for value, (name, change) in zip(values, convert, strict=True):
            if value is None:
                continue
            if isinstance(value, UnsupportedValue):
                raise value
            record[name] = value if change is None else change(value)
        if columns:
            record = columns.renamed(record)
        return orjson.dumps(record, option=orjson.OPT_APPEND_NEWLINE)
    except UnsupportedValue as error:
        place = f"column {name!r}" + (f": {error.cause}" if error.cause else "")
        return refused(error.reason, place, error.value or _as_text(values, convert))
    except TypeError as error:
        return refused("too_nested" if "ecursion" in str(error) else "wrong_type", str(error), b"")


def _as_text(
    values: tuple[Any, ...], convert: list[tuple[str, Callable[[Any], Any] | None]]
) -> bytes:
    """Return a row for people, as near to JSON as it is."""
    row = {name: value for value, (name, _) in zip(values, convert, strict=True)}
    return json.dumps(row, ensure_ascii=False, default=str).encode("utf-8", "backslashreplace")


@contextmanager
def _reading(path: Path, what: str) -> Iterator[None]:
    """Name the file in whatever pyarrow raises for what it reads there."""
    import pyarrow

    try:
        yield
    except (OSError, ValueError, MemoryError, SystemError, pyarrow.ArrowException) as error:
        raise _damaged(path, what, error) from None


def _damaged(path: Path, what: str, error: Exception) -> MindError:
    if isinstance(error, OSError) and error.errno is not None:
        return MindError(f"cannot read {path}", cause=error.strerror, hint="check the path")
    return MindError(
        f"{path}: damaged {what}", cause=str(error).split("\n")[0], hint="fetch or make it again"
    )
