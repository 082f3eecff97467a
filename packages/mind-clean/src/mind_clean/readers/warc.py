"""Web archives: each page is a record, numbered from one in its file."""

from __future__ import annotations

import base64
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO

from mind_core.errors import BadRecord, MindError
from mind_core.formats.warc_bytes import pieces_of
from mind_core.formats.warc_records import WarcRecord, records_of
from mind_core.records import Record, encode
from mind_core.stream import BATCH_BYTES, LINE_LIMIT, Batch, check_inputs

LARGEST_PAGE = LINE_LIMIT // 2
"""Bytes of a page; base64 makes a third more of them, and a line has a limit."""

DAMAGE = "warc_damage"
_BLANK_LINE = re.compile(rb"\r?\n\r?\n")
_STATUS = re.compile(r"HTTP/[\d.]+ +(\d{3})")
_CHARSET = re.compile(r"charset\s*=\s*[\"']?([\w:.-]{2,40})", re.IGNORECASE)


def read_warc(inputs: Sequence[str], batch_bytes: int = BATCH_BYTES) -> Iterator[Batch]:
    """Yield the pages of archives (.warc, .warc.gz, .warc.zst, also WET) as lines of records.

    The body goes to `html_base64` as it came, since only the worker decodes it; address, date and
    what HTTP said of it come along. A `conversion` (WET) has its text. Other kinds of records are
    passed over. One that is too large comes along without its body: the worker rejects it, by its
    kind if that is no page. What is damaged is a bad record (`--skip-bad`), and reading goes on at
    the next one. Raises `MindError` for a file that cannot be read or holds no page at all.
    """
    check_inputs(inputs)
    for item in inputs or ["-"]:
        name = "stdin" if item == "-" else str(item)
        source = sys.stdin.buffer if item == "-" else Path(item).open("rb")  # noqa: SIM115
        with source:
            yield from batches_of_archive(source, name, batch_bytes)


def batches_of_archive(
    source: BinaryIO, name: str, batch_bytes: int = BATCH_BYTES
) -> Iterator[Batch]:
    """Yield the pages of an open archive; see `read_warc`."""
    yield from batches_of(records_of(pieces_of(source, name), LARGEST_PAGE), name, batch_bytes)


def batches_of(records: Iterable[WarcRecord], name: str, batch_bytes: int) -> Iterator[Batch]:
    """Yield archive records as batches of lines; raise `MindError` if none of them is a page."""
    lines: list[bytes] = []
    size, first, damage = 0, 1, ""
    for number, record in enumerate(records, 1):
        # No archive at all looks like one damaged record without headers; said as a bad record, it
        # would be passed over by --skip-bad.
        if record.damage and number == 1 and not record.headers:
            damage = damage or record.damage
        lines.append(encode(record_of(record, f"{name}:{number}")))
        size += len(lines[-1])
        if size >= batch_bytes:
            yield Batch(name, first, b"".join(lines))
            first += len(lines)
            lines, size = [], 0
    if damage and first == 1 and len(lines) == 1:
        raise _no_archive(name, damage)
    if lines:
        yield Batch(name, first, b"".join(lines))
    elif first == 1:
        raise _no_archive(name, "there is no response in it")


def checked_response(record: Record, position: str) -> Record:
    """Return the record of a page; raise `BadRecord` for what stands for a damaged one."""
    if DAMAGE in record:
        cause = f"{record[DAMAGE]}; {record.get('url') or 'its address is unknown'}"
        raise BadRecord("damaged_record", position, b"", cause=cause)
    return record


def _no_archive(name: str, cause: str) -> MindError:
    hint = "--from warc reads .warc, .warc.gz and .warc.zst"
    return MindError(f"{name}: no web archive", cause=cause, hint=hint)


def record_of(found: WarcRecord, position: str) -> Record:
    """Return a record of an archive as one of ours; see `read_warc`."""
    headers = found.headers
    # WARC 1.0 puts record ids in angle brackets, and some writers addresses as well.
    record: Record = {"id": (headers.get("warc-record-id") or position).strip("<>")}
    if found.damage:
        record[DAMAGE] = found.damage
    elif found.kind == "conversion":
        record["text"] = found.body.decode("utf-8", "replace")
    else:
        # Its place in the record comes before source and address; what it holds follows below.
        record["html_base64"] = ""
    record["source"] = "warc"
    if address := headers.get("warc-target-uri"):
        record["url"] = address.strip("<>")
    if date := headers.get("warc-date"):
        record["created"] = date
    if not found.damage and "html_base64" in record:
        said, body = _http(found)
        record["html_base64"] = base64.b64encode(body).decode("ascii")
        record["metadata"] = {"http": said}
    return record


def _http(found: WarcRecord) -> tuple[dict[str, Any], bytes]:
    """Return what HTTP says of a page, and its body; a `resource` has no HTTP around it."""
    body, said = found.body, found.headers.get("content-type", "")
    names: dict[str, str] = {}
    result: dict[str, Any] = {}
    # Some writers leave the type out.
    if said.lower().startswith("application/http") or body[:5] == b"HTTP/":
        end = _BLANK_LINE.search(body)
        head = body[: end.start()] if end is not None else body
        body = body[end.end() :] if end is not None else b""
        # Header fields are bytes, and Latin-1 has a character for each (RFC 9110 §5.5).
        first, *lines = head.decode("latin-1").split("\n")
        pairs = [line.partition(":") for line in lines if ":" in line]
        names = {name.strip().lower(): value.strip() for name, _, value in pairs}
        said = names.get("content-type", "")
        if (status := _STATUS.match(first)) is not None:
            result["status"] = int(status[1])
    result["content_type"] = said.split(";")[0].strip().lower()
    if (charset := _CHARSET.search(said)) is not None:
        result["charset"] = charset[1].lower()
    for key in ("content-encoding", "transfer-encoding"):
        if names.get(key):
            result[key.replace("-", "_")] = names[key]
    # The body of a large page was never read whole; with `bytes` set the worker drops it as
    # `too_large` and does not judge a part of it.
    if found.length > LARGEST_PAGE:
        result["bytes"], body = found.length, b""
    result["truncated"] = found.headers.get("warc-truncated", "")
    return {key: value for key, value in result.items() if value != ""}, body
