"""Drop a text of which too much was read in the wrong character set and cannot be mended."""

from __future__ import annotations

import re
from dataclasses import dataclass

from mind_clean.charset_plausibility import plausibility
from mind_clean.transforms.misread_east_asian import LOST, Misreading, misreadings_in, reread
from mind_core import Reason, Record

_MADE_OF_LOST = re.compile("(?:锟斤拷|斤拷锟|拷锟斤|烫烫烫|屯屯屯|\ufffd)+")
"""What becomes of U+FFFD that is written in UTF-8 and read as GBK; of memory that nobody wrote to,
read as GBK; and U+FFFD itself."""

_LATIN = re.compile("[\u0080-\u009f\u00a1-\u00ff€‚ƒ„…†‡ˆ‰Š‹ŒŽ‘’“”•–—˜™š›œžŸ\ufffd]")
_VISIBLE = re.compile(r"\S")
_BEYOND = re.compile(r"[^\x00-\x7f]")
_MOST_LATIN, _LEAST_LATIN = 0.5, 8
"""No language writes half of its characters with the letters and signs of Latin-1's upper half."""

_LEAST_READ, _LEAST_WORTH = 0.4, 0.7
"""Of the characters of a line that was misread so many can still be read, as plausible text."""

_LEAST_CHARACTERS = 4
_FEW, _WORTH_OF_FEW = 2, 2.0
"""Two characters are enough if they are among the most frequent ones (a title)."""


@dataclass(frozen=True)
class Garbled:
    """Drop a text of which more than 5 % was read in the wrong character set, or was lost.

    It looks for what `mojibake` could not mend, so it comes after it, and before `unicode`.
    """

    max: float = 0.05

    def __post_init__(self) -> None:
        """Refuse a bound that means nothing."""
        if not 0 <= self.max <= 1:
            raise ValueError(f"max is {self.max}, not a share from 0 to 1")

    def __call__(self, record: Record) -> Reason | None:
        """Return "mojibake" with the share, or None."""
        share = garbled_share(record["text"])
        return Reason("mojibake", round(share, 4), self.max) if share > self.max else None


def garbled_share(text: str) -> float:
    """Return what share of the visible characters stands in garbled lines, or was lost."""
    if text.isascii():
        return 0.0
    found = misreadings_in(text)
    lost = sum(map(len, _MADE_OF_LOST.findall(text)))
    if not found and not lost and not _LATIN.search(text):
        return 0.0
    garbled = 0
    for line in text.split("\n"):
        if line.isascii():
            continue
        if _is_garbled(line, found):
            garbled += len(_VISIBLE.findall(line))
        elif lost:
            garbled += sum(map(len, _MADE_OF_LOST.findall(line)))
    return garbled / max(1, len(_VISIBLE.findall(text)))


def _is_garbled(line: str, found: list[Misreading]) -> bool:
    latin = len(_LATIN.findall(line))
    if latin >= _LEAST_LATIN and latin >= _MOST_LATIN * len(_VISIBLE.findall(line)):
        return True
    # Other charsets read as Latin-1 are told by the share of Latin signs above.
    return any(_was_misread(line, how) for how in found if how.written == "utf-8")


def _was_misread(line: str, how: Misreading) -> bool:
    """Tell whether a good part of a line can be read as what it was, though not all of it."""
    if not any(sign in line for sign in how.signs):
        return False
    again = reread(line, how)
    beyond = len(_BEYOND.findall(again))
    read = beyond - again.count(LOST)
    if read < _FEW or read < _LEAST_READ * beyond:
        return False
    least = _LEAST_WORTH if read >= _LEAST_CHARACTERS else _WORTH_OF_FEW
    return plausibility(again.replace(LOST, "")) >= least
