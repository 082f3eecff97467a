"""Web archives: each response is a record, numbered from one in its file."""

from __future__ import annotations

import base64
import io
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO

from mind_core.errors import MindError
from mind_core.records import Record, encode
from mind_core.stream import BATCH_BYTES, LINE_LIMIT, Batch, check_inputs, content_of

LARGEST_PAGE = LINE_LIMIT // 2
"""Bytes of a page; base64 makes a third more of them, and a line has a limit."""


def read_warc(inputs: Sequence[str], batch_bytes: int = BATCH_BYTES) -> Iterator[Batch]:
    """Yield the responses of archives (.warc, .warc.gz, .warc.zst) as lines of records.

    The body goes to `html_base64` as it came, since only the worker decodes it; address, date and
    what HTTP said of it come along. Other kinds of records (requests, metadata) are passed over.
    One that is too large comes along without its body: the worker rejects it, by its kind if that
    is no page. Raises `MindError` for a file that cannot be read, is damaged or cut.
    """
    check_inputs(inputs)
    for item in inputs or ["-"]:
        name = "stdin" if item == "-" else str(item)
        source = sys.stdin.buffer if item == "-" else Path(item).open("rb")  # noqa: SIM115
        with source:
            yield from _batches(source, name, batch_bytes)


def _batches(source: BinaryIO, name: str, batch_bytes: int) -> Iterator[Batch]:
    lines: list[bytes] = []
    size, first = 0, 1
    for record in _responses(source, name):
        lines.append(encode(record))
        size += len(lines[-1])
        if size >= batch_bytes:
            yield Batch(name, first, b"".join(lines))
            first += len(lines)
            lines, size = [], 0
    if lines:
        yield Batch(name, first, b"".join(lines))


class _Content(io.RawIOBase):
    """A file to read from, over decompressed bytes; what went wrong in it is kept.

    The archive library ends quietly at the end of a cut file, and swallows what a file raises.
    """

    def __init__(self, source: BinaryIO, name: str) -> None:
        super().__init__()
        self._chunks = content_of(source, name)
        self._rest = b""
        self._read = 0
        self.error: MindError | None = None

    def readable(self) -> bool:
        """Say that it can be read."""
        return True

    def tell(self) -> int:
        """Return how many bytes were read."""
        return self._read

    def readinto(self, into: Any) -> int:
        """Fill the buffer with what is there next; return how many bytes, 0 at the end."""
        try:
            while not self._rest and (chunk := next(self._chunks, None)) is not None:
                self._rest = chunk
        except MindError as error:
            self.error = error
            return 0
        size = min(len(into), len(self._rest))
        into[:size], self._rest = self._rest[:size], self._rest[size:]
        self._read += size
        return size


def _responses(source: BinaryIO, name: str) -> Iterator[Record]:
    from fastwarc.warc import ArchiveIterator, WarcRecordType

    wanted = WarcRecordType.response | WarcRecordType.resource
    content = _Content(source, name)
    seen = 0
    try:
        for response in ArchiveIterator(
            io.BufferedReader(content, 1 << 16), record_types=wanted, parse_http=False
        ):
            seen += 1
            yield _record(response, f"{name}:{seen}")
    except Exception as error:
        if content.error is None and isinstance(error, MindError):
            raise
        raise content.error or _damaged(name, seen, error) from error
    if content.error is not None:
        raise content.error
    if not seen:
        raise _damaged(name, seen, "there is no response in it")


def _damaged(name: str, seen: int, cause: str | Exception) -> MindError:
    if not seen:
        return MindError(
            f"{name}: no web archive",
            cause=cause,
            hint="--from warc reads .warc, .warc.gz and .warc.zst",
        )
    return MindError(
        f"{name}: damaged after {seen} responses",
        cause=cause,
        hint=f"--limit {seen} reads what came before",
    )


def _record(response: Any, position: str) -> Record:
    whole = response.content_length
    if whole <= LARGEST_PAGE:
        response.freeze()
        if response.content_length < whole:
            raise MindError(
                f"{position}: the archive ends inside this response",
                cause=f"{response.content_length} of {whole} bytes are there",
                hint="get the file again",
            )
    response.parse_http()
    body = response.reader.read() if whole <= LARGEST_PAGE else b""
    headers = response.headers
    http = response.http_headers
    record: Record = {
        "id": (headers.get("WARC-Record-ID") or position).strip("<>"),
        "html_base64": base64.b64encode(body).decode("ascii"),
        "source": "warc",
    }
    if address := headers.get("WARC-Target-URI"):
        record["url"] = address.strip("<>")
    if date := headers.get("WARC-Date"):
        record["created"] = date
    said: Record = {"content_type": response.http_content_type, "charset": response.http_charset}
    if http is not None:
        said["status"] = http.status_code
        said["content_encoding"] = http.get("Content-Encoding")
        said["transfer_encoding"] = http.get("Transfer-Encoding")
    if whole > LARGEST_PAGE:
        said["bytes"] = whole
    record["metadata"] = {"http": {key: value for key, value in said.items() if value is not None}}
    return record
