"""What a worker does with a batch: every record through the steps of one pass."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

from mind_clean.annotations import TOOL, annotated
from mind_clean.density import density
from mind_clean.funnel import KEPT, Funnel
from mind_clean.html_bytes import BYTES, HTML, page_of
from mind_clean.main_text import running_text
from mind_clean.readers import Reader
from mind_clean.steps import Step
from mind_clean.two_pass import TwoPassComponent
from mind_core import Reason, Record
from mind_core.component_calls import failure, not_finite, wrong_reason
from mind_core.errors import BadRecord, ComponentError
from mind_core.record_limits import SECONDS, OverLimit, RecordClock, TooSlow
from mind_core.records import annotation, describe, encode
from mind_core.records import field as field_of
from mind_core.runner import BatchResult
from mind_core.stream import Batch

if TYPE_CHECKING:
    from mind_clean.key_counts import Keys

NO_TEXT = "no_text"
MARKS = "marks"


@dataclass
class BatchStats:
    """What a pass returns besides lines: how records ended, and the keys to be counted."""

    funnel: Funnel = field(default_factory=lambda: Funnel(max_sources=None))
    keys: list[Keys] = field(default_factory=list)


@dataclass(frozen=True)
class CleanBatch:
    """Take every record of a batch through the steps until one drops it.

    After the steps, `counting` gives the keys of each record that is left; a pass with it is not
    the last, so nothing has ended there for those records.
    """

    steps: tuple[Step, ...]
    mark: bool = False
    keep_html: bool = False
    read: Reader | None = None
    counting: Step | None = None
    record_seconds: float = SECONDS

    def __call__(self, batch: Batch) -> BatchResult:
        """Return what became of the records of a batch."""
        outcome = BatchResult(payload=BatchStats())
        with RecordClock(self.record_seconds) as clock:
            for position, line, record in outcome.records(batch):
                clock.start()
                try:
                    self._run_steps(record, position, line, outcome, clock)
                except BadRecord as error:
                    outcome.bad.append((error, line))
        return outcome

    def _run_steps(
        self, came: Record, position: str, line: bytes, outcome: BatchResult, clock: RecordClock
    ) -> None:
        stats: BatchStats = outcome.payload
        record = came if self.read is None else self.read(came, position, line)
        for step in self.steps:
            before, text = record, str(record.get("text"))
            try:
                record, reason = self._take(step, record, position, line, outcome, clock)
            except OverLimit as over:
                self._set_aside(step, record, over, position, line, outcome)
                return
            if step.kind == "transform" and record is not before:
                _count_change(outcome, step.name, text, record["text"])
            if reason is None:
                continue
            if self.mark:
                outcome.marked[f"{step.name}.{reason}"] += 1
                record = _marked(record, step.name, reason)
            else:
                self._drop(step, record, reason, position, line, outcome)
                return
        if self.counting is not None:
            try:
                stats.keys.append(self._keys(self.counting, record, position, line, clock))
            except OverLimit as over:
                self._set_aside(self.counting, record, over, position, line, outcome)
                return
        else:
            stats.funnel.add(record, KEPT)
        # An unchanged record passes on the bytes that came, whatever their order of keys or blanks.
        outcome.keep(line if record is came else _encodable(record, position, line))

    def _drop(
        self,
        step: Step,
        record: Record,
        reason: str,
        position: str,
        line: bytes,
        outcome: BatchResult,
    ) -> None:
        _encodable(record, position, line)
        outcome.reject(record, "mind-clean", step.name, reason)
        stats: BatchStats = outcome.payload
        stats.funnel.add(record, step.name, reason, outcome.rejects[-1])

    def _set_aside(
        self,
        step: Step,
        record: Record,
        over: OverLimit,
        position: str,
        line: bytes,
        outcome: BatchResult,
    ) -> None:
        """Drop a record that took too much in a step, or pass it on marked, as it was before."""
        limit = self.record_seconds if isinstance(over, TooSlow) else None
        reason = Reason(over.reason, threshold=limit)
        if not self.mark:
            self._drop(step, record, reason, position, line, outcome)
            return
        if HTML in record or BYTES in record:
            record = self._without_text(record)
        outcome.marked[f"{step.name}.{reason}"] += 1
        record = _marked(record, step.name, reason)
        stats: BatchStats = outcome.payload
        if self.counting is None:
            stats.funnel.add(record, KEPT)
        outcome.keep(_encodable(record, position, line))

    def _take(
        self,
        step: Step,
        record: Record,
        position: str,
        line: bytes,
        outcome: BatchResult,
        clock: RecordClock,
    ) -> tuple[Record, str | None]:
        """Take one step; return the record after it, and why to drop it, if so."""
        if step.kind == "extractor":
            return self._extract(step, record, position, line, outcome, clock)
        if not isinstance(record.get("text"), str):
            raise _no_text_field(record, position, line)
        # What a plugin did to its argument shows only against a copy, which costs as much as a
        # line.
        text, before = record["text"], None if step.is_builtin else encode(record)
        try:
            result = clock.call(step.call, record)
        except OverLimit:
            raise
        except BaseException as error:
            raise failure(str(step), position, line, error) from error
        if before is not None:
            result = _checked(step, record, before, result, position, line)
        if step.kind == "filter":
            if wrong := wrong_reason(result):
                raise ComponentError(str(step), position, line, wrong)
            return record, result
        if not isinstance(result, dict) or not isinstance(result.get("text"), str):
            raise ComponentError(str(step), position, line, "it returned no record with a text")
        # Not of a text that came blank: only what a transform took away is a reason to drop.
        emptied = result is not record and not result["text"].strip() and text.strip()
        return result, Reason(NO_TEXT) if emptied else None

    def _extract(
        self,
        step: Step,
        record: Record,
        position: str,
        line: bytes,
        outcome: BatchResult,
        clock: RecordClock,
    ) -> tuple[Record, str | None]:
        """Put the main text in the place of the page; a record without a page stays as it is."""
        notes, is_text = cast(Record, {}), False
        if record.get(HTML) is None and BYTES in record:
            page = clock.call(page_of, record, position, line)
            if isinstance(page, Reason):
                return record, page
            html, notes, is_text = page.html, page.notes, page.is_text
        elif record.get(HTML) is None:
            if not isinstance(record.get("text"), str):
                raise _no_text_field(record, position, line)
            return record, None
        else:
            html = field_of(record, HTML, position, str)
        url = record.get("url")
        try:
            address = url if isinstance(url, str) else None
            text = html if is_text else clock.call(step.call, html, address)
            if text is not None and not isinstance(text, str):
                raise TypeError(f"it returned {type(text).__name__}, not a text")
            share = 1.0 if is_text else clock.call(density, text or "", html) if text else 0.0
        except OverLimit:
            raise
        except BaseException as error:
            raise failure(str(step), position, line, error) from error
        if text is None or not text.strip():
            return self._without_text(record), Reason(NO_TEXT)
        outcome.details[f"{step.name}.html_characters"] += len(html)
        outcome.details[f"{step.name}.text_characters"] += len(text)
        notes = {"density": share, "running_text": running_text(text), **notes}
        return annotated(self._with_text(record, str(text)), **notes), None

    def _with_text(self, record: Record, text: str) -> Record:
        """Return the record with the text where the page was, before it if that is kept."""
        result: Record = {}
        for key, value in record.items():
            if key in (HTML, BYTES):
                result["text"] = text
            if key != "text" and (key not in (HTML, BYTES) or self.keep_html):
                result[key] = value
        return result

    def _without_text(self, record: Record) -> Record:
        """Return what is dropped, with its page to look at, or what --mark passes on without."""
        if not self.mark:
            return record
        return annotated(self._with_text(record, ""), density=0.0, running_text=0)

    def _keys(
        self, step: Step, record: Record, position: str, line: bytes, clock: RecordClock
    ) -> Any:
        if not isinstance(record.get("text"), str):
            raise _no_text_field(record, position, line)
        # asking a protocol takes as long as the keys themselves
        component = cast(TwoPassComponent, step.call)
        try:
            return clock.call(component.collect_keys, record)
        except OverLimit:
            raise
        except BaseException as error:
            raise failure(str(step), position, line, error) from error


def _checked(
    step: Step, record: Record, before: bytes, result: Any, position: str, line: bytes
) -> Any:
    """Return a third party's answer, held to what a component may do with a record.

    A record that a transform changed in place comes back as a new object, so that its own line does
    not go on in its place. Built-ins never touch their argument; their tests hold that.
    """
    try:
        after = encode(record)
        wrong = not_finite(result)
        if step.kind == "transform" and result is not record:
            encode(result)
    except (TypeError, ValueError, RecursionError) as error:
        wrong = f"the record is no JSON: {error}"
    else:
        if step.kind == "filter" and after != before:
            wrong = "it changed its argument"
    if wrong:
        raise ComponentError(str(step), position, line, wrong)
    return dict(record) if result is record and after != before else result


def _count_change(outcome: BatchResult, name: str, before: str, after: str) -> None:
    outcome.details[f"{name}.changed"] += 1
    removed = len(before) - len(after)
    if removed:
        outcome.details[f"{name}.characters_removed"] += removed


def _marked(record: Record, step: str, reason: str) -> Record:
    marks = annotation(record, TOOL).get(MARKS)
    known = marks if isinstance(marks, list) else []
    return annotated(record, marks=[*known, {"step": step, **describe(reason)}])


def _no_text_field(record: Record, position: str, line: bytes) -> BadRecord:
    if isinstance(record.get(HTML), str):
        cause = "the record has 'html' and no 'text' yet: put an extractor first (--step blocks)"
    elif "text" in record:
        cause = "'text' must be a string"
    else:
        cause = "there is neither 'html' nor 'text'"
    reason = "wrong_type" if "text" in record else "missing_field"
    return BadRecord(reason, position, line, cause=cause)


def _encodable(record: Record, position: str, line: bytes) -> bytes:
    """Return the record's line; raise if a plugin put into it what JSON cannot hold."""
    try:
        wrong = not_finite(record)
        if wrong is None:
            return encode(record)
    except (TypeError, ValueError, RecursionError) as error:
        wrong = f"the record is no JSON: {error}"
    raise ComponentError("a step", position, line, wrong)
