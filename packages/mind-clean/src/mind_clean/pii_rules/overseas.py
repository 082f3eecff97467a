"""Numbers of Hong Kong, Taiwan, the United States and the United Kingdom.

Identity numbers of Hong Kong and Taiwan carry a check digit; with its brackets Hong Kong's is plain
enough, else a word must say what it is. Telephone numbers need their country code, or a word.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from mind_clean.deferred import compile_once
from mind_clean.pii_rules.context_words import (
    HANDSET,
    HONG_KONG_HANDSET,
    OVERSEAS_ID,
    cue_before,
)

_EDGE = r"(?<![0-9A-Za-z_])(?<![0-9A-Za-z][.\-])"
_END = r"(?![0-9A-Za-z_])(?!\.[0-9])(?!-[0-9])"
_HONG_KONG = rf"{_EDGE}([A-Z]{{1,2}})([0-9]{{6}})(?:(\()([0-9A])\)|([0-9A]){_END})"
_TAIWAN = rf"{_EDGE}([A-Z])([1289][0-9]{{8}}){_END}"
_TAIWAN_LETTERS = "ABCDEFGHJKLMNPQRSTUVXYWZIO"
"""In the order of their values, from 10 on."""

_MOBILE_OVERSEAS = (
    rf"{_EDGE}(?:(?P<code>\(?(?:\+|00)(?:852|853)\)?[ -]?)(?P<hk>[4-9][0-9]{{3}}[ -]?[0-9]{{4}})"
    rf"|\(?(?:\+|00)886\)?[ -]?0?9[0-9]{{2}}[ -]?[0-9]{{3}}[ -]?[0-9]{{3}}"
    rf"|(?P<tw>09[0-9]{{2}}(?P<gap>[ -]?)[0-9]{{3}}(?P=gap)[0-9]{{3}})"
    rf"|(?<![)(])(?<![0-9][ -])(?P<local>[569][0-9]{{3}}[ -]?[0-9]{{4}})){_END}"
)
_US = (
    rf"(?<![0-9A-Za-z_])(?<![0-9A-Za-z][.\-/])(?:(?P<code>\+?1)[ .-]?)?(?P<left>\()?[2-9][0-8][0-9]"
    rf"(?(left)\)[ -]?|(?P<gap>[ .-]))[2-9][0-9]{{2}}[ .-][0-9]{{4}}{_END}"
)
_UK = (
    rf"{_EDGE}(?:(?:\+|00)44[ -]?(?:\(0\)[ -]?)?[127][0-9]{{1,3}}[ -][0-9]{{3,4}}[ -]?[0-9]{{3,4}}"
    rf"|\(?0[127][0-9]{{2,4}}\)? [0-9]{{3,4}} [0-9]{{3,4}}){_END}"
)
_LONG_DIGITS = re.compile("[0-9]")
_UK_DIGITS = range(10, 14)


def find_overseas_ids(text: str, low: int, high: int) -> Iterator[tuple[int, int]]:
    """Yield the spans of identity numbers of Hong Kong and Taiwan."""
    for match in compile_once(_HONG_KONG).finditer(text, low, high):
        check = match[4] or match[5]
        known = match[3] or cue_before(text, match.start(), OVERSEAS_ID)
        if known and hong_kong_check(match[1] + match[2]) == check:
            yield match.span()
    for match in compile_once(_TAIWAN).finditer(text, low, high):
        if cue_before(text, match.start(), OVERSEAS_ID) and is_taiwan_id(match[0]):
            yield match.span()


def hong_kong_check(number: str) -> str:
    """Return the check digit of one or two letters and six digits (MOD 11, weights 9 to 2)."""
    letters = number[:-6].rjust(2)
    # A is 10, as in base 36; the blank before a single letter counts 36.
    values = [36 if c == " " else ord(c) - 55 for c in letters] + [int(d) for d in number[-6:]]
    total = sum(w * v for w, v in zip(range(9, 1, -1), values, strict=True))
    rest = -total % 11
    return "A" if rest == 10 else str(rest)


def is_taiwan_id(number: str) -> bool:
    """Tell whether a letter and nine digits are a number of Taiwan (weights 1, 9 to 1, 1)."""
    value = _TAIWAN_LETTERS.index(number[0]) + 10
    digits = [int(d) for d in number[1:]]
    total = (
        value // 10
        + value % 10 * 9
        + sum(w * d for w, d in zip((8, 7, 6, 5, 4, 3, 2, 1, 1), digits, strict=True))
    )
    return total % 10 == 0


def find_overseas_mobiles(text: str, low: int, high: int) -> Iterator[tuple[int, int]]:
    """Yield the spans of mobile numbers of Hong Kong, Macao and Taiwan."""
    for match in compile_once(_MOBILE_OVERSEAS).finditer(text, low, high):
        start = match.start()
        # 09 and eight digits begin numbers of many kinds; hyphens are how a telephone number is
        # written.
        if match["tw"] and match["gap"] != "-" and not cue_before(text, start, HANDSET):
            continue
        # Eight digits without a country code may be anything.
        if match["local"] and not cue_before(text, start, HONG_KONG_HANDSET):
            continue
        yield match.span()


def find_us_phones(text: str, low: int, high: int) -> Iterator[tuple[int, int]]:
    """Yield the spans of telephone numbers of North America, written in groups."""
    for match in compile_once(_US).finditer(text, low, high):
        yield match.span()


def find_uk_phones(text: str, low: int, high: int) -> Iterator[tuple[int, int]]:
    """Yield the spans of telephone numbers of the United Kingdom, written in groups."""
    for match in compile_once(_UK).finditer(text, low, high):
        if len(_LONG_DIGITS.findall(match[0])) in _UK_DIGITS:
            yield match.span()
