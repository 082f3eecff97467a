"""Label a stream: the domain gives labels or reasons, copies of a story are dropped in order."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field

from mind_core import Reason, Record
from mind_core.errors import BadRecord
from mind_core.flow import Outcome
from mind_core.records import annotate, decode, encode, text_of
from mind_core.stream import Batch
from mind_domain.domain import NOTES, TOOL, Domain, Label

STEP = "label"


@dataclass(frozen=True)
class LabelWork:
    """Label the records of a batch; runs in the workers."""

    name: str
    domain: Domain

    def __call__(self, batch: Batch) -> Outcome:
        """Return the outcome with (key, label, line) of each labelled record as payload."""
        outcome = Outcome()
        labelled: list[tuple[bytes, str, bytes]] = []
        for position, line, record in outcome.records(batch):
            try:
                text_of(record, position)
            except BadRecord as error:
                outcome.bad.append((error, line))
                continue
            found = self.domain.label(record)
            if isinstance(found, Reason):
                outcome.reject(record, TOOL, STEP, found)
                continue
            story = _short_hash(self.domain.story(record))
            note(record, self.name, found, self.domain.labels, story)
            labelled.append((_key(story, found.cluster), found.name, encode(record)))
        outcome.payload = labelled
        return outcome


@dataclass
class DropCopies:
    """Drop a story that was told before about the same thing at the same time; runs in order.

    Holds 16 bytes for each story that is kept.
    """

    seen: set[bytes] = field(default_factory=set)

    def __call__(self, outcome: Outcome) -> Outcome:
        """Move the payload of an outcome to its kept or rejected records."""
        for key, label, line in outcome.payload:
            if key in self.seen:
                record = decode(line, "a labelled record")
                outcome.reject(record, TOOL, STEP, Reason("duplicate_story"))
                continue
            self.seen.add(key)
            outcome.kept.append(line)
            outcome.details[f"label_{label}"] += 1
        outcome.payload = None
        return outcome


def note(record: Record, domain: str, label: Label, labels: Sequence[str], story: str) -> None:
    """Write a label, and what a split needs to know about it, to `metadata.mind.domain`."""
    annotate(
        record,
        NOTES,
        domain=domain,
        label=label.name,
        labels=list(labels),
        published=label.published.isoformat(),
        until=label.until.isoformat(),
        cluster=label.cluster,
        story=story,
        **label.facts,
    )


def _short_hash(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def _key(story: str, cluster: str) -> bytes:
    return hashlib.sha256(f"{story}\n{cluster}".encode()).digest()[:16]
