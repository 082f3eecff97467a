"""Scores of records: made by the scorers, or recorded in a first pass over the whole input."""

from __future__ import annotations

import hashlib
import math
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from numbers import Real
from typing import Any

from mind_core import MindError, Record
from mind_core.component_calls import calling
from mind_core.records import encode
from mind_sft_select.hookspecs import Scorer
from mind_sft_select.instructions import Instruction
from mind_sft_select.scorers.conversations import languages_of

DIGITS = 6
"""Scores are rounded before they decide, so that a decision can be checked by what is noted."""

UNSCORED = math.nan
NOT_FINITE = math.inf
"""What stands for a score that is no finite number, until its record is counted as bad."""


@dataclass(frozen=True)
class RecordScores:
    """The language of a record's answers and its scores, the deciding one first.

    NaN stands for a record that was not scored, `NOT_FINITE` for a score that is no number.
    """

    language: str
    values: tuple[float, ...]

    @property
    def is_scored(self) -> bool:
        """Tell whether the deciding score is there."""
        return math.isfinite(self.values[0])


@dataclass(frozen=True)
class ModelScores:
    """Score instructions with every scorer; those with a reason are not scored."""

    scorers: Sequence[Scorer]
    names: Sequence[str] = field(default=())

    def __call__(self, instructions: Sequence[Instruction]) -> list[RecordScores]:
        """Return the scores of a batch."""
        places = [place for place, given in enumerate(instructions) if given.reason is None]
        records = [instructions[place].record for place in places]
        columns = [[UNSCORED] * len(instructions) for _ in self.scorers]
        for number, (column, scorer) in enumerate(zip(columns, self.scorers, strict=True)):
            name = self.names[number] if self.names else type(scorer).__name__
            with calling(f"scorer {name!r}"):
                # A scorer is never asked about nothing: a model has no batch of no rows.
                returned = scorer(records) if records else []
            values = checked_values(name, returned, len(records))
            for place, value in zip(places, values, strict=True):
                column[place] = value
        rows = zip(*columns, strict=True)
        languages = languages_of([given.record for given in instructions])
        return [RecordScores(*row) for row in zip(languages, rows, strict=True)]


def checked_values(name: str, values: Any, count: int) -> list[float]:
    """Return a scorer's numbers, rounded: `UNSCORED` for None, `NOT_FINITE` for NaN and infinity.

    Raises `MindError` for an answer of the wrong length or type.
    """
    hint = "a scorer returns one number for each record, or None for one that it cannot score"
    try:
        found = list(values)
    except TypeError as error:
        raise MindError(f"scorer {name!r} returned no sequence", cause=error, hint=hint) from None
    if len(found) != count:
        raise MindError(
            f"scorer {name!r} returned {len(found):,} numbers for {count:,} records", hint=hint
        )
    checked = []
    for place, value in enumerate(found):
        if value is None:
            checked.append(UNSCORED)
            continue
        # `Real` takes numpy's numbers as well.
        if isinstance(value, bool) or not isinstance(value, Real):
            raise MindError(
                f"scorer {name!r} returned {value!r} for record {place + 1} of {count:,}",
                cause=f"it is of type {type(value).__name__}",
                hint=hint,
            )
        number = float(value)
        # NaN already means that there is no score, so a NaN of a scorer becomes infinite here.
        checked.append(round(number, DIGITS) if math.isfinite(number) else NOT_FINITE)
    return checked


class ScoreTable:
    """Hold the scores of many records, 2 bytes and 8 for each score."""

    def __init__(self, width: int) -> None:
        self.width = width
        self.languages: list[str] = []
        self._numbers: dict[str, int] = {}
        self._language = array("H")
        self._values = array("d")

    def __len__(self) -> int:
        return len(self._language)

    def __iter__(self) -> Iterator[RecordScores]:
        for place, number in enumerate(self._language):
            values = self._values[place * self.width : (place + 1) * self.width]
            yield RecordScores(self.languages[number], tuple(values))

    def add(self, scores: RecordScores) -> None:
        """Take one record's scores."""
        if scores.language not in self._numbers:
            self._numbers[scores.language] = len(self.languages)
            self.languages.append(scores.language)
        self._language.append(self._numbers[scores.language])
        self._values.extend(scores.values)


class RandomKeys:
    """Hold a random number for each record, 8 bytes, by the seed and what the record says."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self._keys = array("Q")

    def add(self, record: Record) -> None:
        """Draw for one record."""
        content = encode({"seed": self.seed, "messages": record["messages"]})
        digest = hashlib.blake2b(content, digest_size=8).digest()
        self._keys.append(int.from_bytes(digest, "big"))

    def smallest(self, places: Sequence[int], number: int) -> set[int]:
        """Choose some of the places, without regard to where they stand."""
        # The place settles equal keys: copies of one record draw the same number.
        return set(sorted(places, key=lambda place: (self._keys[place], place))[:number])


class RecordedScores:
    """Give scores again that were held, batch by batch."""

    def __init__(self, scores: ScoreTable) -> None:
        self._rows = iter(scores)

    def __call__(self, instructions: Sequence[Any]) -> list[RecordScores]:
        """Return the scores of the next records."""
        return [next(self._rows) for _ in instructions]
