"""Unified social credit codes of organisations: 18 characters, made as GB 32100-2015 says."""

from __future__ import annotations

import re
from collections.abc import Iterator

from mind_clean.pii_rules.context_words import CREDIT_CODE, cue_before
from mind_clean.pii_rules.id_number import is_region

_ALPHABET = "0123456789ABCDEFGHJKLMNPQRTUWXY"
"""No I, O, S, V, Z."""

_VALUES = {character: value for value, character in enumerate(_ALPHABET)}
_WEIGHTS = tuple(pow(3, place, 31) for place in range(17))
_CANDIDATE = re.compile(
    rf"(?<![0-9A-Za-z_])(?<![0-9][.\-])[1-9ANY][1-9A][0-9]{{6}}[{_ALPHABET}]{{10}}(?![0-9A-Za-z_])"
)


def find_credit_codes(text: str, low: int, high: int) -> Iterator[tuple[int, int]]:
    """Yield the spans of valid codes: authority, region and check character all hold.

    Eighteen mere digits are too often something else: they need a word before them.
    """
    for match in _CANDIDATE.finditer(text, low, high):
        if is_credit_code(match[0]) and (
            not match[0].isdigit() or cue_before(text, match.start(), CREDIT_CODE)
        ):
            yield match.span()


def is_credit_code(code: str) -> bool:
    """Say whether 18 characters are a valid code (GB 32100: check character modulo 31).

    The region is one of GB/T 2260, or 10 for what is registered with the state itself.
    """
    region = code[2:4]
    return (is_region(region) or region == "10") and check_character(code[:17]) == code[17]


def check_character(body: str) -> str:
    """Return the check character of the first 17 (weights 3^i mod 31)."""
    total = sum(w * _VALUES[c] for w, c in zip(_WEIGHTS, body, strict=True))
    return _ALPHABET[-total % 31]
