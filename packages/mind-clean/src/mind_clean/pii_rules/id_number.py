"""Resident identity numbers of the People's Republic: 18 characters, made as GB 11643-1999 says.

The 15 digits of the first generation (no century, no check digit) could be anything: they count
only after a word that says what they are.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date

from mind_clean.pii_rules.context_words import ID_CARD, cue_before
from mind_clean.pii_rules.overseas import find_overseas_ids

_PROVINCE = re.compile("1[1-5]|2[1-3]|3[1-7]|4[1-6]|5[0-4]|6[1-5]|71|8[1-3]")
"""The first two digits of a region (GB/T 2260): 11 Beijing … 65 Xinjiang, 71, 81, 82, 83."""

_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_CHECK_DIGITS = "10X98765432"

# No digit around it, nor a decimal point before; the groups may stand apart.
_CANDIDATE = re.compile(
    r"(?<![0-9])(?<![0-9]\.)"
    r"([1-8][0-9]{5})(?:([ -]?)((?:18|19|20)[0-9]{6})\2([0-9]{3}[0-9Xx])|([0-9]{9}))(?![0-9A-Za-z])"
)


def find_id_numbers(text: str, low: int, high: int) -> Iterator[tuple[int, int]]:
    """Yield the spans of valid numbers: region, date of birth and check digit all hold."""
    for match in _CANDIDATE.finditer(text, low, high):
        region, _, born, rest, legacy = match.groups()
        if legacy is None:
            found = is_id_number(region + born + rest) or (
                is_region(region) and _is_date(born) and cue_before(text, match.start(), ID_CARD)
            )  # a digit may be mistyped, or changed by who wrote it
        else:
            found = is_legacy_number(match[0]) and cue_before(text, match.start(), ID_CARD)
        if found:
            yield match.span()
    yield from find_overseas_ids(text, low, high)


def is_id_number(number: str) -> bool:
    """Say whether 18 characters are a valid number (GB 11643: MOD 11-2 check digit).

    The birthday must be a real date from 1800 to 2099; "until today" would make the result depend
    on the day of the run.
    """
    return (
        is_region(number)
        and _is_date(number[6:14])
        and check_digit(number[:17]) == number[17].upper()
    )


def is_legacy_number(number: str) -> bool:
    """Say whether 15 digits have a known region and a birthday of the 20th century."""
    return is_region(number) and _is_date("19" + number[6:12])


def is_region(digits: str) -> bool:
    """Say whether digits begin with a province of GB/T 2260."""
    return _PROVINCE.match(digits) is not None


def check_digit(digits: str) -> str:
    """Return the check digit of the first 17 digits (ISO 7064 MOD 11-2)."""
    total = sum(w * int(d) for w, d in zip(_WEIGHTS, digits, strict=True))
    return _CHECK_DIGITS[total % 11]


def _is_date(digits: str) -> bool:
    try:
        date(int(digits[:4]), int(digits[4:6]), int(digits[6:]))
    except ValueError:
        return False
    return True
