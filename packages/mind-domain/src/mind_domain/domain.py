"""The shapes that plugins fill: a domain labels and asks, a judge compares an answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Protocol, TypeAlias, runtime_checkable

from mind_core import Reason, Record

TOOL = "mind-domain"
NOTES = "domain"
"""The key under `metadata.mind` where labels are noted."""


@dataclass(frozen=True)
class Label:
    """Say which class a record is in, and which stretch of time that answer rests on.

    The record was public from `published` (with time zone), and its label could be known at the end
    of the day `until`, not before: a split by date needs both. Records of one `cluster` share their
    answer (one share, one day), so they are no independent evidence. All answers that rest on one
    `day` share what moved everything on it; by default that is the day of publication. `facts` are
    noted as well; `rules` name what was assumed about the record, and are counted.
    """

    name: str
    published: datetime
    until: date
    cluster: str
    facts: Mapping[str, Any] = field(default_factory=dict)
    day: date | None = None
    rules: tuple[str, ...] = ()


@runtime_checkable
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


@runtime_checkable
class ReadingDomain(Protocol):
    """A domain that knows the raw rows of its field."""

    def read(self, record: Record, position: str) -> Record | Reason:
        """Bring a raw row into a record with a text or a conversation, or say why not."""


@runtime_checkable
class FittedDomain(Domain, Protocol):
    """A domain whose classes are cut from a number, at edges that training data give."""

    @property
    def fits_until(self) -> date | None:
        """The first day that is not for training, if edges are to be fitted; else None."""

    def fit(self, changes: Sequence[float]) -> FittedDomain:
        """Return the same domain with its edges fitted to numbers of training dates."""

    def classify(self, change: float) -> str | Reason:
        """Return the class of a number, or the reason why it has none."""


@runtime_checkable
class DialogueDomain(ReadingDomain, Protocol):
    """A field whose replies are judged: what its conversations are, and what a good reply is."""

    def rubric(self, language: str) -> str:
        """Say in a few sentences what a judge is to look at, in "zh" or "en"."""


@dataclass(frozen=True)
class Verdict:
    """Say how good an answer is, from 0 to 1, and why in a snake_case word."""

    score: float
    reason: str


Judge = Callable[[str, str, str], Verdict]
"""(question, answer, reference) -> Verdict."""

AnyDomain: TypeAlias = Domain | DialogueDomain
"""What `register_domains` offers."""
