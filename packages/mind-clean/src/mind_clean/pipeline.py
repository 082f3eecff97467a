"""The corridor: each record walks through the steps until one drops it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mind_clean import builtins, hookspecs
from mind_clean.failures import FailedComponent
from mind_clean.main_text import density
from mind_clean.notes import TOOL, noted
from mind_clean.steps import Step, make_steps
from mind_core import Reason, Record
from mind_core.errors import BadRecord
from mind_core.flow import Outcome, StreamOptions, run_flow
from mind_core.plugins import Plugins
from mind_core.progress import say
from mind_core.reasons import describe
from mind_core.recipe import Recipe
from mind_core.records import annotation, encode, field
from mind_core.stream import Batch
from mind_core.summary import Summary

NO_TEXT = "no_text"
MARKS = "marks"


def make_plugins(files: Sequence[Path] = ()) -> Plugins:
    """Return the plugins of this tool, with those of the given files."""
    return Plugins("mind_clean", hookspecs, builtins, files)


def run_clean(
    plugins: Plugins,
    recipe: Recipe,
    options: StreamOptions,
    mark: bool = False,
    keep_html: bool = False,
) -> Summary:
    """Clean a stream by a recipe and return the summary of the run."""
    summary = Summary("mind-clean", recipe=recipe.values)
    work = Clean(make_steps(plugins, recipe), mark, keep_html)
    summary.components = plugins.used()
    run_flow(summary, work, options)
    if summary.records_in and not summary.kept:
        most = "".join(
            f"; most frequent: {reason}" for reason, _ in summary.rejected.most_common(1)
        )
        say("mind-clean", f"warning: no record is left{most}")
    return summary


@dataclass(frozen=True)
class Clean:
    """What a worker does with a batch: every record through every step."""

    steps: tuple[Step, ...]
    mark: bool = False
    keep_html: bool = False

    def __call__(self, batch: Batch) -> Outcome:
        """Return what became of the records of a batch."""
        outcome = Outcome()
        for position, line, record in outcome.records(batch):
            try:
                self._clean(record, position, line, outcome)
            except BadRecord as error:
                outcome.bad.append((error, line))
        return outcome

    def _clean(self, came: Record, position: str, line: bytes, outcome: Outcome) -> None:
        record = came
        for step in self.steps:
            before = record
            record, reason = self._take(step, record, position, line)
            if step.kind == "transform" and record is not before:
                _count_change(outcome, step.name, before, record)
            if reason is None:
                continue
            if self.mark:
                outcome.marked[f"{step.name}.{reason}"] += 1
                record = _marked(record, step.name, reason)
            else:
                _encodable(record, position, line)
                outcome.reject(record, "mind-clean", step.name, reason)
                return
        outcome.keep(line if record is came else _encodable(record, position, line))

    def _take(
        self, step: Step, record: Record, position: str, line: bytes
    ) -> tuple[Record, str | None]:
        """Take one step; return the record after it, and why to drop it, if so."""
        if step.kind == "extractor":
            return self._extract(step, record, position, line)
        if not isinstance(record.get("text"), str):
            raise _no_text_field(record, position, line)
        try:
            result = step.call(record)
        except Exception as error:
            cause = f"{type(error).__name__}: {error}"
            raise FailedComponent(str(step), position, line, cause) from error
        if step.kind == "filter":
            if result is not None and not isinstance(result, str):
                raise FailedComponent(str(step), position, line, f"it returned {result!r:.80}")
            return record, result
        if not isinstance(result, dict) or not isinstance(result.get("text"), str):
            raise FailedComponent(str(step), position, line, "it returned no record with a text")
        emptied = result is not record and not result["text"].strip() and record["text"].strip()
        return result, Reason(NO_TEXT) if emptied else None

    def _extract(
        self, step: Step, record: Record, position: str, line: bytes
    ) -> tuple[Record, str | None]:
        """Put the main text in the place of the page; a record without a page stays as it is."""
        if record.get("html") is None:
            if not isinstance(record.get("text"), str):
                raise _no_text_field(record, position, line)
            return record, None
        html = field(record, "html", position, str)
        url = record.get("url")
        try:
            text = step.call(html, url if isinstance(url, str) else None)
            if text is not None and not isinstance(text, str):
                raise TypeError(f"it returned {type(text).__name__}, not a text")
            share = density(text or "", html) if text else 0.0
        except Exception as error:
            cause = f"{type(error).__name__}: {error}"
            raise FailedComponent(str(step), position, line, cause) from error
        if text is None or not text.strip():
            return self._without_text(record), Reason(NO_TEXT)
        return noted(self._with_text(record, str(text)), density=share), None

    def _with_text(self, record: Record, text: str) -> Record:
        """Return the record with the text where the page was, before it if that is kept."""
        result: Record = {}
        for key, value in record.items():
            if key == "html":
                result["text"] = text
            if key != "text" and (key != "html" or self.keep_html):
                result[key] = value
        return result

    def _without_text(self, record: Record) -> Record:
        """Return what is dropped, with its page to look at, or what --mark passes on without."""
        return noted(self._with_text(record, ""), density=0.0) if self.mark else record


def _count_change(outcome: Outcome, name: str, before: Record, after: Record) -> None:
    outcome.details[f"{name}.changed"] += 1
    removed = len(before["text"]) - len(after["text"])
    if removed:
        outcome.details[f"{name}.characters_removed"] += removed


def _marked(record: Record, step: str, reason: str) -> Record:
    marks = annotation(record, TOOL).get(MARKS)
    known = marks if isinstance(marks, list) else []
    return noted(record, marks=[*known, {"step": step, **describe(reason)}])


def _no_text_field(record: Record, position: str, line: bytes) -> BadRecord:
    if isinstance(record.get("html"), str):
        cause = (
            "the record has 'html' and no 'text' yet: put an extractor first (--step resiliparse)"
        )
    elif "text" in record:
        cause = "'text' must be a string"
    else:
        cause = "there is neither 'html' nor 'text'"
    reason = "wrong_type" if "text" in record else "missing_field"
    return BadRecord(reason, position, line, cause=cause)


def _encodable(record: Record, position: str, line: bytes) -> bytes:
    """Return the record's line; raise if a plugin put into it what JSON cannot hold."""
    try:
        return encode(record)
    except (TypeError, ValueError) as error:
        raise FailedComponent(
            "a step", position, line, f"the record is no JSON: {error}"
        ) from error
