"""The shapes that plugins fill: a domain labels and asks, a judge compares an answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Protocol

from mind_core import Reason, Record

TOOL = "mind-domain"
NOTES = "domain"
"""The key under `metadata.mind` where labels are noted."""


@dataclass(frozen=True)
class Label:
    """Say which class a record is in, and which stretch of time that answer rests on.

    The record was public from `published` (with time zone), and its label could be known at the end
    of the day `until`, not before: a split by date needs both. Records of one `cluster` share their
    answer (one share, one day), so they are no independent evidence. `facts` are noted as well.
    """

    name: str
    published: datetime
    until: date
    cluster: str
    facts: Mapping[str, Any] = field(default_factory=dict)


class Domain(Protocol):
    """A field with a classification task: its classes, its labels, and how it asks for them."""

    @property
    def labels(self) -> Sequence[str]:
        """Name the classes, in a fixed order."""

    def label(self, record: Record) -> Label | Reason:
        """Label a record, or give the reason why it has no label."""

    def story(self, record: Record) -> str:
        """Give a key that copies of one story share, whoever tells them and about whom."""

    def question(self, record: Record, language: str) -> str:
        """Ask for the label of a labelled record, in "zh" or "en"."""

    def answer(self, label: str, language: str) -> str:
        """Give the word that answers the question, in "zh" or "en"."""


@dataclass(frozen=True)
class Verdict:
    """Say how good an answer is, from 0 to 1, and why in a snake_case word."""

    score: float
    reason: str


Judge = Callable[[str, str, str], Verdict]
"""(question, answer, reference) -> Verdict."""
