"""Scores of records: made by the scorers, or read again from a first look at the whole set."""

from __future__ import annotations

import hashlib
import math
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from mind_core import Record
from mind_core.records import encode
from mind_sft_select.hookspecs import Scorer
from mind_sft_select.scorers.conversations import answers_of, languages_of

DIGITS = 6
"""Scores are rounded before they decide, so that a decision can be checked by what is noted."""


@dataclass(frozen=True)
class Scored:
    """The language of a record's answers and its scores, the deciding one first."""

    language: str
    values: tuple[float, ...]


def has_answer(record: Record) -> bool:
    """Tell whether a conversation has an answer that says something."""
    return bool(answers_of(record["messages"]).strip())


@dataclass(frozen=True)
class Live:
    """Score records with every scorer; what has no answer is not scored."""

    scorers: Sequence[Scorer]

    def __call__(self, records: Sequence[Record]) -> list[Scored]:
        """Return the scores of a batch."""
        answered = [place for place, record in enumerate(records) if has_answer(record)]
        given = [records[place] for place in answered]
        columns = [[math.nan] * len(records) for _ in self.scorers]
        for column, scorer in zip(columns, self.scorers, strict=True):
            for place, value in zip(answered, scorer(given) if given else (), strict=True):
                column[place] = round(float(value), DIGITS)
        rows = zip(*columns, strict=True)
        return [Scored(*row) for row in zip(languages_of(records), rows, strict=True)]


class Scores:
    """Hold the scores of many records, 2 bytes and 8 for each score."""

    def __init__(self, width: int) -> None:
        self.width = width
        self.languages: list[str] = []
        self._numbers: dict[str, int] = {}
        self._language = array("H")
        self._values = array("d")

    def __len__(self) -> int:
        return len(self._language)

    def __iter__(self) -> Iterator[Scored]:
        for place, number in enumerate(self._language):
            values = self._values[place * self.width : (place + 1) * self.width]
            yield Scored(self.languages[number], tuple(values))

    def add(self, scored: Scored) -> None:
        """Take one record's scores."""
        if scored.language not in self._numbers:
            self._numbers[scored.language] = len(self.languages)
            self.languages.append(scored.language)
        self._language.append(self._numbers[scored.language])
        self._values.extend(scored.values)


class Draws:
    """Hold a draw for each record, 8 bytes; it depends on the seed and what the record says."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self._draws = array("Q")

    def add(self, record: Record) -> None:
        """Draw for one record."""
        said = encode({"seed": self.seed, "messages": record["messages"]})
        digest = hashlib.blake2b(said, digest_size=8).digest()
        self._draws.append(int.from_bytes(digest, "big"))

    def smallest(self, places: Sequence[int], number: int) -> set[int]:
        """Choose some of the places, without regard to where they stand."""
        return set(sorted(places, key=lambda place: (self._draws[place], place))[:number])


class Replay:
    """Give scores again that were held, batch by batch."""

    def __init__(self, scores: Scores) -> None:
        self._rows = iter(scores)

    def __call__(self, records: Sequence[Any]) -> list[Scored]:
        """Return the scores of the next records."""
        return [next(self._rows) for _ in records]
