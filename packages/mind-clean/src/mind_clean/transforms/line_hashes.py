"""Keys for the phrases of a site: one loop over a page's characters tells and hashes its phrases.

A phrase holds four Chinese characters or three words in a row (two letters or more each; `else:`
and `End Sub` stand on many pages, in code) and does not begin with a blank. Two are the same if
they differ in white space, case and numbers only.
"""

from __future__ import annotations

import re
from functools import cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from mind_core.kernels.library import kernel
from mind_core.kernels.packed import Offsets
from mind_core.kernels.utf8 import CodePoints
from mind_core.text.scripts import HAN

Keys = npt.NDArray[np.uint64]
Table = npt.NDArray[np.uint32]

_SIZE = 0x40000
"""Letters lie in the planes 0 to 3 of Unicode, those with cases in 0 and 1, blanks in 0."""
_PLANE = 0x10000

_FOLDED = np.uint32((1 << 21) - 1)
_HAN, _LETTER, _SPACE, _DIGIT, _SEVERAL = (np.uint32(1 << bit) for bit in range(21, 26))
_CLASSES = (
    (f"[{HAN}]+", _HAN, _SIZE),
    (r"[^\W\d_]+", _LETTER, _SIZE),
    (r"\s+", _SPACE, _PLANE),
    ("[0-9０-９]+", _DIGIT, _PLANE),
)

_FEED, _BLANK, _TAB, _ZERO = (np.uint32(ord(c)) for c in "\n \t0")
_BORDER = np.uint32(0x110000)  # no character: ends the site
_START = np.uint64(0x9E3779B97F4A7C15)
_BASE, _LAST = np.uint64(0xFF51AFD7ED558CCD), np.uint64(0xC4CEB9FE1A85EC53)


class Characters(NamedTuple):
    """Hold what a phrase takes a character for.

    A field of `bits` is the character as casefold makes it, with its classes above; what becomes
    several characters is a row of `several` instead, 0 where there are fewer than three.
    """

    bits: Table
    several: Table


def site_keys(site: str, text: str, ends: Offsets | None = None) -> tuple[Keys, Offsets]:
    """Return the key of a site and of each piece of a text, 0 for no phrase; and the pieces' ends.

    Pieces end where `ends` says; if it says nothing, behind each line feed.
    """
    points = np.frombuffer((site + text).encode("utf-32-le", "surrogatepass"), np.uint32)
    if ends is None:
        ends = np.empty(text.count("\n") + 1, np.int64)
        ends[0] = -1
    keys = np.empty(len(ends) + 1, np.uint64)
    bits, several = characters()
    find_keys(points, len(site), ends, bits, several, keys)
    return keys, ends


@cache
def characters() -> Characters:
    """Return the classes and folded forms of all characters."""
    bits = np.arange(_SIZE, dtype=np.uint32)
    everything = bits.tobytes().decode("utf-32-le", "surrogatepass")
    several: list[str] = []
    # In parts of 64, since most of them have no letter with cases and need no look at each.
    for start in range(0, 2 * _PLANE, 64):
        part = everything[start : start + 64]
        for character in part if part.casefold() != part else "":
            folded = character.casefold()
            if len(folded) == 1:
                bits[ord(character)] = ord(folded)
            else:
                bits[ord(character)] = len(several) | _SEVERAL
                several.append(folded)
    rows = np.array([[*map(ord, f"{folded:\0<3}")] for folded in several], np.uint32)
    for pattern, bit, size in _CLASSES:
        for match in re.compile(pattern).finditer(everything, 0, size):
            bits[match.start() : match.end()] |= bit
    return Characters(bits, rows)


@kernel
def _mixed(value: np.uint64, point: np.uint32) -> np.uint64:
    value = (value ^ np.uint64(point)) * _BASE
    return value ^ (value >> np.uint64(32))


@kernel
def _finished(value: np.uint64) -> np.uint64:
    value *= _LAST
    # Never 0, which says that a piece is no phrase.
    return max(value ^ (value >> np.uint64(29)), np.uint64(1))


@kernel("void(u4[], i8, i8[], u4[], u4[,], u8[])")
def find_keys(
    text: CodePoints, site: int, ends: Offsets, bits: Table, several: Table, keys: Keys
) -> None:
    """Write the key of a site, `text` up to `site`, and then of each piece of what comes after.

    `ends` counts from there. If its first is below 0, the ends of lines are written to it.
    """
    if ends[0] < 0:
        piece = 0
        for place in range(site, len(text)):
            if text[place] == _FEED:
                ends[piece] = place + 1 - site
                piece += 1
        ends[piece] = len(text) - site
    value = _START
    for place in range(site):
        value = _mixed(value, text[place])
    # With a border, so that a site "ab" with a line "c" is not a site "a" with a line "bc".
    seed = _mixed(value, _BORDER)
    keys[0] = _finished(seed)
    start = site
    for piece in range(len(ends)):
        end = site + ends[piece]
        if start == end or text[start] == _BLANK or text[start] == _TAB:
            keys[piece + 1] = 0
        else:
            keys[piece + 1] = _key_of(text, start, end, seed, bits, several)
        start = end


@kernel
def _key_of(
    text: CodePoints, start: int, end: int, value: np.uint64, bits: Table, several: Table
) -> np.uint64:
    """Return the key of a piece, 0 if it is no phrase."""
    han = 0  # Chinese characters so far
    words = 0  # words of two letters and more that follow each other
    letters = 0  # of the word that is being read
    after_digit = False  # a number is one 0, whatever it is: "page 3 of 12" is one line of a site
    for place in range(start, end):
        point = text[place]
        # Beyond the table a character is itself and of no class: code points have 21 bits, and the
        # bits of classes lie above these.
        known = bits[point] if point < _SIZE else point
        han += known & _HAN > 0
        if known & _LETTER:
            letters += 1
            if letters == 2:
                words += 1
        else:
            if (
                letters == 1 and words < 3
            ):  # three in a row make a phrase; a single letter parts them
                words = 0
            letters = 0
        if known & _SPACE:
            continue
        if known & _DIGIT:
            if not after_digit:
                value = _mixed(value, _ZERO)
            after_digit = True
            continue
        after_digit = False
        folded = known & _FOLDED
        if known & _SEVERAL:
            value = _mixed(_mixed(value, several[folded, 0]), several[folded, 1])
            folded = several[folded, 2]
            if folded == 0:
                continue
        value = _mixed(value, folded)
    return _finished(value) if han >= 4 or words >= 3 else np.uint64(0)
