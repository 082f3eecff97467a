"""Label a stream: the domain gives labels or reasons, copies of a story are dropped in order."""

from __future__ import annotations

import hashlib
import math
from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date

from mind_core import MindError, Reason, Record
from mind_core.component_calls import failure, not_finite, wrong_reason
from mind_core.errors import BadRecord
from mind_core.records import annotate, annotation, decode, encode, text_of
from mind_core.runner import BatchResult
from mind_core.stream import Batch
from mind_domain.domain import NOTES, TOOL, Domain, FittedDomain, Label

STEP = "label"


@dataclass(frozen=True)
class LabelledLine:
    """One labelled record on its way from a worker, with what is decided in order."""

    key: bytes
    label: str
    until: date
    change: float
    rules: tuple[str, ...]
    line: bytes


@dataclass(frozen=True)
class RecordLabeller:
    """Label the records of a batch; runs in the workers."""

    name: str
    domain: Domain

    def __call__(self, batch: Batch) -> BatchResult:
        """Return the outcome with what is labelled as payload."""
        outcome = BatchResult()
        labelled: list[LabelledLine] = []
        for position, line, record in outcome.records(batch):
            try:
                text_of(record, position)
            except BadRecord as error:
                outcome.bad.append((error, line))
                continue
            try:
                found, story = self._ask(record)
            except MindError:
                raise
            # Whatever a plugin raises costs one record, not the run.
            except BaseException as error:
                wrong = failure(f"domain {self.name!r}", position, line, error)
                outcome.bad.append((wrong, line))
                continue
            if isinstance(found, Reason):
                outcome.reject(record, TOOL, STEP, found)
                continue
            note(record, self.name, found, self.domain.labels, story)
            change = found.facts.get("change")
            labelled.append(
                LabelledLine(
                    _key(story, found.cluster),
                    found.name,
                    found.until,
                    # Read only where edges between classes are fitted; other domains need not note
                    # one.
                    change if isinstance(change, float) else math.nan,
                    found.rules,
                    encode(record),
                )
            )
        outcome.payload = labelled
        return outcome

    def _ask(self, record: Record) -> tuple[Label | Reason, str]:
        """Return a record's label and story; raise for a domain that does what it may not."""
        # The checks below encode each record twice, which is saved for domains that are tested
        # here.
        is_own = type(self.domain).__module__.startswith("mind_domain.")
        before = b"" if is_own else encode(record)
        found = self.domain.label(record)
        # The story too is taken before the record is compared: a plugin may change it there as
        # well.
        story = "" if isinstance(found, Reason) else _short_hash(self.domain.story(record))
        if is_own:
            return found, story
        if not isinstance(found, Reason | Label):
            raise TypeError(f"it returned {found!r:.80}, neither a label nor a reason")
        if encode(record) != before:
            raise ValueError("it changed its argument")
        if isinstance(found, Reason):
            problem = wrong_reason(found)
        else:
            problem = not_finite(dict(found.facts))
        if problem is not None:
            raise ValueError(problem)
        return found, story


@dataclass
class StoryDeduplicator:
    """Drop a story that was told before about the same thing at the same time; runs in order.

    Holds 16 bytes for each story that is kept. `changes` are the numbers of kept records that were
    settled before `fit_until`, where edges are to be fitted: 8 bytes each.
    """

    seen: set[bytes] = field(default_factory=set)
    fit_until: date | None = None
    changes: array[float] = field(default_factory=lambda: array("d"))

    def __call__(self, outcome: BatchResult) -> BatchResult:
        """Move the payload of an outcome to its kept or rejected records."""
        for item in outcome.payload:
            # Workers see batches alone; only here, in the order of the input, is it known who told
            # it first.
            if item.key in self.seen:
                record = decode(item.line, "a labelled record")
                outcome.reject(record, TOOL, STEP, Reason("duplicate_story"))
                continue
            self.seen.add(item.key)
            outcome.kept.append(item.line)
            for rule in item.rules:
                outcome.details[f"rule_{rule}"] += 1
            if item.label:
                outcome.details[f"label_{item.label}"] += 1
            elif self.fit_until is not None and item.until < self.fit_until:
                # Only of records that are settled before that day: edges that know later changes
                # would make labels of the training side depend on the test side.
                self.changes.append(item.change)
        # Nothing more is to be done with it, and it holds every record a second time.
        outcome.payload = None
        return outcome


@dataclass(frozen=True)
class ChangeClassifier:
    """Give the classes of a batch whose returns were measured before; runs in the workers."""

    domain: FittedDomain
    edges: tuple[float, ...]

    def __call__(self, batch: Batch) -> BatchResult:
        """Return the outcome with the label and the fitted edges noted on each record."""
        outcome = BatchResult()
        for _, _, record in outcome.records(batch):
            name = self.domain.classify(annotation(record, NOTES)["change"])
            if isinstance(name, Reason):
                outcome.reject(record, TOOL, STEP, name)
                continue
            annotate(record, NOTES, label=name, edges=list(self.edges))
            outcome.details[f"label_{name}"] += 1
            outcome.keep(encode(record))
        return outcome


def note(record: Record, domain: str, label: Label, labels: Sequence[str], story: str) -> None:
    """Write a label, and what a split needs to know about it, to `metadata.mind.domain`.

    Raises `MindError` for a fact that is not finite: JSON would turn it into null.
    """
    for name, value in label.facts.items():
        # Also for own domains, whose facts `_ask` does not look at.
        if isinstance(value, float) and not math.isfinite(value):
            raise MindError(
                f"record {record.get('id')}: domain {domain!r} notes {name} = {value}",
                hint="a fact is a finite number; look at the data behind this label",
            )
    annotate(
        record,
        NOTES,
        domain=domain,
        label=label.name,
        labels=list(labels),
        published=label.published.isoformat(),
        until=label.until.isoformat(),
        cluster=label.cluster,
        day=label.cluster
        if label.facts.get("undated")
        # The day on which things happen together, which differs from that of publication where a
        # text after the close belongs to the next session.
        else (label.day or label.published.date()).isoformat(),
        story=story,
        **label.facts,
    )


def _short_hash(text: str) -> str:
    # Texts from JSON may hold half of a surrogate pair, which strict UTF-8 refuses.
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def _key(story: str, cluster: str) -> bytes:
    # The same story about another share, or on another day, is another record.
    return hashlib.sha256(f"{story}\n{cluster}".encode()).digest()[:16]
