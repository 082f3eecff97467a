"""An index of the n-grams of tokens of many texts, in which those of others are looked up.

`mind-clean contamination` and `mind-eval --contamination` ask it, so they agree about any two
texts; see `tokens` for what a token is. They differ in their rule only: how much of one benchmark
text a page holds, or whether training text holds any n-gram of an item.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from mind_core.kernels.packed import Bytes, Offsets, encode
from mind_core.text.token_ngrams import Hashes, Heads, token_ngrams
from mind_core.text.tokens import fold_rare

Counts = npt.NDArray[np.int32]
Owners = npt.NDArray[np.uint32]

# The table has a bit for each value of so many times the n-grams, rounded up to a power of two: a
# mask finds the place. Below, 64 Ki bits fit into the first cache of any processor.
_BITS_PER_NGRAM = 16
_NGRAMS_PER_HEAD = 4
_MIN_BITS = 1 << 16
_NONE = np.empty(0, np.uint64)
_NO_HEADS = np.zeros(1, np.uint32)
_NO_BITS = np.empty(0, np.uint8)
_NOTHING = _NONE, np.empty(0, np.int32), np.empty(0, np.uint32)
# 2^64 by the golden ratio: the numbers of texts, small as they are, reach the high bits too.
_TEXT_MIX = np.uint64(0x9E3779B97F4A7C15)


class Overlap(NamedTuple):
    """What a text shares with that text of the index of which it holds most."""

    hits: int
    """Different n-grams that both hold."""

    share: float
    """The share of the index's text that these are."""

    source: str
    ngram: str
    """The first such n-gram, and the source that holds it."""


class NgramIndex:
    """The n-grams of all texts: sorted 64-bit hashes, the text of each, a bit table before them.

    An n-gram belongs to the first text that holds it. 15 to 17 bytes for each different one: 8 of
    hash, 4 of text, 2 to 4 of bit table, 1 of places. Two different ones have the same hash with a
    chance of 1 in 10^7 for a million n-grams on both sides.
    """

    def __init__(
        self, sources: Iterable[tuple[str, Iterable[str]]], n: int, max_texts: int | None = None
    ) -> None:
        """`sources` are names with their texts; n-grams of more than `max_texts` are left out."""
        self.n = n
        self.sources: list[str] = []
        self.texts = self.short_texts = 0
        # `_ends[i]` is one past the last text of source i, so that a search in it finds the source.
        # `_NOTHING` lets an index without sources be joined like any other.
        parts, self._ends = [_NOTHING], np.empty(0, np.int64)
        for name, texts in sources:
            self.sources.append(name)
            parts.append(self._ngrams_of(texts))
            self._ends = np.append(self._ends, self.texts)
        hashes, counts, owners = (np.concatenate(column) for column in zip(*parts, strict=True))
        # Stable, so that of equal hashes the first text keeps the n-gram.
        order = np.argsort(hashes, kind="stable")
        hashes, counts, owners = hashes[order], counts[order], owners[order]
        heads = np.flatnonzero(np.append(True, hashes[1:] != hashes[:-1])[: len(hashes)])
        if max_texts is not None and len(heads):
            # How many texts hold an n-gram is a sum over the sources that hold it.
            heads = heads[np.add.reduceat(counts, heads) <= max_texts]
        self.hashes: Hashes = hashes[heads]
        self.owners = owners[heads]
        self.ngrams_of_text = np.bincount(self.owners, minlength=self.texts).astype(np.uint32)
        self.bits = _bit_table(self.hashes)
        self.heads = _head_table(self.hashes)
        # Kept from text to text: making arrays of a page's size costs more than most look-ups.
        self._scratch = _scratch(1 << 16)

    @property
    def size(self) -> int:
        """Return the bytes that the index takes."""
        arrays = (self.hashes, self.heads, self.owners, self.bits, self.ngrams_of_text)
        return sum(array.nbytes for array in arrays)

    def overlap(self, text: str, min_hits: int = 1, min_share: float = 0.0) -> Overlap | None:
        """Return what a text shares with those of the index, or None if that is too little."""
        data, found, starts, ends = self._find(text)
        if len(found) < min_hits:
            return None
        # An n-gram that the text repeats counts once, at its first place.
        places, first = np.unique(found, return_index=True)
        texts, inverse, hits = np.unique(
            self.owners[places], return_inverse=True, return_counts=True
        )
        shares = hits / self.ngrams_of_text[texts]
        good = np.flatnonzero((hits >= min_hits) & (shares >= min_share))
        if not len(good):
            return None
        # The largest share; of equal ones the most hits; of those the last.
        best = good[np.lexsort((hits[good], shares[good]))[-1]]
        at = first[inverse == best].min()
        # Lone surrogates, which `encode` writes as they are, are no UTF-8.
        ngram = bytes(data[starts[at] : ends[at]]).decode("utf-8", "replace")
        return Overlap(
            hits=int(hits[best]),
            share=float(shares[best]),
            source=self.sources[int(np.searchsorted(self._ends, texts[best], side="right"))],
            ngram=" ".join(ngram.split()),
        )

    def places(self, text: str) -> Hashes:
        """Return which n-grams of the index a text holds, in its order, by their places in it."""
        return self._find(text)[1].copy()

    def _find(self, text: str) -> tuple[Bytes, Hashes, Offsets, Offsets]:
        """Return a text as folded UTF-8, places of n-grams, and where they begin and end in it.

        The last three are scratch memory, until the next call.
        """
        # As `_joined` does with texts of the index: a NUL in a text itself is no break.
        data = np.frombuffer(encode(fold_rare(text).replace("\0", " ")), np.uint8)
        if not len(self.hashes):
            return data, *(column[:0] for column in self._scratch)  # type: ignore[return-value]
        # No text has more tokens than bytes. Twice as much, so that a slow growth makes few arrays.
        if len(data) > len(self._scratch[0]):
            self._scratch = _scratch(2 * len(data))
        found, starts, ends = self._scratch
        written, _ = token_ngrams(
            data, self.n, self.hashes, self.heads, self.bits, found, starts, ends
        )
        return data, found[:written], starts[:written], ends[:written]

    def _ngrams_of(self, texts: Iterable[str]) -> tuple[Hashes, Counts, Owners]:
        """Return different n-grams of texts, how many texts hold each, and the first of those."""
        data, ends = _joined(texts)
        found, starts, past = _scratch(len(data))
        written, _ = token_ngrams(data, self.n, _NONE, _NO_HEADS, _NO_BITS, found, starts, past)
        # The text of each run by where it begins; "right", as an end is one past the text's NUL.
        owner = np.searchsorted(ends, starts[:written], side="right")
        _, once = np.unique(
            # One hash of n-gram and text, so that an n-gram counts once in each text.
            found[:written] ^ (owner.astype(np.uint64) * _TEXT_MIX),
            return_index=True,
        )
        # Back in the order of the texts: `np.unique` gives places in the order of the hashes, and
        # the first owner of each n-gram is wanted below.
        once.sort()
        hashes, first, counts = np.unique(found[once], return_index=True, return_counts=True)
        owners = (owner[once][first] + self.texts).astype(np.uint32)
        self.texts += len(ends)
        # Texts of fewer than n tokens own no run.
        self.short_texts += len(ends) - len(np.unique(owner))
        return hashes, counts.astype(np.int32), owners


def _joined(texts: Iterable[str]) -> tuple[Bytes, Offsets]:
    """Return all texts with a NUL after each, and where each ends."""
    # A NUL breaks runs: no n-gram reaches from one text into the next.
    parts = [encode(fold_rare(text).replace("\0", " ")) + b"\0" for text in texts]
    ends = np.cumsum([len(part) for part in parts], dtype=np.int64)
    return np.frombuffer(b"".join(parts), np.uint8), ends


def _scratch(size: int) -> tuple[Hashes, Offsets, Offsets]:
    return np.empty(size, np.uint64), np.empty(size, np.int64), np.empty(size, np.int64)


def _bit_table(hashes: Hashes) -> Bytes:
    """Return a bit for each low part of a hash that occurs."""
    # 16 bits an n-gram: one look-up in 16 passes that should not, at most.
    size = max(_MIN_BITS, 1 << (len(hashes) * _BITS_PER_NGRAM - 1).bit_length())
    places = hashes & np.uint64(size - 1)
    bits = np.zeros(size, np.bool_)
    bits[places.astype(np.int64)] = True
    return np.packbits(bits, bitorder="little")


def _head_table(hashes: Hashes) -> Heads:
    """Return where the hashes of each high part begin, about four to a part, and their end."""
    parts = max(1, len(hashes) // _NGRAMS_PER_HEAD)
    # Scaling instead of a remainder keeps the order, so each part is one stretch of the sorted
    # list.
    high = (hashes >> np.uint64(32)) * np.uint64(parts) >> np.uint64(32)
    return np.searchsorted(high, np.arange(parts + 1, dtype=np.uint64)).astype(np.uint32)
