"""Read a whole stream into memory, for the verbs that need all records before they can say one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from typing import Generic, TypeVar

from mind_core import Reason, Record
from mind_core.errors import BadRecord
from mind_core.files import atomic_file
from mind_core.output import open_output
from mind_core.records import annotate, describe, encode
from mind_core.runner import BatchResult, StreamOptions, bad_line, run_stream
from mind_core.stream import Batch
from mind_core.summary import Summary
from mind_domain.domain import TOOL, ReadingDomain

T = TypeVar("T")


@dataclass(frozen=True)
class BatchParser(Generic[T]):
    """Parse the records of a batch with their positions; what raises `BadRecord` is bad."""

    parse: Callable[[Record, str], T]

    def __call__(self, batch: Batch) -> BatchResult:
        """Return the outcome with what was parsed as payload."""
        outcome = BatchResult(payload=[])
        for position, line, record in outcome.records(batch):
            try:
                outcome.payload.append(self.parse(record, position))
            except BadRecord as error:
                outcome.bad.append((error, line))
        return outcome


@dataclass(frozen=True)
class RowReader:
    """Bring raw rows into the form of a domain; runs in the workers."""

    domain: ReadingDomain

    def __call__(self, batch: Batch) -> BatchResult:
        """Return the outcome with a record for each row, or the domain's reason."""
        outcome = BatchResult()
        for position, line, row in outcome.records(batch):
            try:
                record = self.domain.read(row, position)
            except BadRecord as error:
                outcome.bad.append((error, line))
                continue
            if isinstance(record, Reason):
                outcome.reject(row, TOOL, "read", record)
                continue
            metadata = record.get("metadata")
            rule = metadata.get("time_rule") if isinstance(metadata, dict) else None
            if isinstance(rule, str):
                outcome.details[f"rule_{rule}"] += 1
            outcome.keep(encode(record))
        return outcome


@dataclass
class WholeSummary(Summary):
    """The counts of a verb that holds all records; `aside` are bad lines, then what it rejects."""

    aside: list[Record] = field(default_factory=list)

    def reject(self, record: Record, step: str, reason: Reason) -> None:
        """Count a record that was read and is not kept, and note the reason on it."""
        # It was counted as kept when it was read.
        self.kept -= 1
        self.rejected[f"{step}.{reason}"] += 1
        annotate(record, "rejected", tool=TOOL, step=step, **describe(reason))
        self.aside.append(record)

    @contextmanager
    def beside(self, options: StreamOptions) -> Iterator[None]:
        """Write rejects and summary, if they are asked for, when the block has done its work."""
        with ExitStack() as files:
            if options.rejects:
                # Opened before the block, so that a place that cannot be written fails before the
                # work.
                rejects = files.enter_context(open_output(options.rejects, side=True))
                rejects.write(b"".join(map(encode, self.aside)))
            told = files.enter_context(atomic_file(options.summary)) if options.summary else None
            yield
            self.check()
            if told is not None:
                told.write(self.as_json())


def read_all(
    parse: Callable[[Record, str], T],
    options: StreamOptions,
    batches: Iterator[Batch] | None = None,
) -> tuple[list[T], WholeSummary]:
    """Return what every record was parsed to, and the counts of the reading.

    Bad lines pass as `skip_bad` allows; they and all else that is not kept are written when the
    verb is done: see `WholeSummary.beside`. `batches` are read instead of the inputs.
    """
    held: list[T] = []
    summary = WholeSummary(TOOL)

    def hold(outcome: BatchResult) -> BatchResult:
        held.extend(outcome.payload)
        # Nothing is passed on; the counts of the runner want one piece for each record.
        outcome.kept = [b""] * len(outcome.payload)
        if options.rejects:
            summary.aside += [bad_line(error, line, TOOL) for error, line in outcome.bad]
        return outcome

    # Only counted here: rejects and summary are of the whole verb, and written at its end.
    quietly = replace(options, jobs=1, output=None, rejects=None, summary=None, quiet=True)
    run_stream(summary, BatchParser(parse), quietly, hold, passes_on=False, batches=batches)
    return held, summary


def no_label(record: Record, position: str, cause: str = "no label") -> BadRecord:
    """Make the error of a record that `mind-domain label` has not seen."""
    error = BadRecord(
        "missing_field", position, encode(record), cause=f"metadata.mind.domain has {cause}"
    )
    error.hint = "label it first: `mind-domain label …` then `mind-domain split …`"
    return error
