"""Hash every run of n tokens of a text, straight from its UTF-8.

A token is one Chinese or Japanese character, or one word: letters and digits of any other script.
So a run of 13 tokens is 13 characters of Chinese and 13 words of English, and a mixed text needs
no language. Case and width of Latin letters do not count, nor does what stands between tokens. A
NUL byte breaks: no run goes across it.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from mind_core.kernels.library import kernel
from mind_core.kernels.packed import Bytes, Offsets

Hashes = npt.NDArray[np.uint64]
Heads = npt.NDArray[np.uint32]

# Odd, so that no token of the run is multiplied out of the 64 bits: 2^64 by the golden ratio. The
# next two are FNV-1a's offset and prime for 64 bits, the last a constant of MurmurHash3.
_BASE = np.uint64(0x9E3779B97F4A7C15)
_FIRST = np.uint64(0xCBF29CE484222325)
_STEP = np.uint64(0x100000001B3)
_MIX = np.uint64(0xFF51AFD7ED558CCD)
_HALF = np.uint64(32)
_SEVEN = np.uint64(7)

# What `_kind` returns.
_BREAK, _GAP, _WORD, _SINGLE = 0, 1, 2, 3


@kernel
def _mixed(value: np.uint64) -> np.uint64:
    # The bit table takes the low bits of a hash and the head table the high ones: both must depend
    # on all of its bits.
    value = (value ^ (value >> _HALF)) * _MIX
    return value ^ (value >> _HALF)


@kernel
def _plain(code: int) -> int:
    """Return a code point with plain width and lower case, as far as ASCII goes."""
    # Wide digits and letters, ０ to ９, Ａ to Ｚ, ａ to ｚ, stand 0xFEE0 above those of ASCII.
    if 0xFF10 <= code <= 0xFF19 or 0xFF21 <= code <= 0xFF3A or 0xFF41 <= code <= 0xFF5A:
        code -= 0xFEE0
    if 65 <= code <= 90:
        code += 32
    return code


@kernel
def _kind(code: int) -> int:
    """Say what a code point is: a break, a gap, part of a word, or a token of its own."""
    if code < 0x80:
        if code == 0:
            return _BREAK
        return _WORD if 48 <= code <= 57 or 97 <= code <= 122 else _GAP
    # Signs of Latin-1; × and ÷ stand among its letters.
    if code < 0xC0 or code == 0xD7 or code == 0xF7:
        return _GAP
    if code < 0x2000:
        return _WORD
    # 々〆〇, kana, Han with extension A; the same ranges as `tokens.SINGLE_RANGES`.
    if 0x3005 <= code <= 0x3007 or 0x3041 <= code <= 0x30FA or 0x3400 <= code <= 0x9FFF:
        return _SINGLE
    if 0xF900 <= code <= 0xFAFF or code >= 0x20000:
        return _SINGLE
    # U+2000 to U+2BFF are punctuation, arrows, mathematics and boxes; ・ separates words in kana.
    if code < 0x2C00 or 0x3000 <= code <= 0x303F or code == 0x30FB:
        return _GAP
    # Surrogates, private use, forms for compatibility, which folding has replaced, and emoji.
    if 0xD800 <= code <= 0xF8FF or code >= 0xFE10:
        return _GAP
    return _WORD


@kernel("(i8, i8)(u1[], i8, u8[], u4[], u1[], u8[], i8[], i8[])")
def token_ngrams(
    data: Bytes,
    n: int,
    known: Hashes,
    heads: Heads,
    bits: Bytes,
    found: Hashes,
    starts: Offsets,
    ends: Offsets,
) -> tuple[int, int]:
    """Write what is known of the runs of n tokens, with the first and last byte of each.

    `known` are sorted hashes, of which the place is written; `bits` tells quickly of most others
    that they are not there, and `heads` where those with the same high part begin. Without any
    known, the hash of every run is written. The outputs hold as many entries as `data` has bytes.
    Returns how many were written, and how many runs there are.
    """
    # The last n tokens and where they begin: what leaves the run is subtracted from the rolling
    # hash.
    ring, begins = np.zeros(n, np.uint64), np.zeros(n, np.int64)
    highest = np.uint64(1)
    # base^n is the weight of the token that leaves.
    for _ in range(n):
        highest *= _BASE
    size = len(data)
    rolling, word = np.uint64(0), _FIRST
    written = total = count = slot = position = begin = 0
    inside = False
    # Where the loop stands: `word` is the hash of the word that began at `begin`, if one is
    # `inside`; `ring[slot]` the oldest of the last n tokens; `count` those since the last break.
    while position <= size:
        # A blank behind the end closes the word with which a text ends.
        code, width = _decoded(data, position) if position < size else (32, 1)
        kind = _kind(code)
        if kind == _WORD:
            if not inside:
                inside, begin, word = True, position, _FIRST
            # FNV-1a over code points, folded: case and width do not count.
            word = (word ^ np.uint64(code)) * _STEP
            position += width
            continue
        # First the word that ends here, then the character that is a token itself.
        for turn in range(0 if inside else 1, 2 if kind == _SINGLE else 1):
            token = _mixed(word if turn == 0 else _FIRST + np.uint64(code))
            # token 1 · base^(n-1) + … + token n, all modulo 2^64: each step takes in one and drops
            # one, so that a run costs the same for any n.
            rolling = rolling * _BASE + token - highest * ring[slot]
            ring[slot] = token
            begins[slot] = begin if turn == 0 else position
            # The slot of the oldest token is the next one to be written over: it is where a run
            # begins.
            slot = slot + 1 if slot + 1 < n else 0
            count += 1
            if count >= n:
                total += 1
                value = _mixed(rolling)
                place = _place(value, known, heads, bits)
                if place >= 0:
                    found[written] = np.uint64(place) if len(known) else value
                    starts[written] = begins[slot]
                    # A word ended before this character; a token of its own ends behind it.
                    ends[written] = position + (width if turn else 0)
                    written += 1
        inside = False
        if kind == _BREAK:
            count, rolling = 0, np.uint64(0)
            # No run goes across a break.
            ring[:] = 0
        position += width
    return written, total


@kernel
def _place(value: np.uint64, known: Hashes, heads: Heads, bits: Bytes) -> int:
    """Return where a hash stands among the known ones; -1 if nowhere, 0 if none is known."""
    if len(known) == 0:
        return 0
    # A Bloom filter with one hash rules out most runs with one load.
    bit = value & np.uint64(len(bits) * 8 - 1)
    if not bits[bit >> np.uint64(3)] >> np.uint8(bit & _SEVEN) & 1:
        return -1
    # Hashes are uniform: their upper half says nearly where they stand in the sorted list.
    high_part = (value >> _HALF) * np.uint64(len(heads) - 1) >> _HALF
    for place in range(heads[high_part], heads[high_part + np.uint64(1)]):
        if known[place] == value:
            return place
    return -1


@kernel
def _decoded(data: Bytes, position: int) -> tuple[int, int]:
    """Return the code point at a position, folded, and its bytes; what is no UTF-8 is a gap."""
    size = len(data)
    first = int(data[position])
    if first < 0x80:
        return _plain(first), 1
    # Three bytes first, as most characters of Chinese have them.
    if first >= 0xE0 and first < 0xF0 and position + 2 < size:
        code = (first & 0x0F) << 12 | (int(data[position + 1]) & 0x3F) << 6
        return _plain(code | (int(data[position + 2]) & 0x3F)), 3
    # So would a continuation byte (0x80 to 0xBF), but no character of a text begins with one.
    if first < 0xE0 and position + 1 < size:
        return (first & 0x1F) << 6 | (int(data[position + 1]) & 0x3F), 2
    if position + 3 < size:
        code = (first & 0x07) << 18 | (int(data[position + 1]) & 0x3F) << 12
        code |= (int(data[position + 2]) & 0x3F) << 6
        return code | (int(data[position + 3]) & 0x3F), 4
    return 32, 1
