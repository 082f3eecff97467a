"""Web archives: each response is a record, numbered from one in its file."""

from __future__ import annotations

import base64
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO

from mind_core.errors import MindError
from mind_core.records import Record, encode
from mind_core.stream import BATCH_BYTES, LINE_LIMIT, Batch, check_inputs

LARGEST_PAGE = LINE_LIMIT // 2
"""Bytes of a page; base64 makes a third more of them, and a line has a limit."""


def read_warc(inputs: Sequence[str], batch_bytes: int = BATCH_BYTES) -> Iterator[Batch]:
    """Yield the responses of archives (.warc, .warc.gz, .warc.zst) as lines of records.

    The body goes to `html_base64` as it came, since only the worker decodes it; address, date and
    what HTTP said of it come along. Other kinds of records (requests, metadata) are passed over.
    Raises `MindError` for a file that cannot be read, is damaged or cut.
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


def _responses(source: BinaryIO, name: str) -> Iterator[Record]:
    from fastwarc.warc import ArchiveIterator, WarcRecordType

    wanted = WarcRecordType.response | WarcRecordType.resource
    seen = 0
    try:
        for response in ArchiveIterator(source, record_types=wanted, parse_http=True):
            seen += 1
            yield _record(response, f"{name}:{seen}")
    except MindError:
        raise
    except Exception as error:
        raise MindError(
            f"{name}: damaged after {seen} responses",
            cause=error,
            hint=(
                "check the file with `gzip -t`; --limit N reads what came before"
                if seen
                else "--from warc reads .warc, .warc.gz and .warc.zst"
            ),
        ) from error
    if not seen:
        raise MindError(
            f"{name}: no response in this archive", hint="give .warc, .warc.gz or .warc.zst files"
        )


def _record(response: Any, position: str) -> Record:
    body = response.reader.read(LARGEST_PAGE + 1)
    if len(body) > LARGEST_PAGE:
        raise MindError(
            f"{position}: a response of more than {LARGEST_PAGE >> 20} MiB",
            hint="take it out of the archive",
        )
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
    record["metadata"] = {"http": {key: value for key, value in said.items() if value is not None}}
    return record
