"""UTF-8 to sorted sets of shingles: one pass for tokens, one for shingles, two to sort."""

# Indices are unsigned throughout: a signed one costs a test for a negative value at each access.

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from mind_core.kernels.hashing import Hashes, finalize_one
from mind_core.kernels.library import kernel
from mind_dedup.loops.facts import (
    CHARACTERS,
    KIND,
    LETTERS,
    find_facts,
    has_facts,
    write_facts,
)
from mind_dedup.loops.sorting import sorted_distinct
from mind_dedup.loops.symbols import BLOCK, WORD, operators, symbol_tokens

SHINGLE_TOKENS = 5

_ONE, _TWO, _THREE = np.uint64(1), np.uint64(2), np.uint64(3)
_FOUR, _SIX, _LOW = np.uint64(4), np.uint64(6), np.uint64(0x3F)
_TAGS = np.uint64(0xE0000 >> 7)
"""Where format characters lie behind the tables: the tags of emoji flags."""
_BLOCK, _RUN = np.uint64(BLOCK), np.uint64(1 << 12)


@kernel(
    "i8(u1[], i8[], u1[], u8[], u8[], u8[], u8[], u1[], i8, i8, u8[], u8[], u4[], u4[], u4[], "
    "u4[], i8[])"
)
def fill_shingle_sets(
    data: npt.NDArray[np.uint8],
    begins: npt.NDArray[np.int64],
    kinds: npt.NDArray[np.uint8],
    values: Hashes,
    powers: Hashes,
    places: Hashes,
    symbols: Hashes,
    marks: npt.NDArray[np.uint8],
    tokens_per_symbol: int,
    compare_facts: int,
    whole: Hashes,
    tokens: Hashes,
    shingles: npt.NDArray[np.uint32],
    sorting: npt.NDArray[np.uint32],
    ends: npt.NDArray[np.uint32],
    flat: npt.NDArray[np.uint32],
    offsets: npt.NDArray[np.int64],
) -> int:
    """Write the sets of all texts end to end; return their size. See `shingles.shingle_sets`."""
    at = 0
    for text in range(len(begins) - 1):
        # `salt` sets texts of mathematics and code apart whose symbols differ: sets with other
        # salts share nothing.
        begin, end, salt = begins[text], begins[text + 1], np.uint64(0)
        found = _tokens(data, begin, end, kinds, values, powers, tokens)
        facts = compare_facts > 0 and found > 0 and has_facts(data, begin, end, found)
        if tokens_per_symbol > 0:
            many = operators(data, begin, end)
            # Only a text with an operator in so many tokens is taken for mathematics or code.
            if many > 0 and many * tokens_per_symbol >= found:
                found, salt = symbol_tokens(
                    data, begin, end, kinds, values, symbols, powers, tokens
                )
                facts = False
        if found == 0:
            # A text without a token is compared as a whole: its one member is the hash of its
            # bytes.
            flat[at] = np.uint32(whole[text] >> np.uint64(32)) & ~KIND
            at += 1
        else:
            size = _shingles(tokens, found, places, shingles, salt)
            if facts:
                count = find_facts(data, begin, end, kinds, values, marks, tokens)
                size = write_facts(tokens, count, shingles, size)
            at = sorted_distinct(shingles, size, ends, sorting, flat, at)
        offsets[text + 1] = at
    return at


@kernel
def _tokens(
    data: npt.NDArray[np.uint8],
    begin: int,
    end: int,
    kinds: npt.NDArray[np.uint8],
    values: Hashes,
    powers: Hashes,
    tokens: Hashes,
) -> int:
    """Write the hash of each token of one text and return how many there are.

    A token is written at each character and counts if the word ends there: where words end cannot
    be foretold, and a wrong guess costs more than all the rest.
    """
    # State: tokens written, hash of the word in progress (a polynomial in `powers`), its length.
    found, word, length = np.uint64(0), np.uint64(0), np.uint64(0)
    at, stop = np.uint64(begin), np.uint64(end)
    last = np.uint64(len(kinds) - 1)
    while at < stop:
        # Runs of ASCII have a loop of their own, where a character is one load and no kind; it may
        # not reach the limit of a word's length.
        if length < _BLOCK - _RUN:
            at, found, word, length = _ascii(
                data, at, min(at + _RUN, stop), values, powers, tokens, found, word, length
            )
            if at == stop:
                break
        code = np.uint64(data[at])
        if code < np.uint64(0x80):
            at += _ONE
        elif code < np.uint64(0xE0):
            code = ((code & np.uint64(0x1F)) << _SIX) | (np.uint64(data[at + _ONE]) & _LOW)
            at += _TWO
        elif code < np.uint64(0xF0):
            code = ((code & np.uint64(0x0F)) << _SIX) | (np.uint64(data[at + _ONE]) & _LOW)
            code = (code << _SIX) | (np.uint64(data[at + _TWO]) & _LOW)
            at += _THREE
        else:
            code = ((code & np.uint64(0x07)) << _SIX) | (np.uint64(data[at + _ONE]) & _LOW)
            code = (code << _SIX) | (np.uint64(data[at + _TWO]) & _LOW)
            code = (code << _SIX) | (np.uint64(data[at + _THREE]) & _LOW)
            at += _FOUR
            if code >> np.uint64(7) == _TAGS:
                continue
            code = min(code, last)
        kind = np.uint64(kinds[code])
        if kind == _FOUR:  # INVISIBLE
            continue
        inside = kind & _ONE  # PART_OF_WORD
        # All bits inside of a word, else none: `& mask` begins a new word without a branch.
        mask = np.uint64(0) - inside
        # Written at each character, counted only where a word ends (see above).
        tokens[found] = word & WORD
        found += np.uint64(length > np.uint64(0)) & (inside ^ _ONE)
        if length == _BLOCK:  # a word longer than a block goes on as another token
            if inside:
                found += _ONE
            word, length = np.uint64(0), np.uint64(0)
        value = values[code]
        word = (word + value * powers[length]) & mask
        length = (length + _ONE) & mask
        # The lowest bit marks a token of one character, from which a shingle's kind is made.
        tokens[found] = value | _ONE
        found += kind >> _ONE  # TOKEN
    tokens[found] = word & WORD
    found += np.uint64(length > np.uint64(0))
    return int(found)


@kernel
def _ascii(
    data: npt.NDArray[np.uint8],
    at: np.uint64,
    stop: np.uint64,
    values: Hashes,
    powers: Hashes,
    tokens: Hashes,
    found: np.uint64,
    word: np.uint64,
    length: np.uint64,
) -> tuple[np.uint64, np.uint64, np.uint64, np.uint64]:
    """Do the same for ASCII up to `stop`: every character is of a word or separates words."""
    before = np.uint64(length > np.uint64(0))
    while at < stop and data[at] < 0x80:
        value = values[np.uint64(data[at])]
        # Nothing of ASCII is invisible, so a value of 0 is a separator's.
        inside = np.uint64(value != np.uint64(0))
        mask = np.uint64(0) - inside
        tokens[found] = word & WORD
        found += before & ~inside
        word = (word + value * powers[length]) & mask
        length = (length + _ONE) & mask
        before = inside
        at += _ONE
    return at, found, word, length


@kernel
def _shingles(
    tokens: Hashes, found: int, places: Hashes, shingles: npt.NDArray[np.uint32], salt: np.uint64
) -> int:
    """Write the shingles of one text and return how many there are; few tokens are one.

    The two lowest bits of a shingle are its kind. Texts with other salts have none in common.
    """
    if found < SHINGLE_TOKENS:
        total = salt
        # Weights by position, so that the order of tokens counts.
        for place in range(found):
            total += tokens[place] * places[place]
        shingles[0] = np.uint32(finalize_one(total) >> np.uint64(32)) & ~KIND
        return 1
    # In registers: the compiler cannot know that no store below changes `places`.
    first, second, third, fourth, fifth = places[0], places[1], places[2], places[3], places[4]
    size = found - SHINGLE_TOKENS + 1
    for row in range(np.uint64(size)):
        total = salt + tokens[row] * first + tokens[row + _ONE] * second
        total += tokens[row + _TWO] * third + tokens[row + _THREE] * fourth
        total += tokens[row + np.uint64(4)] * fifth
        # The lowest bits say of which script a token is: their and is 1 if all five are characters,
        # their or is 0 if all are words.
        every, some = tokens[row] & tokens[row + _ONE], tokens[row] | tokens[row + _ONE]
        every &= tokens[row + _TWO] & tokens[row + _THREE] & tokens[row + _FOUR]
        some |= tokens[row + _TWO] | tokens[row + _THREE] | tokens[row + _FOUR]
        kind = np.uint32(every & _ONE) * CHARACTERS + np.uint32(~some & _ONE) * LETTERS
        shingles[row] = (np.uint32(finalize_one(total) >> np.uint64(32)) & ~KIND) | kind
    return size
