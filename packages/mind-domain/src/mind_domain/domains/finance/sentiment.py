"""Sentiment of financial texts as people labelled it: the control that a method works at all."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime

from mind_core import Reason, Record
from mind_core.records import text_of
from mind_domain.domain import Label
from mind_domain.near_copies import story_key

WORDS = {
    "en": {"positive": "positive", "neutral": "neutral", "negative": "negative"},
    "zh": {"positive": "积极", "neutral": "中性", "negative": "消极"},
}
UNDATED = datetime(1970, 1, 1, tzinfo=UTC)
_TEXT = re.compile(r"\bText:")
_ANSWER = re.compile(r"\bAnswer:$")


@dataclass(frozen=True)
class Sentiment:
    """Take labels that people gave: positive, neutral or negative (PIXIU's FPB and FiQA).

    The texts have no dates, so they are not for `split`; the same text under several instructions
    is one story.
    """

    @property
    def labels(self) -> tuple[str, ...]:
        """Name the classes."""
        return tuple(WORDS["en"])

    def read(self, record: Record, position: str) -> Record | Reason:  # noqa: ARG002 - part of a domain
        """Read PIXIU's instructions: the text between "Text:" and "Answer:", and its label.

        FPB has neither word: its instruction is one line, and the text the next.
        """
        turns = record.get("conversations")
        if not isinstance(turns, list) or len(turns) != 2:
            return Reason("no_conversation")
        asked, answer = (str(turn.get("value", "")) for turn in turns)
        found, end = _TEXT.search(asked), _ANSWER.search(asked.rstrip())
        text = asked[found.end() : end.start()].strip() if found and end else ""
        if found is None and end is None:
            text = asked.strip().partition("\n")[2].strip()
        if not text:
            return Reason("no_text")
        return {
            "id": record.get("id"),
            "text": text,
            "source": "pixiu",
            "metadata": {"label": answer.strip().casefold()},
        }

    def label(self, record: Record) -> Label | Reason:
        """Take the label under `metadata.label`."""
        text = text_of(record)
        metadata = record.get("metadata")
        name = metadata.get("label") if isinstance(metadata, dict) else None
        if name not in self.labels:
            return Reason("unknown_label", name)
        # Such texts have no day, so each story is a cluster of its own: copies of it share their
        # label.
        return Label(name, UNDATED, UNDATED.date(), story_key(text), {"undated": True})

    def story(self, record: Record) -> str:
        """Give the words of the text."""
        return story_key(text_of(record))

    def question(self, record: Record, language: str) -> str:
        """Ask for the sentiment of the text, in Chinese or English."""
        if language == "zh":
            return f"这段金融文本的情感如何？只回答积极、中性或消极。\n\n{text_of(record)}"
        return (
            "What is the sentiment of this financial text? Answer positive, neutral or negative."
            f"\n\n{text_of(record)}"
        )

    def answer(self, label: str, language: str) -> str:
        """Give the word for a label."""
        return WORDS[language][label]
