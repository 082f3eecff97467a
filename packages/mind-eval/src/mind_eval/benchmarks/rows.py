"""Read the rows of a data file: JSON lines, a JSON list or CSV, plain or compressed."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

import orjson

from mind_core import MindError
from mind_core.stream import read_batches

Row = dict[str, Any]
COMPRESSED = (".zst", ".gz")


def find(folder: Path, name: str) -> Path:
    """Find a file by its name, or compressed; raise `MindError` if it is missing."""
    for candidate in (name, *(name + ending for ending in COMPRESSED)):
        if (folder / candidate).is_file():
            return folder / candidate
    raise MindError(
        f"{folder / name} is missing",
        cause="neither plain nor .zst nor .gz",
        hint="fetch the benchmark again as its authors publish it, or leave --data-root out",
    )


def read_text(path: Path) -> str:
    """Read a text file, decompressed, with line feeds for line ends."""
    data = b"".join(batch.data for batch in read_batches([path]))
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise MindError(
            f"{path}:{line}: not UTF-8", hint="convert the file, for example with iconv -f GB18030"
        ) from None
    return text.replace("\r\n", "\n")


def read_rows(path: Path) -> list[Row]:
    """Read a file's rows by the ending of its name; raise `MindError` with file and line."""
    kind = path.name
    for ending in COMPRESSED:
        kind = kind.removesuffix(ending)
    text = read_text(path)
    if kind.endswith(".csv"):
        return [dict(row) for row in csv.DictReader(io.StringIO(text, newline=""))]
    if kind.endswith(".json") and text.lstrip().startswith("["):
        rows = _parse(text, f"{path}")
        return [_object(row, f"{path}, entry {number}") for number, row in enumerate(rows, 1)]
    if kind.endswith((".jsonl", ".json")):
        return [
            _object(_parse(line, f"{path}:{number}"), f"{path}:{number}")
            for number, line in enumerate(text.split("\n"), 1)
            if line.strip()
        ]
    raise MindError(f"{path}: not a kind of file that can be read", hint="JSONL, JSON or CSV")


def _parse(text: str, position: str) -> Any:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise MindError(f"{position}: not JSON", cause=error) from None


def _object(row: Any, position: str) -> Row:
    if isinstance(row, dict):
        return row
    raise MindError(f"{position}: a row is a JSON object, this is another JSON value")
