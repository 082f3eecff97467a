"""Texts to sets of shingles, a whole batch at a time and with no knowledge of languages.

A Chinese character or a kana is a token, and so is a run of letters and digits. Five tokens in a
row are a shingle; a text with fewer is one shingle as a whole. A shingle is a 64-bit hash of which
the set keeps the 30 upper bits, and its kind: two sets of n shingles agree by accident in n²/2³⁰.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import xxhash

from mind_core.kernels.hashing import Hashes, finalize
from mind_core.kernels.packed import Packed, pack
from mind_dedup.char_folding import nfc, tables
from mind_dedup.loops.shingles import SHINGLE_TOKENS, fill_shingle_sets
from mind_dedup.loops.sorting import MAX_BUCKETS
from mind_dedup.loops.symbols import BLOCK

TOKENS_PER_SYMBOL = 12
"""Texts with so many tokens for each operator, or fewer, are mathematics or code."""

BASE = 0x9E3779B97F4A7C15


def _powers(base: int, count: int) -> Hashes:
    steps = np.full(count, base & (2**64 - 1), np.uint64)
    steps[0] = 1
    return np.cumprod(steps, dtype=np.uint64)


POWERS = _powers(BASE, BLOCK + 1)
PLACES = finalize(np.arange(1, SHINGLE_TOKENS + 1, dtype=np.uint64)) | np.uint64(1)

Offsets = npt.NDArray[np.int64]


@dataclass(frozen=True)
class ShingleSets:
    """Hold one sorted set of 32-bit shingles per text, laid end to end.

    `offsets` has one more entry than there are texts; text i owns
    `flat[offsets[i] : offsets[i + 1]]`, which is never empty.
    """

    flat: npt.NDArray[np.uint32]
    offsets: Offsets

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def __getitem__(self, row: int) -> npt.NDArray[np.uint32]:
        return self.flat[self.offsets[row] : self.offsets[row + 1]]

    def rows(self) -> npt.NDArray[np.int64]:
        """Return the row that each shingle belongs to."""
        return np.repeat(np.arange(len(self)), np.diff(self.offsets))


def shingle_sets(
    packed: Packed, whole: Hashes, *, symbols: bool = True, facts: bool = True
) -> ShingleSets:
    """Return the shingle sets of texts in composed form; `whole` are the hashes of the texts.

    With `symbols`, those of a text count if it has one for every `TOKENS_PER_SYMBOL` tokens; if it
    is short, too, no text with other numbers, symbols or one-letter names has any shingle of its. A
    text without any token has the upper half of its own hash for its set.

    With `facts`, the numbers and words in capitals of other short texts and of statutes are members
    as well. The two lowest bits of a member say what it is, see `loops.facts`.
    """
    kinds, values, symbol_values, marks = tables()
    texts = len(packed.offsets) - 1
    # A byte is a token at most, and a token may be followed by a fact.
    longest = 2 * int(np.diff(packed.offsets).max(initial=0)) + 2
    offsets = np.zeros(texts + 1, np.int64)
    # A text without a token still has one member.
    flat = np.empty(2 * len(packed.data) + texts, np.uint32)
    size = fill_shingle_sets(
        packed.data, packed.offsets, kinds, values, POWERS, PLACES,
        symbol_values, marks, TOKENS_PER_SYMBOL if symbols else 0, int(facts), whole,
        np.empty(longest, np.uint64), np.empty(longest, np.uint32), np.empty(longest, np.uint32),
        np.empty(MAX_BUCKETS + 1, np.uint32), flat, offsets,
    )  # fmt: skip
    # A copy, so that the array of twice the text's size can go.
    return ShingleSets(flat[:size].copy(), offsets)


def shingle_sets_of(
    texts: Sequence[str], *, symbols: bool = True, facts: bool = True
) -> ShingleSets:
    """Return the shingle sets of some texts, in whatever form they are."""
    packed = pack([nfc(text) for text in texts])
    data, ends = memoryview(packed.data.data), packed.offsets.tolist()
    whole = [xxhash.xxh3_64_intdigest(data[a:b]) for a, b in itertools.pairwise(ends)]
    return shingle_sets(packed, np.array(whole, np.uint64), symbols=symbols, facts=facts)
