"""Scored records as columns: what selection, clusters and baselines decide by."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mind_core import Record
from mind_core.records import annotation
from mind_sft_select.instructions import NOTES
from mind_sft_select.score_stream import scored_sums
from mind_sft_select.scorers.conversations import languages_of, questions_of
from mind_sft_select.scoring.sums import ChatSums, Choice, choices

Floats = NDArray[np.float64]
NUMBERS = ("entropy", "bits_per_byte", "ifd", "tokens", "prompt_tokens", "turns", "cut")
WORDS = ("language", "question_language", "source")
_NOT_WORD = re.compile(r"[\W_]+")


def folded(text: str) -> str:
    """Fold a question for comparison: NFKC, lower case, letters and digits alone."""
    return _NOT_WORD.sub("", unicodedata.normalize("NFKC", text).casefold())


def hash_of(text: str) -> int:
    """Return 64 bits of the hash of a text."""
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big")


@dataclass
class Pool:
    """Columns of N scored records; a record without sums has NaN for its numbers.

    `numbers` are float64 [N], `words` lists of N, `questions` and `random` 64-bit hashes.
    """

    seed: int = 0
    sums: list[ChatSums | None] = field(default_factory=list)
    words: dict[str, list[str]] = field(default_factory=lambda: {name: [] for name in WORDS})
    questions: list[int] = field(default_factory=list)
    question_texts: list[str] = field(default_factory=list)
    random: list[int] = field(default_factory=list)
    models: set[str] = field(default_factory=set)
    keep_questions: bool = False
    ifds: list[float] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.sums)

    def add(self, record: Record) -> None:
        """Take a record with `messages`, and the sums that `score` noted, if it has them."""
        sums = scored_sums(record)
        notes = annotation(record, NOTES)
        self.sums.append(sums)
        self.ifds.append(float("nan") if sums is None or sums.ifd() is None else sums.ifd() or 0.0)
        language = notes.get("language") or languages_of([record])[0]
        self.words["language"].append(str(language))
        self.words["question_language"].append(str(notes.get("question_language") or language))
        self.words["source"].append(str(record.get("source") or "unknown"))
        question = folded(questions_of(record["messages"]))
        # Eight bytes a record; texts are kept only if evaluation items are looked for inside them.
        self.questions.append(hash_of(question))
        if self.keep_questions:
            self.question_texts.append(question)
        # Of seed and content, not of the place: a draw does not depend on the order of the input.
        self.random.append(hash_of(f"{self.seed} {record['messages']}"))
        if isinstance(notes.get("model"), str):
            self.models.add(notes["model"])

    def number(self, name: str) -> Floats:
        """Return a column of numbers [N]; NaN where a record has none."""
        return np.array([_number(name, sums, ifd) for sums, ifd in
                         zip(self.sums, self.ifds, strict=True)], dtype=np.float64)  # fmt: skip

    def scores(self, choice: Choice) -> Floats:
        """Return the scores under one choice [N]; NaN where a record has none."""
        return np.array(
            [_value(None if sums is None else choice.score(sums)) for sums in self.sums]
        )

    def choices(self) -> list[Choice]:
        """List the choices that these records allow."""
        return choices([sums for sums in self.sums if sums is not None])

    def languages(self) -> list[str]:
        """List the languages of the answers."""
        return sorted(set(self.words["language"]))

    def in_language(self, language: str) -> NDArray[np.bool_]:
        """Tell which answers are in a language [N]."""
        return np.array([word == language for word in self.words["language"]], dtype=np.bool_)

    def row(self, index: int, columns: dict[str, Floats]) -> dict[str, Any]:
        """Return one record's values by name, for an expression."""
        values: dict[str, Any] = {name: float(column[index]) for name, column in columns.items()}
        return values | {name: self.words[name][index] for name in WORDS}


def _number(name: str, sums: ChatSums | None, ifd: float) -> float:
    if sums is None:
        return float("nan")
    total = sums.total
    found: dict[str, float | None] = {
        "entropy": total.entropy(), "bits_per_byte": total.bits_per_byte(), "ifd": ifd,
        "tokens": float(total.tokens + total.ends), "prompt_tokens": float(sums.prompt_tokens),
        "turns": float(len(sums.turns)), "cut": float(sums.cut),
    }  # fmt: skip
    return _value(found[name])


def _value(value: float | None) -> float:
    return float("nan") if value is None else value


def overlapping(pool: Pool, evaluation: Sequence[str]) -> NDArray[np.bool_]:
    """Tell which questions stand in an evaluation set [N]: equal to one of its texts when folded,
    or holding one of 30 characters and more.
    """
    # A text of marks alone folds to nothing, which every question would hold.
    texts = {folded(text) for text in evaluation} - {""}
    exact = {hash_of(text) for text in texts}
    found = np.array([question in exact for question in pool.questions], dtype=np.bool_)
    long = sorted(text for text in texts if len(text) >= MIN_CONTAINED)
    if long and pool.question_texts:
        grams: dict[str, list[str]] = {}
        for text in long:
            # By its first 30 characters: each place of a question then asks a table, not every
            # text.
            grams.setdefault(text[:MIN_CONTAINED], []).append(text)
        for index, question in enumerate(pool.question_texts):
            if not found[index]:
                found[index] = _contains(question, grams)
    return found


MIN_CONTAINED = 30


def _contains(question: str, grams: dict[str, list[str]]) -> bool:
    for start in range(len(question) - MIN_CONTAINED + 1):
        for text in grams.get(question[start : start + MIN_CONTAINED], ()):
            if question.startswith(text, start):
                return True
    return False
