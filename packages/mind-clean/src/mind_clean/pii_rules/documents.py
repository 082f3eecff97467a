"""Passports, and licence plates of mainland China."""

from __future__ import annotations

import re
from collections.abc import Iterator

from mind_clean.pii_rules.context_words import PASSPORT, TAIWAN_PERMIT, VEHICLE, cue_before

_PASSPORT = re.compile(
    r"(?<![0-9A-Za-z_.\-])(?:[A-Z][0-9]{8}|[HM][0-9]{10}|[A-Z]{2}[0-9]{7}|[0-9]{8,9}|[0-9]{10}\([A-Z0-9]\))(?![0-9A-Za-z_])(?!\.[0-9])"
)

_PASSPORT_DIGITS = 9
_PROVINCES = "京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼"
_WORDS_TOO = "新云青宁贵吉川"
"""Provinces whose character is also an everyday word: 新GB2312 is no plate."""

_LETTER = "A-HJ-NP-Z"
_PLATE_CORE = re.compile(f"[{_LETTER}](?<=[{_PROVINCES}].)")
_PLATE = re.compile(
    rf"([{_PROVINCES}])[{_LETTER}]([·•・‧. ]?)"
    rf"([{_LETTER}0-9]{{4}}[{_LETTER}0-9挂学警港澳]|[{_LETTER}][{_LETTER}0-9][0-9]{{4}}|[0-9]{{5}}[{_LETTER}])"
    r"(?![0-9A-Za-z])"
)
_VEHICLE_AFTER = re.compile("号?[^，。；\n]{0,6}(?:车|車|号牌)")
_MAX_LETTERS = 2


def find_passports(text: str, low: int, high: int) -> Iterator[tuple[int, int]]:
    """Yield the spans of passport and travel permit numbers, which need a cue word before them.

    A letter and 8 digits or two letters and 7 are China's forms, 9 digits those of other states;
    H or M and 8 or 10 digits are permits of Hong Kong and Macao, 8 digits (or 10 and a version)
    those of Taiwan.
    """
    for match in _PASSPORT.finditer(text, low, high):
        number = match[0]
        # Of digits alone, nine are a foreign passport; eight, or ten with a version, a permit of
        # Taiwan.
        permit = number[0].isdecimal() and len(number) != _PASSPORT_DIGITS
        if cue_before(text, match.start(), TAIWAN_PERMIT if permit else PASSPORT):
            yield match.span()


def find_plates(text: str, low: int, high: int) -> Iterator[tuple[int, int]]:
    """Yield the spans of licence plates (GA 36-2018), those of new-energy cars too."""
    # The pattern begins with a Latin letter, so that the search leaps over Chinese text.
    if text.isascii() or _PLATE_CORE.search(text, low, high) is None:
        return
    for match in _PLATE.finditer(text, low, high):
        # Behind province and letter a plate has at most two letters; more are a word or a model.
        if sum(map(str.isascii, filter(str.isalpha, match[3]))) > _MAX_LETTERS:
            continue
        clear = match[2] in tuple("·•・‧") or match[1] not in _WORDS_TOO
        if clear or cue_before(text, match.start(), VEHICLE) or _VEHICLE_AFTER.match(
            text, match.end()
        ):  # fmt: skip
            yield match.span()
