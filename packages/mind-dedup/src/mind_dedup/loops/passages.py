"""UTF-8 to a hash of every run of so many tokens, of its exact bytes, and where it lies."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from mind_core.kernels.hashing import Hashes, finalize_one
from mind_core.kernels.library import kernel

_FIRST = np.uint64(0xCBF29CE484222325)
_STEP = np.uint64(0x100000001B3)
_BASE, _OTHER_BASE = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xD1B54A32D192ED03)
_SALT = np.uint64(0x8CB92BA72F3D8DD7)
_PART_OF_WORD, _TOKEN, _INVISIBLE = 1, 2, 4

Bytes = npt.NDArray[np.uint8]
Offsets = npt.NDArray[np.int64]


@kernel("i8(u1[], i8[], u1[], i8, i8[], i8[], u8[], u8[], u8[], u8[], i8[], i8[], i8[])")
def passage_windows(
    data: Bytes,
    begins: Offsets,
    kinds: Bytes,
    size: int,
    starts: Offsets,
    stops: Offsets,
    words: Hashes,
    gaps: Hashes,
    hashes: Hashes,
    checks: Hashes,
    firsts: Offsets,
    lasts: Offsets,
    row_ends: Offsets,
) -> int:
    """Write two hashes of each run of `size` tokens, its first byte and the one behind its last.

    A run is hashed with all that stands between its tokens. Text i is
    `data[begins[i] : begins[i + 1]]`; `row_ends` says where its runs end. Returns their number.
    `starts`, `stops`, `words` and `gaps` are scratch, one entry for each byte of the longest text.
    """
    # Rabin-Karp (1987), twice with other bases: two texts of equal 64-bit hash are told from equal
    # ones by the second. base^(n-2) is the weight of the oldest of n - 1 tokens.
    highest, other_highest = np.uint64(1), np.uint64(1)
    for _ in range(size - 2):
        highest *= _BASE
        other_highest *= _OTHER_BASE
    written = 0
    for text in range(len(begins) - 1):
        begin = begins[text]
        count = _tokens(data, begin, begins[text + 1], kinds, starts, stops, words, gaps)
        rolling, other = np.uint64(0), np.uint64(0)  # of the tokens before, with what follows each
        # The last token of a run is hashed without what follows it; those before it with their
        # gaps. So a run is the same whatever stands behind it.
        for place in range(count):
            first = place - size + 1
            if first >= 0:
                hashes[written] = finalize_one(rolling * _BASE + words[place])
                checks[written] = finalize_one(other * _OTHER_BASE + (words[place] ^ _SALT))
                firsts[written] = starts[first] - begin
                lasts[written] = stops[place] - begin
                written += 1
                old = finalize_one(words[first] + gaps[first])
                # Modulo 2^64, where subtraction undoes addition exactly.
                rolling -= old * highest
                other -= finalize_one(old ^ _SALT) * other_highest
            new = finalize_one(words[place] + gaps[place])
            rolling = rolling * _BASE + new
            other = other * _OTHER_BASE + finalize_one(new ^ _SALT)
        row_ends[text] = written
    return written


@kernel
def _tokens(
    data: Bytes,
    begin: int,
    end: int,
    kinds: Bytes,
    starts: Offsets,
    stops: Offsets,
    words: Hashes,
    gaps: Hashes,
) -> int:
    """Write where each token of one text lies, its hash, and that of what follows up to the next.

    A token is a character of a script without spaces, or a run of other letters and digits.
    """
    count, inside, at = 0, False, begin
    hashed = _FIRST
    last = len(kinds) - 1
    while at < end:
        # FNV-1a over the bytes of a token, and over what lies between two tokens.
        code, width = _decoded(data, at)
        kind = int(kinds[min(code, last)])
        # A soft hyphen or U+200B does not end a word. Its bytes are hashed all the same, as
        # passages are compared exactly.
        if inside and kind != _PART_OF_WORD and kind != _INVISIBLE:
            stops[count - 1], words[count - 1] = at, finalize_one(hashed)
            inside, hashed = False, _FIRST
        if kind == _TOKEN or (kind == _PART_OF_WORD and not inside):
            if count > 0:
                # With a salt, so that bytes between two tokens do not hash like the
                # same bytes as a token.
                gaps[count - 1] = finalize_one(hashed ^ _SALT)
            starts[count], hashed = at, _FIRST
            count += 1
            inside = kind == _PART_OF_WORD
        for step in range(width):
            hashed = (hashed ^ np.uint64(data[at + step])) * _STEP
        at += width
        # A character of Chinese is a token by itself, and is closed at once.
        if kind == _TOKEN:
            stops[count - 1], words[count - 1] = at, finalize_one(hashed)
            hashed = _FIRST
    if inside:
        stops[count - 1], words[count - 1] = end, finalize_one(hashed)
        hashed = _FIRST
    if count > 0:
        gaps[count - 1] = finalize_one(hashed ^ _SALT)
    return count


@kernel
def _decoded(data: Bytes, at: int) -> tuple[int, int]:
    """Return the character at a place of UTF-8, and its bytes."""
    code = int(data[at])
    if code < 0x80:
        return code, 1
    if code < 0xE0:
        return (code & 0x1F) << 6 | (int(data[at + 1]) & 0x3F), 2
    if code < 0xF0:
        code = (code & 0x0F) << 12 | (int(data[at + 1]) & 0x3F) << 6
        return code | (int(data[at + 2]) & 0x3F), 3
    code = (code & 0x07) << 18 | (int(data[at + 1]) & 0x3F) << 12
    return code | (int(data[at + 2]) & 0x3F) << 6 | (int(data[at + 3]) & 0x3F), 4
