"""Payment card numbers: 16 to 19 digits with the check digit of ISO/IEC 7812 (Luhn).

One number in ten passes the check by chance, so the issuer's prefix must speak for it too: that of
UnionPay alone, those of the other schemes only for 16 digits in fours, as they are printed. Any
other number needs a word before it that says what it is.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from mind_clean.pii_rules.context_words import CARD, cue_before, is_order_number

# Whole, in fours, or 6 + 10 to 13 digits; with no digit, letter or decimal point beside it.
_CANDIDATE = re.compile(
    r"(?<![0-9A-Za-z_])(?<![0-9][.,\-])(?<![0-9] )"
    r"(?:[1-9][0-9]{15,18}"
    r"|[1-9][0-9]{3}(?P<gap>[ -])[0-9]{4}(?P=gap)[0-9]{4}(?P=gap)[0-9]{4}(?:(?P=gap)[0-9]{1,3})?"
    r"|[1-9][0-9]{5} [0-9]{10,13})"
    r"(?![0-9A-Za-z_])(?![.\-][0-9])(?! [0-9])"
)
_UNION_PAY = re.compile("62")
_OTHER_SCHEMES = re.compile(
    "4|5[1-5]|222[1-9]|22[3-9]|2[3-6]|27[01]|2720|352[89]|35[3-8]|6011|64[4-9]|65"
)
"""Visa, Mastercard (two ranges), JCB, Discover."""


def find_bank_cards(text: str, low: int, high: int) -> Iterator[tuple[int, int]]:
    """Yield the spans of card numbers: check digit, and prefix or cue word."""
    for match in _CANDIDATE.finditer(text, low, high):
        digits = match[0].replace(" ", "").replace("-", "")
        if luhn_holds(digits) and _is_card(text, match, digits):
            yield match.span()


def luhn_holds(digits: str) -> bool:
    """Say whether the last digit is the check digit of the others (ISO/IEC 7812-1, annex B)."""
    total = 0
    for place, digit in enumerate(map(int, reversed(digits))):
        doubled = digit * 2 if place % 2 else digit
        total += doubled - 9 if doubled > 9 else doubled
    return total % 10 == 0


def _is_card(text: str, match: re.Match[str], digits: str) -> bool:
    if cue_before(text, match.start(), CARD):
        return True
    if is_order_number(text, match.start()):
        return False
    if _UNION_PAY.match(digits):
        return True
    return bool(match["gap"] and len(digits) == 16 and _OTHER_SCHEMES.match(digits))
