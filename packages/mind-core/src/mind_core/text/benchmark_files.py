"""Read the texts of benchmark files: JSON Lines, JSON, CSV, TSV, plain text, zip of those.

A text is a string of a record (its question, an option, a passage), a cell of a row, a paragraph of
plain text. Files may be compressed (zstd, gzip).
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import orjson

from mind_core.bounded import Bounds, is_zip, read_packed, unpack, zip_members
from mind_core.errors import UsageError

_COMPRESSED = (".zst", ".gz")
_KNOWN = (".jsonl", ".ndjson", ".json", ".csv", ".tsv", ".txt", ".zip")
_ABOUT = ("readme", "license", "licence", "notice", "copying")
"""Files of a folder that speak about a benchmark and hold none of it."""


def benchmark_files(paths: Sequence[str]) -> list[Path]:
    """Return the files that are named and those in the folders that are named, in order.

    Raises `UsageError` for a path that is not there or holds no file of a known kind.
    """
    found: list[Path] = []
    for name in paths:
        path = Path(name)
        if path.is_dir():
            inside = sorted(p for p in path.rglob("*") if p.is_file() and _is_benchmark(p.name))
            if not inside:
                raise UsageError(
                    f"folder {name} holds no benchmark file",
                    hint=f"known: {', '.join(_KNOWN)}, also with {' or '.join(_COMPRESSED)}",
                )
            found += inside
        elif path.is_file():
            found.append(path)
        else:
            raise UsageError(f"there is no benchmark file or folder {name}")
    # A file may be named itself and lie in a folder that is named too: its texts count once.
    return list(dict.fromkeys(found))


def read_texts(path: Path, fields: Sequence[str] = ()) -> Iterator[str]:
    """Yield the texts of a file; with `fields`, only the texts under these names.

    Raises `UsageError` that names file and line of what cannot be read.
    """
    # One for the whole file, so that many small members of a zip file are held to the bounds
    # together.
    bounds = Bounds()
    yield from _texts_of(path.name, str(path), read_packed(path, bounds), fields, bounds)


def _is_benchmark(name: str) -> bool:
    return _suffix(name) in _KNOWN and not name.lower().startswith(_ABOUT)


def _suffix(name: str) -> str:
    # `data.jsonl.gz` is of kind .jsonl.
    path = Path(name.lower())
    return Path(path.stem).suffix if path.suffix in _COMPRESSED else path.suffix


def _texts_of(
    name: str,
    position: str,
    content: bytes,
    fields: Sequence[str],
    bounds: Bounds,
    depth: int = 0,
) -> Iterator[str]:
    # By its first bytes: a name may say anything.
    if is_zip(content):
        for member, inside in zip_members(content, position, bounds, depth + 1):
            if _is_benchmark(Path(member).name):
                where = f"{position}:{member}"
                data = unpack(inside, where, bounds)
                yield from _texts_of(Path(member).name, where, data, fields, bounds, depth + 1)
        return
    text = _decoded(content, position)
    kind = _suffix(name)
    if kind in (".csv", ".tsv"):
        yield from _rows(text, "\t" if kind == ".tsv" else ",", fields)
    # By what it holds rather than its name. Plain text may begin with a bracket too, so of .txt the
    # first line must be JSON as a whole.
    elif text.lstrip()[:1] in ("{", "[") and (kind != ".txt" or _is_json(text.split("\n", 1)[0])):
        yield from _json_texts(text, position, fields, whole=kind == ".json")
    else:
        yield from (part for part in text.split("\n\n") if part.strip())


def _decoded(data: bytes, position: str) -> str:
    try:
        # Without a byte order mark, which would be part of the first column's name.
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise UsageError(
            f"{position}:{line}: not valid UTF-8", hint="iconv -f gb18030 -t utf-8 FILE"
        ) from None


def _is_json(line: str) -> bool:
    try:
        orjson.loads(line)
    except orjson.JSONDecodeError:
        return False
    return True


def _json_texts(text: str, position: str, fields: Sequence[str], whole: bool) -> Iterator[str]:
    # A .json file is one value, or JSON Lines under the wrong name: the second is what is left.
    if whole and _is_json(text):
        yield from _texts(orjson.loads(text), fields)
        return
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip():
            try:
                value = orjson.loads(line)
            except orjson.JSONDecodeError as error:
                raise UsageError(f"{position}:{number}: not JSON", cause=str(error)) from None
            yield from _texts(value, fields)


def _texts(value: Any, fields: Sequence[str], chosen: bool = False) -> Iterator[str]:
    """Yield the strings of a JSON value: all of them, or those under the fields, at any depth."""
    if isinstance(value, str):
        if chosen or not fields:
            yield value
    elif isinstance(value, list):
        for inner in value:
            yield from _texts(inner, fields, chosen)
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield from _texts(inner, fields, chosen or key in fields)


def _rows(text: str, delimiter: str, fields: Sequence[str]) -> Iterator[str]:
    """Yield the cells of each row; with `fields`, those under these names of the first row."""
    # A passage in a cell may be longer than the 128 KiB that csv allows; `Bounds` has the limit.
    csv.field_size_limit(1 << 30)
    # newline="" leaves line ends within quoted cells to csv, as its documentation asks for.
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    if not fields:
        for row in rows:
            yield from row
        return
    header = next(rows, [])
    places = [place for place, name in enumerate(header) if name in fields]
    for row in rows:
        # A short row lacks its last cells; those that it has are texts all the same.
        yield from (row[place] for place in places if place < len(row))
