"""What a judge of replies sees, and what it says: letters in the order of seats."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from mind_core import Reason

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"

_LAST = re.compile(
    r"^(?:.*?(?:ranking|排名|排序|名次)\s*+(?:is|是|为|為)?\s*+[:：])?\s*+([A-Z>=≥,，、][A-Z\s>=≥,，、]*+)[.。]?$",
    re.IGNORECASE,
)
_SIGN = re.compile(r"(?<!\s)\s*+(>|=|≥|,|，|、)\s*+")


@dataclass(frozen=True)
class Trial:
    """Replies to one question in the order of their seats; names are for judges that look up.

    `pair` counts the pairs of a question and repeat from 1; it is 0 where all sit together.
    """

    question_id: str
    repeat: int
    messages: tuple[dict[str, str], ...]
    reference: str | None
    names: tuple[str, ...]
    replies: tuple[str, ...]
    rubric: str
    language: str
    attempt: int = 0
    pair: int = 0

    @property
    def letters(self) -> str:
        """The letters of the seats."""
        return LETTERS[: len(self.names)]


Groups = tuple[tuple[int, ...], ...]
"""A ranking of seats, the best group first; seats of one group are tied."""


@runtime_checkable
class RankingJudge(Protocol):
    """A judge that ranks all replies to a question at once."""

    @property
    def repeatable(self) -> bool:
        """Whether a verdict that could not be read is worth asking for again."""

    def rank(self, trial: Trial) -> Groups | Reason:
        """Rank the seats of a trial, or say why there is no ranking."""


def parse_ranking(text: str, seats: int) -> Groups | Reason:
    """Read the last line of a verdict, such as "B > A = C" or "排名：B > A = C".

    Reasons: `unparsed`, `unknown_letter`, `double_letter`, `incomplete`. Nothing is completed by
    guess: every letter has to be there once.
    """
    lines = [line.strip(" *`#") for line in unicodedata.normalize("NFKC", text).splitlines()]
    line = next((line for line in reversed(lines) if line), "")
    # A ranking of 26 letters is shorter by far; what is longer is a sentence.
    found = _LAST.match(line) if len(line) < 400 else None
    if found is None:
        return Reason("unparsed", line[:80])
    # Letters and signs in turn, as the pattern keeps what it cuts at.
    parts = _SIGN.split(found[1].strip().upper())
    letters, signs = parts[::2], parts[1::2]
    known = LETTERS[:seats]
    for letter in letters:
        if len(letter) != 1 or letter not in LETTERS:
            return Reason("unparsed", line[:80])
        # A letter that nobody sits at: the judge has made up a reply.
        if letter not in known:
            return Reason("unknown_letter", letter, known)
    if len(set(letters)) < len(letters):
        return Reason("double_letter", line[:80])
    if len(letters) < seats:
        return Reason("incomplete", line[:80], known)
    groups: list[list[int]] = [[known.index(letters[0])]]
    for sign, letter in zip(signs, letters[1:], strict=True):
        if sign == "=":
            groups[-1].append(known.index(letter))
        else:
            groups.append([known.index(letter)])
    return tuple(map(tuple, groups))
