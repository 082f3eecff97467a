"""The records of a web archive (WARC 1.0 and 1.1), each held to its length.

A record that ends elsewhere than it says, or in a gap, is told as damaged, and reading goes on at
the next one. Type and length are known before a body is read: what nobody wants is passed over.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from mind_core.formats.warc_bytes import Gap, Pieces
from mind_core.untrusted import whole_number

WANTED = frozenset(("response", "resource", "conversion"))
_LONGEST_HEADER = 1 << 16
_SEEN_OF_LARGE = 1 << 16
"""Bytes of a body too large to keep: enough for the headers of HTTP."""

_START = re.compile(rb"WARC/[01]\.\d\r?\n")
_NEXT = re.compile(rb"\n\r?\n(?=WARC/[01]\.\d\r?\n)")
_BLANK_LINE = re.compile(rb"\r?\n\r?\n")
_ENDS = b"\r\n\r\n"
# Bytes, more than a line "WARC/1.1" has, so that one that lies across two pieces is found.
_OVERLAP = 16


@dataclass
class WarcRecord:
    """A record: its headers by name in small letters, its length, and its body."""

    headers: dict[str, str]
    length: int
    body: bytes
    """All of it, or the start of one longer than asked for."""
    damage: str = ""
    """Why it cannot be trusted."""

    @property
    def kind(self) -> str:
        """Return the type of the record in small letters."""
        return self.headers.get("warc-type", "").lower()


def records_of(
    pieces: Pieces, largest: int, wanted: Collection[str] | None = WANTED
) -> Iterator[WarcRecord]:
    """Yield the records of wanted types (or all), and one with `damage` for each damaged place."""
    buffer = _Buffer(pieces)
    while True:
        buffer.skip_blank()
        if buffer.gap:
            yield WarcRecord({}, 0, b"", buffer.take_gap())
            buffer.find_start()
            continue
        if not buffer.data:
            return
        if _START.match(buffer.data) is None:
            yield WarcRecord({}, 0, b"", "there is no record where one should begin")
            buffer.find_start()
            continue
        yield from _one(buffer, largest, wanted)


def _one(buffer: _Buffer, largest: int, types: Collection[str] | None) -> Iterator[WarcRecord]:
    headers = buffer.header()
    if headers is None:
        yield WarcRecord({}, 0, b"", buffer.take_gap() or "a header that does not end")
        buffer.find_start(1)
        return
    said = headers.get("content-length", "")
    length = whole_number(said)
    record = WarcRecord(headers, -1 if length is None else length, b"")
    if length is None:
        record.damage = f"its length is {said[:40]!r}"
        yield record
        buffer.find_start()
        return
    wanted = types is None or record.kind in types
    # All of a body that is small enough, for its record and because the next one may lie in it.
    keep = record.length if record.length <= largest else _SEEN_OF_LARGE
    body, taken = buffer.take(record.length, keep if wanted else 0)
    record.body = body
    if taken < record.length:
        cause = buffer.take_gap() or "the archive ends inside it"
        record.damage = f"{cause}: {taken} of {record.length} bytes are there"
        # A record that says too large a length takes the next ones for its body: they are given
        # back, if the body was kept whole.
        if not buffer.data and (again := _NEXT.search(body)) is not None and keep == record.length:
            record.damage = f"it is shorter than the {record.length} bytes that it says"
            buffer.data = body[again.end() :]
        yield record
        return
    if not buffer.at_boundary():
        again = _NEXT.search(body) if keep == record.length else None
        if again is not None:
            record.damage = f"it is shorter than the {record.length} bytes that it says"
            buffer.data = body[again.end() :] + buffer.data
        else:
            record.damage = f"it is longer than the {record.length} bytes that it says"
            buffer.find_start()
        yield record
    elif wanted:
        yield record


@dataclass
class _Buffer:
    """What was read and not yet taken."""

    pieces: Pieces
    data: bytes = b""
    gap: str = ""
    """Why nothing more comes before `take_gap` was asked."""

    def fill(self) -> bool:
        """Read on; return whether anything came."""
        if self.gap:
            return False
        for piece in self.pieces:
            if isinstance(piece, Gap):
                self.gap = piece.cause
                return False
            if piece:
                self.data += piece
                return True
        return False

    def take_gap(self) -> str:
        """Return why reading stopped, and let it go on behind that place."""
        cause, self.gap = self.gap, ""
        return cause

    def skip_blank(self) -> None:
        """Pass over line ends and padding between records."""
        self.data = self.data.lstrip(b"\r\n\0 ")
        while len(self.data) < _OVERLAP and self.fill():
            self.data = self.data.lstrip(b"\r\n\0 ")

    def at_boundary(self) -> bool:
        """Tell whether a record may end here: before two line ends, another record or a gap."""
        while len(self.data) < len(_ENDS) and self.fill():
            pass
        if self.data.startswith(_ENDS):
            return True
        self.skip_blank()
        return not self.data or bool(self.gap) or _START.match(self.data) is not None

    def header(self) -> dict[str, str] | None:
        """Take the header of a record; return none if it does not end."""
        while (end := _BLANK_LINE.search(self.data)) is None:
            if len(self.data) > _LONGEST_HEADER or not self.fill():
                return None
        # At line feeds alone: an address may hold a character at which `str.splitlines` would cut.
        lines = self.data[: end.start()].decode("utf-8", "replace").split("\n")[1:]
        self.data = self.data[end.end() :]
        pairs = (line.partition(":") for line in lines if ":" in line)
        return {name.strip().lower(): value.strip() for name, _, value in pairs}

    def take(self, size: int, keep: int) -> tuple[bytes, int]:
        """Take so many bytes; return the first of them and how many there were."""
        parts: list[bytes] = []
        kept = taken = 0
        while taken < size:
            if not self.data and not self.fill():
                break
            part = self.data[: size - taken]
            self.data = self.data[len(part) :]
            taken += len(part)
            if kept < keep:
                parts.append(part[: keep - kept])
                kept += len(parts[-1])
        return b"".join(parts), taken

    def find_start(self, at: int = 0) -> None:
        """Go to the next place that looks like the start of a record, or to the next gap."""
        while True:
            found = _START.search(self.data, at)
            if found is not None:
                self.data = self.data[found.start() :]
                return
            # What was looked through goes, but for a start of which only a part is there.
            self.data, at = self.data[-_OVERLAP:], 0
            if not self.fill():
                self.data = b""
                return
