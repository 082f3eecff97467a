"""Pages of web archives by an index: each line of it names a range, and only those are read.

An index is CDXJ (Common Crawl, pywb), CDX (wget, Heritrix, the Wayback Machine), the JSON lines of
an index server, or rows of Common Crawl's columnar index (`warc_filename`, `warc_record_offset` …).
"""

from __future__ import annotations

import errno
import os
import re
import stat
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO

import orjson

from mind_clean.readers.warc import LARGEST_PAGE, record_of
from mind_core.batches import BATCH_BYTES, Batch, refusal, refused
from mind_core.errors import MindError
from mind_core.formats.warc_bytes import CHUNK, pieces_of
from mind_core.formats.warc_records import WANTED, WarcRecord, records_of
from mind_core.records import encode
from mind_core.stream import check_inputs, read_batches
from mind_core.untrusted import check_leads_inside

_STANDARD = tuple("NbamskrMSVg")
"""The fields of a CDX file that does not say them in its first line (Internet Archive, 2015)."""

_JSON = re.compile(rb"(?:^|\s)(?=\{)")
_FILE = ("filename", "warc_filename", "file")
_OFFSET = ("offset", "warc_record_offset")
_LENGTH = ("length", "warc_record_length")
# Below the signed 64 bits that `seek` takes, with room for a length to be added.
_LARGEST_OFFSET = 1 << 62
# Neighbours in an index that is sorted by address name many archives in turn; opening one for each
# line would be slow, and a process may not hold any number of files.
_OPEN_FILES = 32


@dataclass(frozen=True)
class RecordPlace:
    """Where a record lies: an archive, the first byte, and how many, if the index says."""

    archive: str
    offset: int
    length: int | None
    url: str = ""


def read_cdx(
    inputs: Sequence[str], folder: str = "", batch_bytes: int = BATCH_BYTES
) -> Iterator[Batch]:
    """Yield the pages that indexes name as lines of records, in the order of the index.

    A position is a line of the index. Archives lie in `folder`, or beside the index, by the name
    that it gives or the last part of that. A range that holds no record, or an archive that is not
    there, is a bad record (`--skip-bad`). Raises `MindError` for an index that cannot be read.
    """
    check_inputs(inputs)
    for item in inputs or ["-"]:
        beside = folder or ("." if str(item) == "-" else str(Path(item).parent))
        yield from pages_of(read_batches([item]), beside, batch_bytes)


def pages_of(
    index: Iterator[Batch], folder: str, batch_bytes: int = BATCH_BYTES
) -> Iterator[Batch]:
    """Yield the pages that the lines of an index name, a line for a line; see `read_cdx`."""
    fields: Sequence[str] = _STANDARD
    with _Archives(Path(folder)) as archives:
        for batch in index:
            waiting: list[bytes] = []
            first, size = batch.first_line, 0
            for number, line in enumerate(batch.data.split(b"\n"), batch.first_line):
                # The first line of a CDX file names its columns by letters (" CDX N b a m s k r M S
                # V g"). It becomes a blank line, so that positions still are lines of the index.
                if line.lstrip().startswith(b"CDX "):
                    fields = line.decode("utf-8", "replace").split()[1:]
                    line = b""
                waiting.append(_page(line.strip(), fields, archives, batch.position(number)))
                size += len(waiting[-1])
                if size >= batch_bytes:
                    yield Batch(batch.name, first, b"".join(waiting))
                    waiting, size, first = [], 0, number + 1
            if waiting:
                yield Batch(batch.name, first, b"".join(waiting))


def _page(line: bytes, fields: Sequence[str], archives: _Archives, position: str) -> bytes:
    """Return the line of the record that a line of an index names; of a blank one a blank one."""
    # CDXJ describes the index itself in lines that begin with "!".
    if not line or line.startswith(b"!"):
        return b"\n"
    # The reader of lines has refused it already, and its reason goes on to the worker.
    if refusal(line) is not None:
        return line + b"\n"
    try:
        place = place_of(line, fields)
    except ValueError as error:
        return refused("wrong_index_line", str(error), line)
    try:
        found = archives.record_at(place)
    except OSError as error:
        cause = (
            f"{place.archive} is not in {archives.folder} ({error.strerror}): --archives FOLDER "
            "says where archives lie"
        )
        return refused("missing_archive", cause, line)
    except MindError as error:
        return refused("missing_archive", f"{error.message}: {error.cause}", line)
    # The record's own address counts first; a record without one has that of the index.
    if place.url:
        found.headers.setdefault("warc-target-uri", place.url)
    return encode(record_of(found, position))


def place_of(line: bytes, fields: Sequence[str] = _STANDARD) -> RecordPlace:
    """Return what a line of an index names; raise `ValueError` for a line of another form."""
    if (start := _JSON.search(line)) is not None:
        try:
            said: Any = orjson.loads(line[start.end() :])
        except orjson.JSONDecodeError as error:
            raise ValueError(f"it is no JSON: {error}") from None
        values = [_first_of(said, names) for names in (_FILE, _OFFSET, _LENGTH, ("url",))]
    else:
        columns = dict(zip(fields, line.decode("utf-8", "replace").split(), strict=False))
        # Letters of the CDX format: g is the name of the archive, V the offset, S the length, a the
        # original address.
        values = [columns.get(letter) for letter in "gVSa"]
    archive, offset, length, url = values
    if not isinstance(archive, str) or not archive:
        raise ValueError("it names no archive (`filename`, or g in a CDX file)")
    at = _whole(offset)
    if at is None:
        raise ValueError(f"its offset is {offset!r}")
    return RecordPlace(archive, at, _whole(length), url if isinstance(url, str) else "")


def _first_of(said: Mapping[str, Any], names: Sequence[str]) -> Any:
    return next((said[name] for name in names if said.get(name) is not None), None)


def _whole(value: Any) -> int | None:
    """Return a count that an index says, as a number or as digits; none for `-` and the like."""
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 20:
        value = int(value)
    # In Python, True is an int.
    whole = isinstance(value, int) and not isinstance(value, bool)
    return value if whole and 0 <= value < _LARGEST_OFFSET else None


@dataclass
class _Archives:
    """The archives of a folder; those that were read last stay open."""

    folder: Path
    _open: OrderedDict[str, BinaryIO] = field(default_factory=OrderedDict)

    def __enter__(self) -> _Archives:
        return self

    def __exit__(self, *_: object) -> None:
        for file in self._open.values():
            file.close()

    def record_at(self, place: RecordPlace) -> WarcRecord:
        """Return the record at a place, one with `damage` if there is none.

        Raises `OSError` for an archive that is not there, `MindError` for one that is a link out of
        the folder, a pipe or a device.
        """
        file = self._file(place.archive)
        file.seek(place.offset)
        source = _Range(file, place.length)
        pieces = pieces_of(source, place.archive)  # type: ignore[arg-type]
        try:
            found = next(records_of(pieces, LARGEST_PAGE, wanted=None), None)
        except MindError:
            found = None  # the archive ends before the range begins
        if found is None:
            return WarcRecord({}, 0, b"", "the range holds no record")
        if not found.damage and found.kind not in WANTED:
            # A request or metadata is no page: by this type the worker drops it as `not_html`.
            found.headers["content-type"], found.body = f"warc/{found.kind}", b""
        return found

    def _file(self, archive: str) -> BinaryIO:
        """Return an archive, open; its name leads nowhere but into the folder."""
        if archive in self._open:
            self._open.move_to_end(archive)
            return self._open[archive]
        if "\0" in archive:
            raise OSError(errno.EINVAL, "it is no name of a file")
        name = PurePosixPath(archive)
        inside = not name.is_absolute() and ".." not in name.parts
        # An index names `crawl-data/…/warc/X.warc.gz`, and people keep the same file with its
        # folders or without. A name that leads upwards is taken by its last part alone.
        path = self.folder / name if inside else self.folder / name.name
        if not path.is_file():
            path = self.folder / name.name
        check_leads_inside(self.folder, [path, *_between(self.folder, path)])
        # A pipe would wait for a writer.
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        file = os.fdopen(handle, "rb")
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            file.close()
            raise MindError(f"{path} is refused", cause="it is no regular file")
        if len(self._open) >= _OPEN_FILES:
            self._open.popitem(last=False)[1].close()
        self._open[archive] = file
        return file


def _between(folder: Path, path: Path) -> list[Path]:
    """Return the folders between a folder and what lies in it."""
    return [one for one in path.parents if one != folder and one.is_relative_to(folder)]


@dataclass
class _Range:
    """The bytes of a file from where it stands, up to so many."""

    file: BinaryIO
    left: int | None

    def read(self, size: int = CHUNK, /) -> bytes:
        """Return up to so many bytes, none at the end."""
        data = self.file.read(size if self.left is None else min(size, self.left))
        if self.left is not None:
            self.left -= len(data)
        return data
