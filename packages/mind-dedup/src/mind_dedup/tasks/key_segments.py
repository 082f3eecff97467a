"""Sorted keys with their rows in some five bytes each instead of eight, and back, losing nothing.

Keys of a segment ascend, so that of n keys the first log2(n) bits say little: they are written as a
row of bits with a one for each key and a zero for each step from one value of them to the next
(Elias 1974, Fano 1971). The other bits of a key and its row follow, in half bytes: first the whole
bytes of all keys, then the halves, two in a byte.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mind_core.kernels.hashing import Hashes
from mind_dedup.tasks.sections import IntArray

_HEADER = np.dtype([("size", "<u4"), ("high", "u1"), ("row", "u1"), ("halves", "u1"), ("_", "u1")])


def packed_segment(keys: Hashes, rows: Hashes, bits: int) -> bytes:
    """Return a segment as bytes: keys below 2**`bits` that ascend, with the row of each."""
    size, row_bits = len(keys), int(rows.max(initial=0)).bit_length()
    high, halves = _best(size, bits, row_bits)
    low_bits = bits - high
    steps = np.zeros(size + (1 << high), np.uint8)
    steps[(keys >> np.uint64(low_bits)).astype(np.int64) + np.arange(size)] = 1
    low = keys & np.uint64((1 << low_bits) - 1)
    values = ((low << np.uint64(row_bits)) | rows).astype("<u8")
    parts = [np.packbits(steps), values.view(np.uint8).reshape(size, 8)[:, : halves // 2]]
    if halves % 2:
        last = np.zeros(size + size % 2, np.uint8)
        last[:size] = values >> np.uint64(4 * (halves - 1))
        parts.append(last[::2] | (last[1::2] << np.uint8(4)))
    header = np.array([(size, high, row_bits, halves, 0)], _HEADER)
    return b"".join(part.tobytes() for part in (header, *parts))


def _best(size: int, bits: int, row_bits: int) -> tuple[int, int]:
    """Return how many first bits of a key become steps for the fewest bytes, and the half bytes
    that are left for each."""
    found = []
    for high in range(min(bits, size.bit_length() + 4) + 1):
        halves = -(-(bits - high + row_bits) // 4)
        found.append((size * halves // 2 + (size + (1 << high)) // 8, high, halves))
    _, high, halves = min(found)
    return high, halves


@dataclass(frozen=True)
class Segment:
    """A segment in a file, as its header tells of it."""

    path: Path
    begin: int
    """Of its bytes in the file, behind the header."""
    size: int
    high: int
    row_bits: int
    halves: int
    """Half bytes of what is left of a key, and its row."""
    bits: int

    @classmethod
    def at(cls, path: Path, begin: int, bits: int) -> Segment:
        """Return the segment of keys of so many bits that begins at a byte of a file."""
        header = np.fromfile(path, _HEADER, 1, offset=begin)[0]
        size, high, row, halves = (int(header[n]) for n in ("size", "high", "row", "halves"))
        return cls(path, begin + _HEADER.itemsize, size, high, row, halves, bits)

    def read(self, begin: int, end: int) -> tuple[Hashes, IntArray]:
        """Return the keys from number `begin` to `end`, and their rows."""
        steps = -(-(self.size + (1 << self.high)) // 8)
        bits = np.unpackbits(np.fromfile(self.path, np.uint8, steps, offset=self.begin))
        first = (np.flatnonzero(bits)[begin:end] - np.arange(begin, end)).astype(np.uint64)
        rest = self._rest(self.begin + steps, begin, end)
        rows = rest & np.uint64((1 << self.row_bits) - 1)
        low_bits = self.bits - self.high
        keys = (first << np.uint64(low_bits)) | (rest >> np.uint64(self.row_bits))
        return keys, rows.astype(np.int64)

    def _rest(self, at: int, begin: int, end: int) -> Hashes:
        """Return what is left of keys, with their rows; `at` is where the first byte lies."""
        count, width = end - begin, self.halves // 2
        values = np.zeros((count, 8), np.uint8)
        data = np.fromfile(self.path, np.uint8, count * width, offset=at + begin * width)
        values[:, :width] = data.reshape(count, width)
        if self.halves % 2:
            first = begin // 2
            at += self.size * width + first
            pairs = np.fromfile(self.path, np.uint8, -(-end // 2) - first, offset=at)
            last = np.column_stack((pairs & np.uint8(15), pairs >> np.uint8(4))).reshape(-1)
            values[:, width] = last[begin - 2 * first :][:count]
        rest: Hashes = values.view("<u8").reshape(-1).astype(np.uint64)
        return rest
