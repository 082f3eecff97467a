"""Fixed-line numbers of mainland China, and the 400 and 800 numbers of companies.

A fixed line is 0, an area code of the national numbering plan and 7 or 8 digits (8 in the cities
with two-digit codes), perhaps with an extension. A hyphen, brackets or +86 between make it a
telephone number; with a blank or with nothing between, a word before it must say so.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from mind_clean.pii_rules.context_words import TELEPHONE, cue_before, is_order_number

_AREA = (
    "10|2[0-57-9]"
    "|3(?:1[0-9]|35|4[0-9]|5[0-9]|7[0-79]|9[1-8])"
    "|4(?:1[0-9]|2[179]|3[1-9]|5[1-9]|64|6[789]|7[0-9]|8[23])"
    "|5(?:1[0-9]|2[37]|3[0-9]|4[36]|5[0-9]|6[1-6]|7[0-9]|80|9[1-9])"
    "|6(?:3[1-5]|6[0238]|9[12])"
    "|7(?:01|1[0-9]|2[248]|3[0145-9]|4[3-6]|5[0-9]|6[02368]|7[0-9]|9[0-9])"
    "|8(?:1[2368]|2[5-7]|3[0-9]|5[1-9]|7[0-9]|8[3678]|9[1-8])"
    "|9(?:0[1-36-9]|1[1-79]|3[0-9]|41|43|5[1-5]|7[0-79]|9[0-9])"
)
_LANDLINE = re.compile(
    r"(?<![0-9A-Za-z_.])(?<![0-9][\-/])"
    r"(?P<country>\(?(?:\+|00)86\)?[ -]?)?"
    rf"(?P<left>\()?(?P<zero>0)?(?P<area>{_AREA})(?P<gap>\)[ -]?|[ -]{{0,2}})"
    r"(?P<number>[2-8][0-9]{2,3}[ -]?[0-9]{4})"
    r"(?:(?:-| ?(?:转|轉|分机|分機|ext\.?|x|#) ?)[0-9]{1,6})?"
    r"(?![0-9A-Za-z_])(?![.,][0-9])(?!-[0-9])"
)
_LOCAL = re.compile(
    r"(?:电话|電話|座机|座機|传真|傳真|热线|熱線)(?:号码|號碼)?[是为為:： ]{1,3}"
    r"([2-8][0-9]{2,3}-?[0-9]{4})(?![0-9A-Za-z_])(?![.,\-][0-9])"
)
"""Without its area code, right after the word."""

_SERVICE = re.compile(
    r"(?<![0-9A-Za-z_.])(?<![0-9][\-/])"
    r"[48]00(?:(?P<gap>[ -])(?:[0-9]{3}(?P=gap)[0-9]{4}|[0-9]{4}(?P=gap)?[0-9]{3})|[0-9]{7})"
    r"(?![0-9A-Za-z_])(?![.,\-][0-9])"
)


def find_landlines(text: str, low: int, high: int) -> Iterator[tuple[int, int]]:
    """Yield the spans of fixed-line numbers, with country code and extension."""
    for match in _LANDLINE.finditer(text, low, high):
        if _is_landline(text, match):
            yield match.span()
    for match in _LOCAL.finditer(text, low, high):
        yield match.span(1)


def find_service_numbers(text: str, low: int, high: int) -> Iterator[tuple[int, int]]:
    """Yield the spans of 400 and 800 numbers; without hyphens only after a cue word."""
    for match in _SERVICE.finditer(text, low, high):
        if match["gap"] == "-" or cue_before(text, match.start(), TELEPHONE):
            yield match.span()


def _is_landline(text: str, match: re.Match[str]) -> bool:
    gap = match["gap"]
    if not (match["zero"] or match["country"]):
        return False
    # One bracket without the other is a part of the sentence.
    if (match["left"] is not None) != gap.startswith(")"):
        return False
    digits = sum(map(str.isdigit, match["number"]))
    # Cities with two-digit codes (10, 21 …) have eight digits, all others seven or eight.
    if digits != 8 and (len(match["area"]) == 2 or digits != 7):
        return False
    if is_order_number(text, match.start()):
        return False
    joined = match["country"] or match["left"] or gap == "-"
    return bool(joined) or cue_before(text, match.start(), TELEPHONE)
