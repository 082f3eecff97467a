"""Read a whole stream into memory, for the verbs that need all records before they can say one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Generic, TypeVar

from mind_core import Reason, Record
from mind_core.errors import BadRecord
from mind_core.records import encode
from mind_core.runner import BatchResult, StreamOptions, run_stream
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


def read_all(parse: Callable[[Record, str], T], options: StreamOptions) -> tuple[list[T], Summary]:
    """Return what every record was parsed to, and the counts of the reading.

    Bad lines pass as `skip_bad` allows, and are written to `rejects`.
    """
    held: list[T] = []

    def hold(outcome: BatchResult) -> BatchResult:
        held.extend(outcome.payload)
        outcome.kept = [b""] * len(outcome.payload)
        return outcome

    aside = replace(options, jobs=1, output=None, summary=None, quiet=True)
    return held, run_stream(Summary(TOOL), BatchParser(parse), aside, hold, passes_on=False)


def no_label(record: Record, position: str, cause: str = "no label") -> BadRecord:
    """Make the error of a record that `mind-domain label` has not seen."""
    error = BadRecord(
        "missing_field", position, encode(record), cause=f"metadata.mind.domain has {cause}"
    )
    error.hint = "label it first: `mind-domain label …` then `mind-domain split …`"
    return error
