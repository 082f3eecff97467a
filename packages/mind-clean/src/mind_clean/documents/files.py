"""Files of many kinds as records, each read by what knows the ending of its name."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

from mind_clean.hookspecs import DocumentReader
from mind_core import Record
from mind_core.batches import BATCH_BYTES, LINE_LIMIT, Batch, batched, refused
from mind_core.component_calls import is_interrupt
from mind_core.errors import MindError, UsageError, did_you_mean
from mind_core.plugins import Plugins
from mind_core.progress import log
from mind_core.record_limits import SECONDS, RecordClock, TooSlow, memory_limit
from mind_core.records import encode
from mind_core.untrusted import check_leads_inside

HOOK = "register_documents"
DAMAGED = "damaged_document"
_PROVIDERS = {"pdf": "mind-document-pdf"}
_RECORDS = 6
"""A document may take the time of so many records, and that of one more for each MiB."""

_MEMORY = 2 << 30
"""Bytes that reading a document may add to this process: libraries take them at will."""


def files_in(plugins: Plugins, inputs: Sequence[str]) -> tuple[str, ...]:
    """Return the files that inputs name, those of folders by name; say what was passed over.

    Raises `UsageError` for a file of a kind that nothing here reads, and for none at all.
    """
    plugins.load_installed()
    known = plugins.components(HOOK)
    found: list[str] = []
    passed: Counter[str] = Counter()
    for item in inputs:
        if item == "-":
            raise UsageError("--from files reads files, not stdin", hint="give files or folders")
        path = Path(item)
        if not path.is_dir():
            _check_known(path, known)
            found.append(item)
            continue
        # Sorted, as the order of a file system differs from machine to machine.
        for inside in sorted(path.rglob("*")):
            parts = inside.relative_to(path).parts
            # Hidden files and folders (.git, .DS_Store) are no documents.
            if not inside.is_file() or any(part.startswith(".") for part in parts):
                continue
            if _ending(inside) in known:
                check_leads_inside(path, [inside])
                found.append(str(inside))
            else:
                passed[_ending(inside) or "no ending"] += 1
    if passed:
        kinds = ", ".join(f"{kind} {count}" for kind, count in sorted(passed.items()))
        log(plugins.tool, f"files of other kinds are passed over: {kinds}")
    if not found:
        raise UsageError(
            "there is no document among the inputs", hint=f"read are: {', '.join(sorted(known))}"
        )
    return tuple(found)


def file_batches(
    plugins: Plugins,
    files: Sequence[str],
    batch_bytes: int = BATCH_BYTES,
    seconds: float = SECONDS,
) -> Iterator[Batch]:
    """Yield the chapters of each file as lines of records; a position is "FILE:chapter".

    One that is damaged, protected or too long is a bad record (`--skip-bad`), as is one that takes
    too much time or memory; `seconds` is the time of one record, 0 is no limit.
    """
    readers: dict[str, DocumentReader] = {}
    for name in files:
        ending = _ending(Path(name))
        if ending not in readers:
            readers[ending] = plugins.make(HOOK, ending)
        lines = _lines(readers[ending], name, seconds)
        yield from batched(lines, name, batch_bytes=batch_bytes)


def _lines(read: DocumentReader, name: str, seconds: float) -> Iterator[bytes]:
    try:
        found = within_limits(iter(read(Path(name))), Path(name), seconds)
        for number, record in enumerate(found, 1):
            yield _line(record, name, number)
    except GeneratorExit:
        raise
    except OSError as error:
        # A file that cannot be opened is the user's mistake and ends the run. A parser that raises
        # it for damage gives no number, and that is a bad record.
        if error.errno is not None:
            cause = error.strerror
            raise MindError(f"cannot read {name}", cause=cause, hint="check the path") from None
        yield refused(DAMAGED, str(error), name.encode())
    except BaseException as error:
        if is_interrupt(error):
            raise
        cause = error.message if isinstance(error, MindError) else str(error)
        if isinstance(error, TooSlow):
            cause = "it takes too long to be read, more than --record-seconds allows for its size"
        elif not isinstance(error, (MindError, ValueError)):
            cause = f"{type(error).__name__}: {cause}"
        yield refused(DAMAGED, cause, name.encode())


def within_limits(records: Iterator[Record], path: Path, seconds: float) -> Iterator[Record]:
    """Yield what a reader yields; raise `TooSlow` or `MemoryError` for what takes too much.

    Only in the main thread, where signals arrive; elsewhere nothing is limited.
    """
    limit = seconds * (_RECORDS + path.stat().st_size / 2**20)
    while True:
        # The clock starts anew for each chapter, which is one record.
        with memory_limit(_MEMORY), RecordClock(limit) as clock:
            clock.start()
            record = clock.call(next, records, None)
        if record is None:
            return
        yield record


def _line(record: Record, name: str, number: int) -> bytes:
    """Return a record as a line; its id is its file, and of a chapter the number too."""
    metadata = {"file": Path(name).name, **record.get("metadata", {})}
    rest = {key: value for key, value in record.items() if key != "metadata"}
    chapter = metadata.get("chapter")
    one = {"id": f"{name}#{chapter}" if chapter else name, **rest, "source": "files"}
    line = encode({**one, "metadata": metadata})
    if len(line) > LINE_LIMIT:
        cause = f"it has {len(line) >> 20} MiB, the limit is {LINE_LIMIT >> 20}"
        return refused(DAMAGED, cause, f"{name}: {number}".encode())
    return line


def _check_known(path: Path, known: Collection[str]) -> None:
    ending = _ending(path)
    if ending in known:
        return
    hint = f"read are: {', '.join(sorted(known))}"
    if ending in _PROVIDERS:
        hint = f"pip install {_PROVIDERS[ending]}"
    elif near := did_you_mean(ending, known):
        hint = f"{near} {hint}"
    raise UsageError(f"{path}: no kind of document that is known", hint=hint)


def _ending(path: Path) -> str:
    return path.suffix.lower().removeprefix(".")
