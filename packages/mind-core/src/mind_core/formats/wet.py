"""WET, the texts of a crawl: each `conversion` of the archive is a record."""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO

from mind_core.batches import LINE_LIMIT, Batch, batched, refused
from mind_core.columns import Renaming
from mind_core.errors import MindError
from mind_core.formats.warc_bytes import pieces_of
from mind_core.formats.warc_records import WarcRecord, records_of
from mind_core.records import Record, encode


def wet_batches(
    source: BinaryIO, name: str, columns: Renaming, batch_bytes: int
) -> Iterator[Batch]:
    """Yield the texts of an archive; a position is the number of a text, from 1.

    What is damaged is a bad record, and reading goes on at the next one. Raises `MindError` for an
    archive of pages, which mind-clean reads.
    """
    lines = (
        _line(found, name, columns) for found in records_of(pieces_of(source, name), LINE_LIMIT)
    )
    yield from batched(lines, name, batch_bytes=batch_bytes)


def _line(found: WarcRecord, name: str, columns: Renaming) -> bytes:
    address = found.headers.get("warc-target-uri", "").strip("<>")
    if found.damage:
        return refused(
            "damaged_record", found.damage, (address or "its address is unknown").encode()
        )
    if found.kind != "conversion":
        raise MindError(
            f"{name} is called WET and holds pages",
            hint=f"mind-clean --from warc {name} reads them",
        )
    record: Record = {"id": found.headers.get("warc-record-id", "").strip("<>")}
    try:
        record["text"] = found.body.decode("utf-8")
    except UnicodeDecodeError:
        # Its start is enough to recognise it by.
        return refused("broken_utf8", address, found.body[:1000])
    record |= {"source": "wet", "url": address, "created": found.headers.get("warc-date", "")}
    record = {key: value for key, value in record.items() if value or key == "text"}
    return encode(columns.renamed(record) if columns else record)
