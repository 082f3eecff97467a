"""From what a user names (files, folders, globs, lists) to the files of a job and their names."""

from __future__ import annotations

import glob
import os
import re
import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from mind_core.errors import MindError, UsageError
from mind_core.files import MANIFEST, read_json
from mind_core.foreign import missing
from mind_core.progress import log
from mind_core.remote import find_remote, is_address
from mind_core.tasks import FORMAT, OUTPUT, PLAN
from mind_core.untrusted import as_written, check_leads_inside, inside
from mind_core.whole_files import MAX_BYTES

_STARS = re.compile(r"\*{2,}")
CONTENTS = (
    ".jsonl", ".json", ".ndjson", ".warc", ".wet", ".parquet", ".arrow", ".csv", ".tsv",
)  # fmt: skip
PACKED = ("", ".zst", ".gz", ".bz2", ".xz")
SUFFIXES = tuple(content + packed for content in CONTENTS for packed in PACKED)
"""Names of the files that are taken out of a folder; a file that is named itself may have any."""


MAX_NAME = 4096
"""Characters of a path: Linux takes no longer one."""


@dataclass(frozen=True)
class FoundFile:
    """A file of a job: where it lies, and its name below the folder that all of them share."""

    path: str
    name: str


def find_files(named: Sequence[str], from_list: Path | None, tool: str) -> list[FoundFile]:
    """Return the files that were named, in that order; those of a folder by name.

    What lies in a folder and has no name of a file of records is told and passed over. Raises
    `MindError` for what is not there, `UsageError` for a file that is named twice, or no file.
    """
    paths: list[str] = []
    for item in [*named, *(_listed(from_list) if from_list is not None else ())]:
        paths += _files_of(item, tool)
    if not paths:
        raise UsageError("there are no inputs", hint="name files, folders, or a --from-list FILE")
    # Two names of one file, such as a link and what it leads to, are one input.
    places = [path if is_address(path) else os.path.realpath(path) for path in paths]
    twice = [path for path, times in Counter(places).items() if times > 1]
    if twice:
        raise UsageError(f"{twice[0]} is named twice", hint="name each file once")
    absolute = [
        path if is_address(path) else os.path.abspath(path)  # noqa: PTH100 - links keep names
        for path in paths
    ]
    # Addresses as paths below a root of their own (/s3/bucket/…), so that files here and elsewhere
    # have one folder above them.
    named_by = ["/" + path.replace("://", "/", 1) if is_address(path) else path
                for path in absolute]  # fmt: skip
    above = os.path.commonpath([os.path.dirname(path) for path in named_by])  # noqa: PTH120
    names = [os.path.relpath(path, above) for path in named_by]
    return [FoundFile(path, name) for path, name in zip(absolute, names, strict=True)]


def task_names(names: Sequence[str], parts: Sequence[int]) -> list[list[str]]:
    """Return what the tasks of each file are called, no two alike: its name, or its parts' names.

    A name goes without what says how a file is packed, but stays whole where two tasks would be
    called the same. Raises `UsageError` for two files of one name.
    """
    stems = [_stem(name) for name in names]
    # Parts sort by name as they lie in the file.
    digits = [max(4, len(str(count))) for count in parts]
    while True:
        made = [
            [f"{stem}.part-{part:0{width}}" for part in range(count)] if count > 1 else [stem]
            for stem, count, width in zip(stems, parts, digits, strict=True)
        ]
        times = Counter(name for each in made for name in each)
        alike = [place for place, each in enumerate(made) if any(times[one] > 1 for one in each)]
        if not alike:
            return made
        changed = False
        for place in alike:
            if stems[place] != names[place]:
                # A whole name may be the stem of a third one (c.json, c.jsonl, c.jsonl.jsonl).
                stems[place], changed = names[place], True
            elif parts[place] > 1:
                # A file may be called like the part of another: x.part-0000 beside a cut x.
                digits[place], changed = digits[place] + 1, True
        if not changed:
            raise UsageError(
                f"two inputs would be called {names[alike[0]]}", hint="rename one of them"
            )


def _stem(name: str) -> str:
    # The longest first, or x.jsonl.zst would lose one of its two.
    for suffix in sorted(SUFFIXES, key=len, reverse=True):
        # A file that is called .jsonl and no more keeps its name: outputs need one.
        if name.lower().endswith(suffix) and len(Path(name).name) > len(suffix):
            return name[: -len(suffix)]
    return name


def _listed(path: Path) -> Iterable[str]:
    """Return the names in a list, one a line."""
    try:
        if str(path) == "-":
            data = sys.stdin.buffer.read(MAX_BYTES + 1)
        else:
            with path.open("rb") as file:
                data = file.read(MAX_BYTES + 1)
        if len(data) > MAX_BYTES:
            raise MindError(
                f"{path} is too long for a list of names", cause=f"over {MAX_BYTES:,} bytes"
            )
        lines = data.decode("utf-8").split("\n")
    except OSError as error:
        raise MindError(f"cannot read {path}", cause=error.strerror, hint="check it") from None
    except UnicodeDecodeError as error:
        raise MindError(f"{path} is no list of names", cause=error, hint="UTF-8, a name a line") \
            from None  # fmt: skip
    for number, line in enumerate(lines, 1):
        if len(line) > MAX_NAME:
            raise MindError(
                f"{path}: line {number} is no name of a file", cause=f"over {MAX_NAME:,} characters"
            )
    return [line.strip() for line in lines if line.strip()]


def _files_of(item: str, tool: str) -> list[str]:
    if item == "-":
        raise UsageError("stdin is no file", hint="--into reads files; or leave --into out")
    if is_address(item):
        return _at_address(item, tool)
    if Path(item).is_dir():
        return _in_folder(Path(item), tool)
    if "\0" not in item and not Path(item).exists() and glob.has_magic(item):
        found = _matching(item)
        if not found:
            raise MindError(f"no file is named like {item}", hint="check the path")
        return found
    if not Path(item).is_file() or not os.access(item, os.R_OK):
        raise missing(item, "there is no such file, or it may not be read")
    return [item]


def _at_address(item: str, tool: str) -> list[str]:
    """Return the addresses of files of records that one stands for."""
    found = find_remote(item)
    if found == [item] or any(sign in item for sign in "*["):
        return found
    ours = [one for one in found if one.lower().endswith(SUFFIXES) and not one.endswith(MANIFEST)]
    if others := len(found) - len(ours):
        log(tool, f"passed over {others} files at {item} that have no name of records")
    if not ours:
        raise MindError(f"{item} holds no file of records", hint="name files, or a pattern")
    return ours


def _matching(pattern: str) -> list[str]:
    """Return the files that a pattern names, by name; `**` goes through no link, no folder twice,
    and no name with a dot is taken unless the pattern says one.

    Two links to the folder that they lie in would be 2^40 ways for a search that follows them.
    """
    # Only a whole part `**` goes on below; elsewhere it is `*`, as a shell has it.
    parts = [one if one == "**" else _STARS.sub("*", one) for one in Path(pattern).parts]
    first = next(place for place, part in enumerate(parts) if glob.has_magic(part))
    magic = [part for part, before in zip(parts[first:], ["", *parts[first:]], strict=False)
             if part != "**" or before != "**"]  # fmt: skip
    above = Path(*parts[:first])
    wanted = "/".join([*magic, "*"] if magic[-1] == "**" else magic)
    hidden = any(part.startswith(".") for part in magic)
    found = {str(path) for path in above.glob(wanted)
             if path.is_file() and (hidden or not _is_hidden(path, above))}  # fmt: skip
    return sorted(found)


def _is_hidden(path: Path, above: Path) -> bool:
    return any(part.startswith(".") for part in path.relative_to(above).parts)


def _in_folder(folder: Path, tool: str) -> list[str]:
    """Return the files of records in a folder and below it; of a finished job, its outputs."""
    if (folder / PLAN).exists():
        return _outputs_of(folder)
    found: list[str] = []
    others: list[str] = []
    for place, folders, names in os.walk(folder):
        # In place: os.walk goes into those that are left.
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in names:
            if not name.startswith("."):
                is_ours = name.lower().endswith(SUFFIXES) and name != MANIFEST
                (found if is_ours else others).append(str(Path(place, name)))
    if others:
        shown = ", ".join(sorted(others)[:3]) + (", …" if len(others) > 3 else "")
        log(tool, f"passed over {len(others)} files that have no name of records: {shown}")
    if not found:
        hint = (
            f"name files; taken are *{', *'.join(CONTENTS)}, also packed as .zst, .gz, .bz2 and .xz"
        )
        raise MindError(f"{folder} holds no file of records", hint=hint)
    check_leads_inside(folder, found)
    return sorted(found)


def _outputs_of(folder: Path) -> list[str]:
    manifest = read_json(folder / MANIFEST) if (folder / MANIFEST).exists() else None
    if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
        raise MindError(
            f"{folder} is the folder of a job that is not complete",
            cause=f"it has no {MANIFEST}, which is written last",
            hint="run the job's command again; it goes on where it was",
        )
    with as_written(folder / MANIFEST):
        names = [name for name in manifest["files"] if name.startswith(f"{OUTPUT}/")]
        return [str(inside(folder, name)) for name in names]
