"""Other people's records and archives, read as records of ours (`--from`)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from mind_clean.readers.shapes import SHAPES
from mind_core import Record
from mind_core.columns import Renaming
from mind_core.plugins import Plugins
from mind_core.record_limits import SECONDS
from mind_core.stream import Batch

if TYPE_CHECKING:
    from mind_core.tasks.task import TaskContext

Reader: TypeAlias = Callable[[Record, str, bytes], Record]
"""Turn what one line held into a record; position and line are for its complaints."""

RECORDS = "records"
WARC = "warc"
CDX = "cdx"
FILES = "files"


def _response(record: Record, position: str, _line: bytes) -> Record:
    # Imported here and below, since most runs read plain records.
    from mind_clean.readers.warc import checked_response

    return checked_response(record, position)


READERS: Mapping[str, Reader | None] = {
    RECORDS: None, WARC: _response, CDX: _response, FILES: None, **SHAPES,
}  # fmt: skip


def batches_as(
    name: str,
    inputs: Sequence[str],
    plugins: Plugins | None = None,
    archives: str = "",
    seconds: float = SECONDS,
) -> Iterator[Batch] | None:
    """Return the batches of inputs that are no records yet, or None for those that are.

    `seconds` is the time of one record, which documents are held to as well.
    """
    if name == FILES and plugins is not None:
        from mind_clean.documents.files import file_batches

        return file_batches(plugins, inputs, seconds=seconds)
    if name == CDX:
        from mind_clean.readers.cdx import read_cdx

        return read_cdx(inputs, archives)
    if name != WARC:
        return None
    from mind_clean.readers.warc import read_warc

    return read_warc(inputs)


def task_batches(
    name: str, context: TaskContext, columns: Renaming, stack: ExitStack, archives: str = ""
) -> Iterator[Batch]:
    """Return the batches of a task's range: of an archive, whole, or of lines."""
    source = context.task.source
    assert source is not None, context.task
    if name == WARC:
        from mind_clean.readers.warc import batches_of_archive

        return batches_of_archive(stack.enter_context(context.open()), source.name)
    batches = context.batches(columns)
    if name != CDX:
        return batches
    from mind_clean.readers.cdx import pages_of

    # As without tasks: an index has its archives beside it.
    return pages_of(batches, archives or str(Path(source.path).parent))
