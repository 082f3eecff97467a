"""Texts of mathematics and code: how many operators they have, and their tokens with symbols."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from mind_core.kernels.hashing import Hashes, finalize_one
from mind_core.kernels.library import kernel

SHORT = 512
"""Tokens up to which every number, symbol and one-letter name of a text has to be the same."""

SHORT_TEX = 1024
"""The same for a text in TeX, in which every word counts."""

WORD = np.uint64(0xFFFFFFFFFFFFFFFE)
"""The lowest bit of a token's hash is 1 for a character of a script without spaces."""

BLOCK = 1 << 16
"""Characters of a token, at most; a longer word goes on as another."""

_ONE, _TWO, _FOUR = np.uint64(1), np.uint64(2), np.uint64(4)
_SIX, _LOW, _BLOCK = np.uint64(6), np.uint64(0x3F), np.uint64(BLOCK)
Bytes = npt.NDArray[np.uint8]


@kernel
def operators(data: Bytes, begin: int, end: int) -> int:
    """Return how many characters of a text say that it is mathematics or code.

    These are + * = < > ^ \\ { and × ÷ ± and the mathematical operators (U+2200 to U+22FF); - and
    / unless they join words or numbers; neither counts what begins a line, as in a list.
    """
    count = 0
    for at in range(begin, end):
        code = data[at]
        if code >= 0x80:
            # By their bytes, without decoding: × is C3 97, ÷ C3 B7, ± C2 B1, and U+2200 to U+22FF
            # are E2 88 80 to E2 8B BF.
            if code == 0xC3:
                count += int(data[at + 1] == 0x97 or data[at + 1] == 0xB7)
            elif code == 0xC2:
                count += int(data[at + 1] == 0xB1)
            elif code == 0xE2:
                count += int(0x88 <= data[at + 1] <= 0x8B)
            elif code == 0xEF and data[at + 1] == 0xBC:  # full width
                # ＋ is EF BC 8B, － is EF BC 8D, and ＜ ＝ ＞ are EF BC 9C to 9E.
                last = data[at + 2]
                count += int(last == 0x8B or last == 0x8D or 0x9C <= last <= 0x9E)
            continue
        # a to z: most bytes, and none of them counts.
        if code >= 0x61 and code < 0x7B:
            continue
        if code == 0x2D or code == 0x2F or code == 0x2A:  # - / *
            before = data[at - 1] if at > begin else np.uint8(0x0A)
            after = data[at + 1] if at + 1 < end else np.uint8(0x0A)
            # well-known, 2024-11-30 and and/or are words, a - b is a difference.
            joins = _is_word(before) and _is_word(after)
            # An item of a list begins its line.
            bullet = before == 0x0A and after == 0x20
            # A sign that is repeated draws a line (----, ****), or is the // of an address.
            rule = before == code or after == code
            if rule and code == 0x2D:  # "--" joins points; a longer run is a rule, " -- " a dash
                first = at - 1 if before == code else at
                left = data[first - 1] if first > begin else np.uint8(0x0A)
                right = data[first + 2] if first + 2 < end else np.uint8(0x0A)
                rule = left == code or right == code or left <= 0x20 or right <= 0x20
            # a*b is a product, though it joins two words as a hyphen does.
            count += int(not (joins and code != 0x2A) and not bullet and not rule)
        elif code == 0x7B:  # {, as in TeX's \frac{a} and at the end of a line
            before = data[at - 1] if at > begin else np.uint8(0x0A)
            count += int(before > 0x20 or (at + 1 < end and data[at + 1] == 0x0A))
        elif (
            code == 0x2B
            or code == 0x3C
            or code == 0x3D
            or code == 0x3E
            or code == 0x5C
            or code == 0x5E
        ):
            count += 1
    return count


@kernel
def _is_word(code: np.uint8) -> bool:
    """Say whether a byte is of a letter or a digit."""
    return bool(
        code >= 0x80 or 0x30 <= code <= 0x39 or 0x41 <= code <= 0x5A or 0x61 <= code <= 0x7A
    )


@kernel
def code_at(data: Bytes, at: np.uint64) -> tuple[np.uint64, np.uint64]:
    """Return the code point that begins at a place, and the place behind it."""
    # Texts were checked when they were read (`json_strings`, or Python's str), so that every lead
    # byte has what has to follow it.
    code = np.uint64(data[at])
    if code < np.uint64(0x80):
        return code, at + _ONE
    second = np.uint64(data[at + _ONE]) & _LOW
    if code < np.uint64(0xE0):
        return ((code & np.uint64(0x1F)) << _SIX) | second, at + _TWO
    third = np.uint64(data[at + _TWO]) & _LOW
    if code < np.uint64(0xF0):
        code = ((code & np.uint64(0x0F)) << _SIX) | second
        return (code << _SIX) | third, at + np.uint64(3)
    code = ((code & np.uint64(0x07)) << _SIX) | second
    code = (((code << _SIX) | third) << _SIX) | (np.uint64(data[at + np.uint64(3)]) & _LOW)
    return code, at + _FOUR


@kernel
def symbol_tokens(
    data: Bytes,
    begin: int,
    end: int,
    kinds: Bytes,
    values: Hashes,
    symbols: Hashes,
    powers: Hashes,
    tokens: Hashes,
) -> tuple[int, np.uint64]:
    """Write the tokens of one text, symbols among them; return how many, and a salt.

    The salt is a sum over numbers, symbols and one-letter names, in TeX over all tokens, so that it
    does not depend on their order; it is 0 for texts of more than `SHORT` (`SHORT_TEX`) tokens.
    """
    found, word, length = np.uint64(0), np.uint64(0), np.uint64(0)
    at, stop, last = np.uint64(begin), np.uint64(end), np.uint64(len(kinds) - 1)
    # Sums do not depend on the order: the same formula set another way is the same.
    salt, everything, digits, tex = np.uint64(0), np.uint64(0), False, False
    while at < stop:
        code, at = code_at(data, at)
        # Tags of emoji flags lie behind the table, whose last entry is a separator's,
        # and are invisible.
        if code >> np.uint64(7) == np.uint64(0xE0000 >> 7):
            continue
        code = min(code, last)
        kind = np.uint64(kinds[code])
        if kind == _FOUR:
            continue
        # A word ends before what is no part of it, or where it is as long as a token may be.
        if length > np.uint64(0) and (kind != _ONE or length == _BLOCK):
            tokens[found] = word & WORD
            found += _ONE
            everything += finalize_one(word & WORD)
            # Numbers and names of one letter (x, n) are what formulas differ in.
            if digits or length == _ONE:
                salt += finalize_one(word & WORD)
            word, length, digits = np.uint64(0), np.uint64(0), False
        if kind == _ONE:
            word += values[code] * powers[length]
            length += _ONE
            plain = np.uint64(0x30) <= code <= np.uint64(0x39)
            if plain or np.uint64(0xFF10) <= code <= np.uint64(0xFF19):
                digits = True
        elif kind == _TWO:
            tokens[found] = values[code] | _ONE
            found += _ONE
            everything += finalize_one(values[code] | _ONE)
        elif symbols[code] != np.uint64(0):
            tokens[found] = symbols[code] & WORD
            found += _ONE
            salt += finalize_one(symbols[code] & WORD)
            everything += finalize_one(symbols[code] & WORD)
        else:
            # A backslash or a dollar sign.
            tex = tex or code == np.uint64(0x5C) or code == np.uint64(0x24)
    if length > np.uint64(0):
        tokens[found] = word & WORD
        found += _ONE
        everything += finalize_one(word & WORD)
        if digits or length == _ONE:
            salt += finalize_one(word & WORD)
    if found > np.uint64(SHORT_TEX if tex else SHORT):
        salt = np.uint64(0)
    # TeX writes symbols as words (\alpha, \sum), so there every token is one.
    elif tex:
        salt = everything
    return int(found), salt
