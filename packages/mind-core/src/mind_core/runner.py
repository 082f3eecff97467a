"""Run a stream tool: batches → workers → finalizing in order → outputs and counts.

A tool brings `work` (a batch in, a result out; runs in the workers) and, if records depend on the
ones before them, `finalize` (runs here, in order). All else about a stream is done here once.
"""

from __future__ import annotations

import base64
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from mind_core.batches import refusal
from mind_core.errors import BadRecord
from mind_core.files import atomic_file, check_file
from mind_core.output import AnyOutput, check_distinct, check_format, is_stdout, open_output
from mind_core.parallel import engine_for
from mind_core.progress import Progress, log
from mind_core.records import Record, annotate, decode, describe, encode
from mind_core.spool import Spool
from mind_core.stream import Batch, InputShare, check_inputs, read_batches
from mind_core.summary import Summary

ALL = -1


@dataclass(frozen=True)
class StreamOptions:
    """What a user may say about any stream tool; the fields are the shared options."""

    inputs: tuple[str, ...] = ()
    output: Path | None = None
    rejects: Path | None = None
    summary: Path | None = None
    jobs: int = 1
    level: int | None = None
    limit: int | None = None
    skip_bad: int = 0
    quiet: bool = False
    progress: bool | None = None


@dataclass
class BatchResult:
    """What became of one batch: lines to pass on, lines to reject, and their counts."""

    records_in: int = 0
    bytes_in: int = 0
    kept: list[bytes] = field(default_factory=list)
    kept_records: int | None = None
    """How many records `kept` holds, where its pieces are not one record each."""

    rejects: list[bytes] = field(default_factory=list)
    rejected: Counter[str] = field(default_factory=Counter)
    marked: Counter[str] = field(default_factory=Counter)
    bad: list[tuple[BadRecord, bytes]] = field(default_factory=list)
    details: Counter[str] = field(default_factory=Counter)
    payload: Any = None

    def records(self, batch: Batch) -> Iterator[tuple[str, bytes, Record]]:
        """Yield position, line and record of each line; what is no record goes to `bad`."""
        for number, line, record in self.numbered_records(batch):
            yield batch.position(number), line, record

    def numbered_records(self, batch: Batch) -> Iterator[tuple[int, bytes, Record]]:
        """Yield the same with the line's number, which is faster where no position is wanted."""
        self.bytes_in += len(batch.data)
        for number, line in batch.lines():
            self.records_in += 1
            try:
                record = decode(line, "")
            except BadRecord:
                # The position is a string that few lines need: it is made for those alone.
                self._note_bad(line, batch.position(number))
            else:
                yield number, line, record

    def _note_bad(self, line: bytes, position: str) -> None:
        try:
            decode(line, position)
        except BadRecord as error:
            self.bad.append((error, line))

    def keep(self, line: bytes) -> None:
        """Pass a line on: as it came, without line feed, or as `encode` made it."""
        self.kept.append(line if line.endswith(b"\n") else line + b"\n")

    def count_rejected(self, step: str, reason: str, times: int = 1) -> None:
        """Count a drop, or several alike, where nobody wants the records."""
        self.rejected[f"{step}.{reason}" if step and step != reason else str(reason)] += times

    def reject(self, record: Record, tool: str, step: str, reason: str, **more: Any) -> None:
        """Count a drop and note on the record who dropped it and why."""
        self.count_rejected(step, reason)
        annotate(record, "rejected", tool=tool, step=step, **describe(reason), **more)
        self.rejects.append(encode(record))


Work = Callable[[Batch], BatchResult]
Finalize = Callable[[BatchResult], BatchResult]
Finish = Callable[[Summary], None]


@dataclass(frozen=True)
class Pass:
    """One pass over the whole stream; what it keeps waits on disk for the next one."""

    work: Callable[[], Work]
    """Asked for when the pass begins, so that it can know what the pass before has found."""

    finalize: Finalize | None = None
    name: str = "the pass before"
    """What records are said to be after, where a later pass names a position."""


def check_stream(options: StreamOptions, *more: Path | None, passes_on: bool = True) -> None:
    """Raise what a run would for inputs that cannot be read and outputs that cannot be written.

    `more` are the tool's own output files. For a dry run, and for what is written at the very end.
    """
    check_inputs(options.inputs)
    first = options.output or (Path("-") if passes_on else None)
    outputs = (first, options.rejects, options.summary, *more)
    check_distinct(options.inputs, *outputs)
    for path in outputs:
        if path is not None and not is_stdout(path):
            check_file(path)
            if path is not options.summary and path not in more:
                check_format(path, options.level if path is options.output else None)


def run_stream(
    summary: Summary,
    work: Work,
    options: StreamOptions,
    finalize: Finalize | None = None,
    finish: Finish | None = None,
    *,
    passes_on: bool = True,
    batches: Iterator[Batch] | None = None,
) -> Summary:
    """Run a stream from its inputs to its outputs in one pass; see `run_passes`."""
    only = Pass(lambda: work, finalize)
    return run_passes(summary, [only], options, finish, passes_on=passes_on, batches=batches)


def run_passes(
    summary: Summary,
    passes: Sequence[Pass],
    options: StreamOptions,
    finish: Finish | None = None,
    *,
    passes_on: bool = True,
    batches: Iterator[Batch] | None = None,
) -> Summary:
    """Run a stream from its inputs to its outputs and return the completed summary.

    `finish` is called after the last record and before any output is completed: what it raises (a
    guard's `GateError`, say) leaves no output; it may add details and a note to the summary. With
    `passes_on` false the tool has no output stream, only rejects and a summary. `batches` are read
    instead of the inputs, where those are no lines. Raises the first bad record's error when
    `skip_bad` is used up.
    """
    # All that can be known to go wrong is told before hours of work.
    check_stream(options, passes_on=passes_on)
    # Batches of the caller's own say nothing of how much is left.
    read = InputShare(options.inputs) if batches is None else None
    batches = read_batches(options.inputs, progress=read) if batches is None else batches
    if options.limit is not None:
        batches = _limited(batches, options.limit)
    with ExitStack() as stack:
        progress = stack.enter_context(Progress(summary.tool, options.progress))
        # Closed in the reverse order: the output is completed last, when nothing can fail any more.
        output = (
            stack.enter_context(
                open_output(options.output, options.level, threaded=options.jobs > 1)
            )
            if passes_on
            else None
        )
        rejects = (
            stack.enter_context(open_output(options.rejects, side=True))
            if options.rejects
            else None
        )
        told = stack.enter_context(atomic_file(options.summary)) if options.summary else None
        for number, each in enumerate(passes, 1):
            last = number == len(passes)
            # A pass before the last one leaves its records on disk for the next.
            target = output if last else stack.enter_context(Spool())
            seen = 0
            for outcome in engine_for(options.jobs).map(each.work(), batches):
                if each.finalize is not None:
                    outcome = each.finalize(outcome)
                _write_bad(outcome, summary, options, rejects)
                if target is not None:
                    target.write_all(outcome.kept)
                if rejects is not None:
                    rejects.write(b"".join(outcome.rejects))
                seen += outcome.records_in
                _count(summary, outcome, is_first=number == 1, is_last=last)
                progress.count(
                    seen,
                    "records" if len(passes) == 1 else f"records, pass {number}",
                    read.share if read is not None and number == 1 else None,
                )
            if isinstance(target, Spool):
                batches = target.batches(f"after {each.name}")
        summary.check()
        summary.bytes_out = output.bytes if output is not None else 0
        if finish is not None:
            finish(summary)
        if told is not None:
            told.write(summary.as_json())
    if not options.quiet:
        log(summary.tool, summary.line())
    return summary


def _count(summary: Summary, outcome: BatchResult, *, is_first: bool, is_last: bool) -> None:
    if is_first:
        summary.records_in += outcome.records_in
        summary.bytes_in += outcome.bytes_in
    if is_last:
        records = outcome.kept_records
        summary.kept += len(outcome.kept) if records is None else records
    summary.rejected.update(outcome.rejected)
    summary.marked.update(outcome.marked)
    for name, number in outcome.details.items():
        summary.details[name] = summary.details.get(name, 0) + number


def _write_bad(
    outcome: BatchResult, summary: Summary, options: StreamOptions, rejects: AnyOutput | None
) -> None:
    for error, line in outcome.bad:
        # Batches come here in order, so that it is the same record for any number of workers.
        if options.skip_bad != ALL and summary.bad.total() >= options.skip_bad:
            raise error
        summary.bad[error.reason] += 1
        if rejects is not None:
            rejects.write(encode(bad_line(error, line, summary.tool)))


def bad_line(error: BadRecord, line: bytes, tool: str) -> Record:
    """Return a record that carries a line which was none: as text, or in base64 if it is not."""
    position = error.message.rsplit(": ", 1)[0]
    if (row := refusal(line)) is not None:
        line = row[2]
    record: Record = {}
    annotate(record, "rejected", tool=tool, step="read", reason=error.reason, position=position)
    try:
        annotate(record, "rejected", line=line.decode("utf-8"))
    except UnicodeDecodeError:
        annotate(record, "rejected", line_base64=base64.b64encode(line).decode("ascii"))
    return record


def _limited(batches: Iterator[Batch], limit: int) -> Iterator[Batch]:
    """Cut the stream after `limit` records."""
    left = limit
    for batch in batches:
        if left <= 0:
            return
        lines = list(batch.lines())
        if len(lines) <= left:
            yield batch
            left -= len(lines)
        else:
            first = lines[0][0]
            last = lines[left - 1][0]
            # By the numbers of lines, as blank ones between records count as lines and not as
            # records.
            rows = batch.data.split(b"\n")[first - batch.first_line : last - batch.first_line + 1]
            yield replace(batch, first_line=first, data=b"\n".join(rows) + b"\n")
            return
