"""What the characters and words of a block say to the judge of blocks."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from mind_clean.extractors.blocks.page import TEXT_END, Rows
from mind_core.kernels.library import kernel
from mind_core.kernels.packed import Bytes, Offsets

Features = npt.NDArray[np.float32]
Keys = npt.NDArray[np.uint64]
Scores = npt.NDArray[np.int8]

OF_TEXT = 8
"""Where these features begin in the row of a block."""

BUCKETS = 8192
"""Of words that have a score, by their hash."""

_BASIS, _PRIME = np.uint64(0xCBF29CE484222325), np.uint64(0x100000001B3)
_SALT = np.uint64(0x9E3779B97F4A7C15)
_BUCKET_MASK = np.uint64(BUCKETS - 1)
_MAX_SCORED_BYTES = 240
"""Bytes: of longer texts only the words at the beginning have a score."""


@kernel("i8(u1[], i8, i8, i8[])")
def word_buckets(text: Bytes, start: int, end: int, buckets: Offsets) -> int:
    """Write the buckets of the first words and pairs of words of a text; return how many.

    A word is a run of letters and digits, in small letters and with 0 for each digit; of Chinese,
    pairs of characters are taken. The first word's bucket comes first.
    """
    found, at = 0, start  # `found`: buckets written so far
    end = min(end, start + _MAX_SCORED_BYTES)
    before = _BASIS  # the hash of the word, or of the Chinese character, before
    word, in_word = _BASIS, False  # the hash of the word that is being read (FNV-1a)
    max_found = len(buckets) - 2  # a word writes two
    while at < end and found < max_found:
        byte = text[at]
        letter, step = False, 1
        if byte < 0x80:
            if byte >= 48 and byte <= 57:
                byte, letter = np.uint8(48), True  # years, dates and times of one form are one word
            elif byte >= 65 and byte <= 90:
                byte, letter = byte | np.uint8(32), True
            else:
                letter = byte >= 97 and byte <= 122
        elif byte < 0xE0:
            # C2 leads in U+0080 to 00BF, controls and signs; what follows is mostly letters.
            step, letter = 2, byte != 0xC2
        else:
            step = 3 if byte < 0xF0 else 4
        if letter:
            word = (word ^ np.uint64(byte)) * _PRIME
            if step == 2:
                word = (word ^ np.uint64(text[at + 1])) * _PRIME
            in_word = True
        if in_word and (not letter or at + step >= end):
            buckets[found] = _bucket(word)
            buckets[found + 1] = _bucket(word * _SALT ^ before)
            found += 2
            before, word, in_word = word, _BASIS, False
        if step == 3:
            here = np.uint64(byte) << np.uint64(16) | np.uint64(text[at + 1]) << np.uint64(8)
            here |= np.uint64(text[at + 2])
            buckets[found] = _bucket(here * _SALT ^ before)
            found += 1
            before = here
        at += step
    return found


@kernel
def _bucket(key: np.uint64) -> int:
    mixed = key * _SALT
    mixed ^= mixed >> np.uint64(29)
    return np.int64(mixed >> np.uint64(7) & _BUCKET_MASK)  # type: ignore[return-value]


@kernel
def write_text_features(blocks: Rows, text: Bytes, word_scores: Scores, out: Features) -> None:
    """Write what the characters and words of each block say."""
    count = len(blocks)
    slots = 4
    while slots < 2 * count:
        slots *= 2
    # A hash table of the texts of the page: what it repeats word for word ("Reply", "Share") is
    # seldom its main text.
    keys, times = np.zeros(slots, np.uint64), np.zeros(slots, np.int64)
    slot_of = np.zeros(count, np.int64)
    buckets = np.empty(2 * _MAX_SCORED_BYTES, np.int64)
    start = 0
    for block in range(count):
        end = blocks[block, TEXT_END]
        row = out[block]
        slot = _slot_of_text(text, start, end, keys)
        times[slot] += 1
        slot_of[block] = slot
        _count_characters(text, start, end, row)
        scored, found = 0, word_buckets(text, start, end, buckets)
        total, lowest, highest = 0, 0, 0
        for place in range(found):
            score = int(word_scores[buckets[place]])
            if score != 0:
                total += score
                scored += 1
                lowest, highest = min(lowest, score), max(highest, score)
        row[OF_TEXT + 6] = total
        row[OF_TEXT + 7] = lowest
        row[OF_TEXT + 8] = highest
        row[OF_TEXT + 9] = total / max(1, scored)
        row[OF_TEXT + 16] = word_scores[buckets[0]] if found else 0
        start = end
    for block in range(count):
        out[block, OF_TEXT + 17] = times[slot_of[block]]


@kernel
def _slot_of_text(text: Bytes, start: int, end: int, keys: Keys) -> int:
    """Return the place of a text in a hash table."""
    key = _BASIS
    for at in range(start, end):
        key = (key ^ np.uint64(text[at])) * _PRIME
    mask = np.uint64(len(keys) - 1)
    slot = np.int64((key ^ (key >> np.uint64(32))) & mask)
    while keys[slot] != np.uint64(0) and keys[slot] != key:
        slot = (slot + np.int64(1)) & np.int64(len(keys) - 1)
    keys[slot] = key
    return slot  # type: ignore[return-value]


@kernel
def _count_characters(text: Bytes, start: int, end: int, row: Features) -> None:
    """Write counts and shares of kinds of characters."""
    digits, capitals, stops, commas, words, wide, rights, ats = 0, 0, 0, 0, 0, 0, 0, 0
    at, in_word = start, False
    while at < end:
        byte = text[at]
        letter, step = False, 1
        if byte < 0x80:
            if byte >= 48 and byte <= 57:
                digits += 1
                letter = True
            elif byte >= 65 and byte <= 90:
                capitals += 1
                letter = True
            elif byte >= 97 and byte <= 122:
                letter = True
            elif byte == 46 or byte == 33 or byte == 63:
                stops += 1
            elif byte == 44 or byte == 59:
                commas += 1
            ats += byte == 64
        elif byte < 0xE0:
            step, letter = 2, True
            # ©, as in a line of rights at the foot of a page.
            rights += byte == 0xC2 and text[at + 1] == 0xA9
        elif byte < 0xF0:
            step = 3
            second, third = text[at + 1], text[at + 2]
            # 。 and ，
            stops += byte == 0xE3 and second == 0x80 and third == 0x82
            commas += byte == 0xEF and second == 0xBC and third == 0x8C
            wide += byte >= 0xE4 and byte <= 0xE9
        else:
            step = 4
        words += letter and not in_word
        in_word = letter
        at += step
    length = max(1, end - start)
    last = text[end - 1] if end > start else np.uint8(0)
    # A full stop, !, ? or a closing quotation mark; below, 。
    ended = last == 46 or last == 33 or last == 63 or last == 34
    if end - start >= 3 and text[end - 3] == 0xE3 and text[end - 2] == 0x80:
        ended = ended or text[end - 1] == 0x82
    # Two Chinese characters count as a word.
    words += wide // 2
    row[OF_TEXT] = words
    row[OF_TEXT + 1] = digits / length
    row[OF_TEXT + 2] = capitals / length
    row[OF_TEXT + 3] = stops
    row[OF_TEXT + 4] = commas
    # The length is in bytes, and a Chinese character has three.
    row[OF_TEXT + 5] = wide * 3 / length
    row[OF_TEXT + 10] = rights
    row[OF_TEXT + 11] = ats
    row[OF_TEXT + 12] = ended
    # A colon announces what follows: a list, an example.
    row[OF_TEXT + 13] = last == 58
    row[OF_TEXT + 14] = digits
    row[OF_TEXT + 15] = length / max(1, words)
