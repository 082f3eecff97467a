"""Read the rows of a data file: JSON lines, a JSON list or CSV, plain, compressed or in a zip."""

from __future__ import annotations

import csv
import io
import unicodedata
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import orjson

from mind_core import MindError
from mind_core.bounded import Bounds, read_member, read_packed, unpack
from mind_core.foreign import check_not_foreign

Row = dict[str, Any]
Place = Path | zipfile.Path
"""A file or folder on the disk, or in a zip file."""

FETCH = "mend the file or fetch it again: mind-eval doctor says where a benchmark is published"
COMPRESSED = (".zst", ".gz")
BAD = "_bad"
AT = "at"


def unpacked(folder: Path) -> Place:
    """Return a folder, or the inside of the one zip file in it, read as it lies."""
    zips = sorted(folder.glob("*.zip"))
    # With a folder beside it the zip file has been unpacked: that is read then.
    if len(zips) == 1 and not any(path.is_dir() for path in folder.iterdir()):
        try:
            return zipfile.Path(zips[0])
        except (zipfile.BadZipFile, OSError) as error:
            raise MindError(
                f"{zips[0]} is not a whole zip file", cause=error, hint="fetch it again"
            ) from error
    return folder


def find(folder: Place, name: str) -> Place:
    """Find a file by its name, or compressed; raise `MindError` if it is missing."""
    for candidate in (name, *(name + ending for ending in COMPRESSED)):
        if (folder / candidate).is_file():
            return folder / candidate
    raise MindError(
        f"{folder / name} is missing",
        cause="neither plain nor .zst nor .gz",
        hint=FETCH,
    )


def has(folder: Place, name: str) -> bool:
    """Tell whether a file is there, plain or compressed."""
    return any((folder / (name + ending)).is_file() for ending in ("", *COMPRESSED))


def listed(folder: Place, ending: str) -> list[tuple[str, Place]]:
    """List the files of a folder by their name without `ending`, in order of names.

    Raises `MindError` if there is none.
    """
    found = []
    for path in folder.iterdir() if folder.is_dir() else ():
        name = path.name
        for packed in COMPRESSED:
            name = name.removesuffix(packed)
        if name.endswith(ending) and path.is_file() and not name.startswith("._"):  # of macOS
            found.append((name.removesuffix(ending), path))
    if not found:
        raise MindError(
            f"{folder} has no *{ending}",
            hint=FETCH,
        )
    return sorted(found, key=lambda one: one[0])


def read_text(path: Place, keep_ends: bool = False) -> str:
    """Read a text file, decompressed, with line feeds for line ends, unless they are to be kept."""
    try:
        data = _from_zip(path) if isinstance(path, zipfile.Path) else read_packed(path)
        check_not_foreign(data[:1024], str(path))
    except MindError as error:  # its advice is about files in general
        raise MindError(error.message, cause=error.cause, hint=FETCH) from None
    if not data:
        raise MindError(f"{path} is empty", hint=FETCH)
    try:
        # Some published files begin with a byte order mark.
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise MindError(
            f"{path}:{line}: not UTF-8", hint="convert the file, for example with iconv -f GB18030"
        ) from None
    # Line ends must not make other prompts of the same text.
    return text if keep_ends else text.replace("\r\n", "\n")


def _from_zip(path: zipfile.Path) -> bytes:
    """Return a member of a zip file, decompressed, within bounds."""
    bounds = Bounds()
    return unpack(read_member(path.root, path.at, str(path), bounds), str(path), bounds)


def read_rows(path: Place, header: Sequence[str] = (), ending: str = "") -> list[Row]:
    """Read a file's rows by the ending of its name, each with its file and line under `at`.

    `header` names the columns of a CSV file that has no header; `ending` is what a file is taken
    for whose name has none that is known. Raises `MindError` with file and
    line.
    """
    kind = path.name
    for packed in COMPRESSED:
        kind = kind.removesuffix(packed)
    if ending and not kind.endswith((".csv", ".json", ".jsonl", ".txt")):
        kind += ending
    csv_file = kind.endswith(".csv")
    text = read_text(path, keep_ends=csv_file)  # those in quoted cells are part of the prompts
    if csv_file:
        return _csv(text, path, header)
    if kind.endswith(".json") and text.lstrip().startswith("["):
        rows = _parse(text, f"{path}")
        return [_object(row, f"{path}, entry {number}") for number, row in enumerate(rows, 1)]
    if kind.endswith((".jsonl", ".json", ".txt")):
        return [
            _object(_parse(line, f"{path}:{number}"), f"{path}:{number}")
            for number, line in enumerate(text.split("\n"), 1)
            if line.strip()
        ]
    raise MindError(f"{path}: not a kind of file that can be read", hint="JSONL, JSON or CSV")


def read_object(path: Place) -> Row:
    """Read a file that is one JSON object."""
    return _object(_parse(read_text(path), f"{path}"), f"{path}")


def missing(row: Row, *fields: str) -> str | None:
    """Name the first field that is missing or empty, as a reason; None if all are there."""
    for name in fields:
        if row.get(name) in (None, "", []):
            return f"field {name!r} is missing or empty"
    return None


def not_text(row: Row, *fields: str) -> str | None:
    """Name the first field that is missing or no text, as a reason; None if all are texts."""
    for name in fields:
        # A number or a list would be printed into the prompt as Python spells it.
        if not isinstance(row.get(name), str):
            there = row.get(name) is not None
            return f"field {name!r} is " + ("no text" if there else "missing or empty")
    return missing(row, *fields)


def bad(at: str, reason: str) -> Row:
    """Make a row that stands for one that cannot be used, and why."""
    return {AT: at, BAD: reason}


def index_of(label: object, known: str = "ABCD") -> int | None:
    """Return the place of an answer among the known ones; None if it is none of them.

    `Ｂ`, `b`, `B.` and `(B)` are B.
    """
    if not isinstance(label, str):
        return None
    # NFKC turns full-width letters and brackets into plain ones.
    spelt = unicodedata.normalize("NFKC", label).strip().strip("().、:").upper()
    return known.index(spelt) if len(spelt) == 1 and spelt in known else None


def choice_row(at: str, label: object, known: str, choices: Sequence[str], **fields: Any) -> Row:
    """Make a row of a question with choices, or the row of what is wrong with it."""
    # More letters are known than a question has choices.
    empty = [letter for letter, choice in zip(known, choices, strict=False) if not choice]
    if empty:
        return bad(at, f"choice {empty[0]} is missing or empty")
    answer = index_of(label, known)
    if answer is None or answer >= len(choices):
        named = ", ".join(known[: len(choices)])
        return bad(at, f"the answer {label!r} is none of {named}")
    return {**fields, "choices": list(choices), "answer": answer, AT: at}


def _csv(text: str, path: Place, header: Sequence[str]) -> list[Row]:
    # Strict, so that an open quote is an error and does not swallow the rest of the file.
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    rows: list[Row] = []
    names = list(header)
    before = 0
    try:
        for cells in reader:
            # A row with line breaks in its cells ends lines below where it begins.
            at, before = f"{path}:{before + 1}", reader.line_num
            if not cells:
                continue
            if not names:
                names = cells
                continue
            row: Row = dict(zip(names, cells, strict=False))
            row[AT] = at
            if len(cells) != len(names):
                row[BAD] = f"{len(cells)} columns instead of {len(names)}"
            rows.append(row)
    except csv.Error as error:
        raise MindError(f"{path}:{reader.line_num}: not CSV", cause=error) from None
    return rows


def _parse(text: str, position: str) -> Any:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise MindError(
            f"{position}: not JSON", cause=f"{error}; it begins {text.lstrip()[:40]!r}", hint=FETCH
        ) from None


def _object(row: Any, position: str) -> Row:
    if isinstance(row, dict):
        return {**row, AT: position}
    raise MindError(f"{position}: a row is a JSON object, this is another JSON value")
