"""Passages: every run of so many tokens that was there before, by hashes of its exact bytes.

What a suffix array finds (Lee et al. 2022, "Deduplicating Training Data Makes Language Models
Better") is found by two independent 64-bit hashes of every run: the same passages, as one that is
longer is a row of such runs, in 8 bytes a token on disk instead of 8 to 16 a byte in memory.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from mind_core.direct import full_disk_hint
from mind_core.errors import MindError
from mind_core.kernels.hashing import Hashes
from mind_core.kernels.packed import pack
from mind_dedup.char_folding import tables
from mind_dedup.columns import IntArray
from mind_dedup.loops.passages import passage_windows

PARTS = 256
"""Hashes wait on disk in so many parts by their highest bits; one is in memory at a time."""

_BITS_PER_HASH = 16
"""Of a table with one bit at each place: few hashes share one, so most others are turned away."""

_BYTE = np.uint64(3)
"""A place without its last three bits is that of its byte."""


class Windows(NamedTuple):
    """Hold the runs of some texts: two hashes, the first byte and the one behind the last.

    Those of text i end at `row_ends[i]`; bytes are counted from the text's own beginning.
    """

    hashes: Hashes
    checks: Hashes
    firsts: IntArray
    lasts: IntArray
    row_ends: IntArray


def windows_of(texts: Sequence[str], size: int) -> Windows:
    """Return all runs of `size` tokens, which is 2 or more."""
    data, offsets = pack(texts)
    longest = int(np.diff(offsets).max(initial=0)) + 1
    room = len(data) + 1
    # A token has a byte at least, so a text has no more tokens than bytes, and no more runs.
    starts, stops = np.empty(longest, np.int64), np.empty(longest, np.int64)
    words, gaps = np.empty(longest, np.uint64), np.empty(longest, np.uint64)
    hashes, checks = np.empty(room, np.uint64), np.empty(room, np.uint64)
    firsts, lasts = np.empty(room, np.int64), np.empty(room, np.int64)
    row_ends = np.empty(len(texts), np.int64)
    count = passage_windows(
        data, offsets, tables().kinds, size, starts, stops, words, gaps,
        hashes, checks, firsts, lasts, row_ends,
    )  # fmt: skip
    return Windows(
        hashes[:count], checks[:count], firsts[:count].copy(), lasts[:count].copy(), row_ends
    )


def by_part(hashes: Hashes) -> tuple[Hashes, IntArray]:
    """Return hashes in the order of their parts, and where each part ends."""
    # The upper eight bits make 256 parts; hashes are mixed, so these are of about one size.
    parts = (hashes >> np.uint64(56)).astype(np.uint8)
    order = np.argsort(parts, kind="stable")
    return hashes[order], np.cumsum(np.bincount(parts, minlength=PARTS))


class WaitingHashes:
    """Let the hashes of all runs wait on disk, and say which of them repeat."""

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile(prefix="mind-dedup-")  # noqa: SIM115 - nameless
        self._places: list[tuple[int, IntArray]] = []

    def add(self, hashes: Hashes, ends: IntArray) -> None:
        """Take the hashes of a batch as `by_part` lays them."""
        try:
            self._places.append((self._file.tell(), ends))
            self._file.write(hashes.tobytes())
        except OSError as error:
            raise MindError(
                f"cannot write to {tempfile.gettempdir()}",
                cause=error.strerror,
                hint=f"{full_disk_hint(error)}; TMPDIR names another folder",
            ) from None

    def repeated(self, copies: int) -> Hashes:
        """Return the hashes that occur so often or more, ascending."""
        found = [np.zeros(0, np.uint64)]
        for part in range(PARTS):
            hashes = self._part(part)
            hashes.sort()
            # Cut to the length, as for no hash at all there is no edge either.
            edges = np.flatnonzero(np.append(True, hashes[1:] != hashes[:-1])[: len(hashes)])
            counts = np.diff(np.append(edges, len(hashes)))
            found.append(hashes[edges[counts >= copies]])
        return np.concatenate(found)

    def _part(self, part: int) -> Hashes:
        pieces = []
        for begin, ends in self._places:
            first = int(ends[part - 1]) if part else 0
            if size := int(ends[part]) - first:
                self._file.seek(begin + 8 * first)
                pieces.append(self._file.read(8 * size))
        # A copy, as what is read from bytes cannot be sorted in place.
        return np.frombuffer(b"".join(pieces), np.uint64).copy()


class RepeatedHashes:
    """Say of hashes which of the repeated ones they are; a bit table turns most away."""

    def __init__(self, hashes: Hashes) -> None:
        self.hashes = hashes
        self._mask = np.uint64((1 << max((_BITS_PER_HASH * len(hashes)).bit_length(), 10)) - 1)
        self._bits = np.zeros((int(self._mask) + 1) // 8, np.uint8)
        places = hashes & self._mask
        np.bitwise_or.at(self._bits, places >> _BYTE, self._bit_of(places))

    def find(self, hashes: Hashes) -> tuple[IntArray, IntArray]:
        """Return the places of those that repeat, ascending, and which repeated one each is."""
        places = hashes & self._mask
        maybe = np.flatnonzero(self._bits[places >> _BYTE] & self._bit_of(places))
        numbers = np.searchsorted(self.hashes, hashes[maybe])
        # Greater than all: searchsorted gives the end, which is no place.
        real = numbers < len(self.hashes)
        real[real] = self.hashes[numbers[real]] == hashes[maybe[real]]
        return maybe[real], numbers[real]

    @staticmethod
    def _bit_of(places: Hashes) -> npt.NDArray[np.uint8]:
        """Return the bit of each place within its byte."""
        return (np.uint64(1) << (places & np.uint64(7))).astype(np.uint8)


def joined(firsts: IntArray, lasts: IntArray) -> list[tuple[int, int, int]]:
    """Return the spans that runs cover, in order, each with the place of its first run."""
    spans: list[tuple[int, int, int]] = []
    for place, (first, last) in enumerate(zip(firsts.tolist(), lasts.tolist(), strict=True)):
        # Runs that touch are one passage, too: it goes in one piece.
        if spans and first <= spans[-1][1]:
            begin, end, own = spans[-1]
            spans[-1] = (begin, max(end, last), own)
        else:
            spans.append((first, last, place))
    return spans


def cut_of(text: str, begin: int, end: int, data: bytes) -> tuple[int, int]:
    """Return what of a text goes for a span of its bytes, in characters.

    What separates its last token from the next goes along: the stop of a sentence, the space. Where
    the span does not begin a line, it goes up to the line feed only, so that no lines are joined.
    """
    first = len(data[:begin].decode("utf-8", "surrogatepass"))
    last = first + len(data[begin:end].decode("utf-8", "surrogatepass"))
    begins_line = not text[text.rfind("\n", 0, first) + 1 : first].strip()
    while last < len(text) and not text[last].isalnum():
        if text[last] == "\n" and not begins_line:
            break
        last += 1
    return first, last
