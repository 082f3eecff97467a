"""Other people's records and archives, read as records of ours (`--from`)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import BinaryIO, TypeAlias

from mind_clean.readers.shapes import SHAPES
from mind_core import Record
from mind_core.plugins import Plugins
from mind_core.stream import Batch

Reader: TypeAlias = Callable[[Record, str, bytes], Record]
"""Turn what one line held into a record; position and line are for its complaints."""

RECORDS = "records"
WARC = "warc"
FILES = "files"


def _response(record: Record, position: str, _line: bytes) -> Record:
    from mind_clean.readers.warc import checked_response

    return checked_response(record, position)


READERS: Mapping[str, Reader | None] = {
    RECORDS: None, WARC: _response, FILES: None, **SHAPES,
}  # fmt: skip


def batches_as(
    name: str, inputs: Sequence[str], plugins: Plugins | None = None
) -> Iterator[Batch] | None:
    """Return the batches of inputs that are no lines, or None for those that are."""
    if name == FILES and plugins is not None:
        from mind_clean.documents.files import file_batches

        return file_batches(plugins, inputs)
    if name != WARC:
        return None
    from mind_clean.readers.warc import read_warc

    return read_warc(inputs)


def task_batches(name: str, source: BinaryIO, of: str) -> Iterator[Batch]:
    """Return the batches of an open file that is no lines: of an archive, whole."""
    assert name == WARC, name
    from mind_clean.readers.warc import batches_of_archive

    return batches_of_archive(source, of)
