"""Reasons from a teacher for records whose label is known, kept if they lead to it unprompted."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

from mind_core import Reason, Record
from mind_core.output import check_distinct, write_records
from mind_core.progress import Progress, log
from mind_core.records import annotate, annotation
from mind_core.runner import StreamOptions
from mind_domain.answers import parse_answer
from mind_domain.chat_format import build_chat, cot_question
from mind_domain.domain import NOTES, TOOL, Domain
from mind_domain.reading import WholeSummary, read_all
from mind_domain.requests import Limits, Request, answer_all, open_log
from mind_domain.teachers import Decoding, Reply, Writer, open_writer

HINTS = ("none", "label")

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
# With a capital, and nothing behind but the rest of the name: shares may decline 3 %.
_MONTH = (
    r"(?P<name>Jan(?:uary)?|Feb(?:ruary)?|Mar(?:ch)?|Apr(?:il)?|May|June?|July?|Aug(?:ust)?"
    r"|Sept?(?:ember)?|Oct(?:ober)?|Nov(?:ember)?|Dec(?:ember)?)\.?"
)
_DATES = (
    re.compile(r"(?P<year>\d{4})\s*[-/.年]\s*(?P<month>\d{1,2})\s*[-/.月]\s*(?P<day>\d{1,2})"),
    re.compile(r"(?<![年\d])(?P<month>\d{1,2})\s?月\s?(?P<day>\d{1,2})\s?[日号]"),
    re.compile(
        rf"\b{_MONTH}\s(?P<day>\d{{1,2}})(?!\d)(?:st|nd|rd|th)?(?:,?\s(?P<year>\d{{4}})\b)?"
    ),
    re.compile(
        rf"\b(?P<day>\d{{1,2}})(?:st|nd|rd|th)?\s(?:of\s)?{_MONTH}(?:,?\s(?P<year>\d{{4}})\b)?",
    ),
)
"""Days as Chinese and English write them; one without a year is of the text's."""

# Possessive (`++`), so that a long row of digits cannot be tried in every way.
_PERCENT = re.compile(r"([-+−]?(?<!\d)\d++(?:\.\d++)?)\s*+[%％]")


@dataclass(frozen=True)
class DistilRule:
    """Say who teaches, how, and whether the teacher is told the label."""

    teacher: str
    decoding: Decoding
    language: str = "auto"
    hint: str = "none"


@dataclass(frozen=True)
class Lesson:
    """A labelled record as a question to the teacher."""

    record: Record
    messages: tuple[dict[str, str], ...]
    words: Mapping[str, str]
    more: Mapping[str, tuple[str, ...]]
    label: str
    published: date
    change: float | None


def make_lesson(record: Record, position: str, domain: Domain, rule: DistilRule) -> Lesson:
    """Ask for reasons and a label; raise `BadRecord` for a record without a label.

    Without a hint the teacher knows what a reader knew: reasons that are made from the outcome
    would teach to see it in texts that do not tell it.
    """
    chat = build_chat(record, domain, rule.language, position)
    noted = annotation(chat, NOTES)
    language, label = noted["language"], noted["label"]
    words = {name: domain.answer(name, language) for name in domain.labels}
    asked = cot_question(chat["messages"][0]["content"], language)
    if rule.hint == "label":
        told = {"zh": "（实际结果：{}）", "en": "(What happened: {}.)"}[language]
        asked = f"{asked}\n{told.format(words[label])}"
    other_words = getattr(domain, "other_words", None)
    change = noted.get("change")
    return Lesson(
        record,
        ({"role": "user", "content": asked},),
        words,
        {name: tuple(other_words(name)) for name in domain.labels} if other_words else {},
        label,
        datetime.fromisoformat(noted["published"]).date(),
        change if isinstance(change, float) else None,
    )


def check_rationale(lesson: Lesson, reply: Reply) -> str | Reason:
    """Return the reasons alone, or why they are not kept.

    `filtered` and `cut` by the server; `unparsed`; `disagrees` with the label; `no_reasons`;
    `looks_ahead` names a day after publication, or the very return that followed.
    """
    if reply.finish == "content_filter":
        return Reason("filtered")
    # Reasons without an end may be missing the very line with the label.
    if reply.finish == "length":
        return Reason("cut")
    said = parse_answer(reply.text, lesson.words, lesson.more)
    if said is None:
        return Reason("unparsed", reply.text[-80:])
    if said != lesson.label:
        return Reason("disagrees", said, lesson.label)
    lines = [line for line in reply.text.strip().splitlines() if line.strip()]
    # The last line is the label: see `cot_question`.
    reasons = "\n".join(lines[:-1]).strip()
    if not reasons:
        return Reason("no_reasons")
    return _ahead(reasons, lesson) or reasons


def _ahead(text: str, lesson: Lesson) -> Reason | None:
    # What the text itself announces is no foresight, nor is its own day: it says "today" by it.
    told = set(_days(str(lesson.record.get("text")), lesson.published.year))
    for day in _days(text, lesson.published.year):
        if day > lesson.published and day not in told:
            return Reason("looks_ahead", str(day), str(lesson.published))
    if lesson.change is not None:
        own = {
            match[1].lstrip("+-−") for match in _PERCENT.finditer(str(lesson.record.get("text")))
        }
        for found in _PERCENT.finditer(text):
            digits = found[1].lstrip("+-−")
            # A whole per cent is easily said by chance, and what the text itself says is no
            # foresight.
            exact = "." in digits and digits not in own
            places = len(digits.partition(".")[2])
            # Rounded to as many places as the reasons give: 1.2 % is the return of 1.23 % too.
            if exact and float(digits) == round(abs(lesson.change) * 100, places):
                return Reason("looks_ahead", found[0], round(lesson.change, 6))
    return None


def _days(text: str, year: int) -> Iterator[date]:
    """Yield the days that a text names."""
    for found in (match for form in _DATES for match in form.finditer(text)):
        parts = found.groupdict()
        name = parts.get("name")
        month = _MONTHS.index(name[:3]) + 1 if name else int(parts["month"])
        try:
            yield date(int(parts.get("year") or year), month, int(parts["day"]))
        except ValueError:
            continue


def run_distil(
    domain: Domain, rule: DistilRule, limits: Limits, log_file: Path | None, options: StreamOptions
) -> dict[str, Any]:
    """Ask the teacher about every record; kept are those whose reasons lead to their label."""
    check_distinct(options.inputs, options.output, options.rejects, options.summary, log_file)
    lessons, summary = read_all(
        lambda record, position: make_lesson(record, position, domain, rule), options
    )
    writer = open_writer(rule.teacher)
    with Progress(TOOL, options.progress) as progress:
        replies, counts = ask_teacher(
            lessons, writer, rule, limits, log_file, lambda n: progress.count(n, "rationales")
        )
    kept, by_class = sort_lessons(lessons, replies, writer.name, rule, summary)
    rates = keep_rates(by_class)
    summary.details |= {"keep_rates": rates, "asked": counts["asked"], "in_log": counts["kept"]}
    summary.note = "kept " + ", ".join(f"{rate:.0%} of {label}" for label, rate in rates.items())
    with summary.beside(options):
        write_records(options.output, kept, level=options.level)
    if not options.quiet:
        log(TOOL, summary.line())
    return summary.details


def ask_teacher(
    lessons: Sequence[Lesson],
    writer: Writer,
    rule: DistilRule,
    limits: Limits,
    log_file: Path | None,
    done: Callable[[int], None] | None = None,
) -> tuple[list[Reply], Counter[str]]:
    """Return the teacher's reply to each lesson, and what was asked."""
    requests = [Request(writer.name, lesson.messages, rule.decoding) for lesson in lessons]
    with open_log(log_file) as answers:
        counts = answer_all(requests, {writer.name: writer}, answers, limits, done)
        return [answers.answers[request.key] for request in requests], counts


def sort_lessons(
    lessons: Sequence[Lesson],
    replies: Sequence[Reply],
    teacher: str,
    rule: DistilRule,
    summary: WholeSummary,
) -> tuple[list[Record], dict[str, Counter[str]]]:
    """Return what is kept, with its reasons noted, and what became of each class; the summary gets
    what is not kept."""
    kept: list[Record] = []
    summary.recipe = {"teacher": rule.teacher, "hint": rule.hint}
    by_class: dict[str, Counter[str]] = defaultdict(Counter)
    for lesson, reply in zip(lessons, replies, strict=True):
        found = check_rationale(lesson, reply)
        by_class[lesson.label]["kept" if not isinstance(found, Reason) else str(found)] += 1
        if isinstance(found, Reason):
            summary.reject(lesson.record, "distil", found)
            continue
        annotate(lesson.record, NOTES, rationale=found, teacher=teacher, hint=rule.hint)
        kept.append(lesson.record)
    return kept, by_class


def keep_rates(by_class: Mapping[str, Mapping[str, int]]) -> dict[str, float]:
    """Return of each class the share that is kept, of counts of what became of it."""
    return {
        label: round(one.get("kept", 0) / sum(one.values()), 6)
        for label, one in sorted(by_class.items())
    }
