"""Resident identity numbers of the People's Republic: 18 characters, made as GB 11643-1999 says."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date

_PROVINCES = (
    "11 12 13 14 15 21 22 23 31 32 33 34 35 36 37 41 42 43 44 45 46 50 51 52 53 54 61 62 63 64 65 "
    "71 81 82 83"
)
_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_CHECK_DIGITS = "10X98765432"

_CORE = re.compile("[12][089][0-9]{6}[ -]?[0-9]{3}[0-9Xx]")
"""What every number holds, quick to look for."""

# No digit around it, nor a decimal point before; the groups may stand apart.
_CANDIDATE = re.compile(
    r"(?<![0-9])(?<![0-9]\.)"
    r"([1-8][0-9]{5})([ -]?)((?:18|19|20)[0-9]{6})\2([0-9]{3}[0-9Xx])(?![0-9A-Za-z])"
)


def find_id_numbers(text: str) -> Iterator[tuple[int, int]]:
    """Yield the spans of valid numbers: region, date of birth and check digit all hold."""
    if _CORE.search(text) is None:
        return
    for match in _CANDIDATE.finditer(text):
        if is_id_number(match[1] + match[3] + match[4]):
            yield match.span()


def is_id_number(number: str) -> bool:
    """Say whether 18 characters are a valid number (GB 11643: MOD 11-2 check digit).

    The birthday must be a real date from 1800 to 2099; "until today" would make the result depend
    on the day of the run.
    """
    return (
        number[:2] in _PROVINCES.split()
        and _is_date(number[6:14])
        and check_digit(number[:17]) == number[17].upper()
    )


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
