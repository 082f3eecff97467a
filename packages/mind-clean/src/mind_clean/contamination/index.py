"""An index of the runs of tokens of benchmark files, made once and shared by all workers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from mind_clean.contamination.benchmark_files import benchmark_files, read_texts
from mind_clean.contamination.token_runs import Hashes, Heads, token_runs
from mind_core.errors import UsageError
from mind_core.kernels.packed import Bytes, Offsets, encode
from mind_core.text.tokens import fold_rare

Counts = npt.NDArray[np.int32]
Owners = npt.NDArray[np.uint32]

_BITS_PER_RUN = 16
_RUNS_PER_HEAD = 4
_LEAST_BITS = 1 << 16
_NONE = np.empty(0, np.uint64)
_NO_HEADS = np.zeros(1, np.uint32)
_NO_BITS = np.empty(0, np.uint8)
_TEXT_MIX = np.uint64(0x9E3779B97F4A7C15)


class Overlap(NamedTuple):
    """What a text shares with that text of the benchmarks of which it holds most."""

    hits: int
    """Different runs that both hold."""

    share: float
    """The share of the benchmark text's runs that these are."""

    file: str
    ngram: str
    """The first such run, and the file that holds it."""


class RunIndex:
    """The runs of all texts: sorted 64-bit hashes, the text of each, and a bit table before them.

    A run belongs to the first text that holds it. 15 to 17 bytes for each different run: 8 of hash,
    4 of text, 2 to 4 of bit table, 1 of places. Two different runs have the same hash with a chance
    of 1 in 10^7 for a million runs on both sides.
    """

    def __init__(
        self, files: Sequence[Path], fields: Sequence[str], n: int, max_texts: int
    ) -> None:
        self.n = n
        self.files = [str(path) for path in files]
        self.texts = self.short_texts = 0
        parts, self._ends = [], np.empty(0, np.int64)
        for path in files:
            parts.append(self._of_file(path, fields))
            self._ends = np.append(self._ends, self.texts)
        hashes, counts, owners = (np.concatenate(column) for column in zip(*parts, strict=True))
        order = np.argsort(hashes, kind="stable")
        hashes, counts, owners = hashes[order], counts[order], owners[order]
        heads = np.flatnonzero(np.append(True, hashes[1:] != hashes[:-1])[: len(hashes)])
        kept = np.add.reduceat(counts, heads) <= max_texts if len(heads) else heads
        self.hashes: Hashes = hashes[heads][kept]
        self.owners = owners[heads][kept]
        self.runs_of_text = np.bincount(self.owners, minlength=self.texts).astype(np.uint32)
        if not len(self.hashes):
            raise UsageError(
                f"no run of {n} tokens in the benchmark files",
                hint="check `against` and `fields`, or take a smaller `n`",
            )
        self.bits = _bit_table(self.hashes)
        self.heads = _head_table(self.hashes)
        self._scratch = _scratch(1 << 16)

    @property
    def size(self) -> int:
        """Return the bytes that the index takes."""
        arrays = (self.hashes, self.heads, self.owners, self.bits, self.runs_of_text)
        return sum(array.nbytes for array in arrays)

    def overlap(self, text: str, min_hits: int = 1, min_share: float = 0.0) -> Overlap | None:
        """Return what a text shares with the benchmarks, or None if that is too little."""
        data = np.frombuffer(encode(fold_rare(text)), np.uint8)
        if len(data) > len(self._scratch[0]):
            self._scratch = _scratch(2 * len(data))
        found, starts, ends = self._scratch
        written, _ = token_runs(
            data, self.n, self.hashes, self.heads, self.bits, found, starts, ends
        )
        if written < min_hits:
            return None
        places, first = np.unique(found[:written], return_index=True)
        texts, inverse, hits = np.unique(
            self.owners[places], return_inverse=True, return_counts=True
        )
        shares = hits / self.runs_of_text[texts]
        good = np.flatnonzero((hits >= min_hits) & (shares >= min_share))
        if not len(good):
            return None
        best = good[np.lexsort((hits[good], shares[good]))[-1]]
        at = first[inverse == best].min()
        ngram = bytes(data[starts[at] : ends[at]]).decode("utf-8", "replace")
        return Overlap(
            hits=int(hits[best]),
            share=float(shares[best]),
            file=self.files[int(np.searchsorted(self._ends, texts[best], side="right"))],
            ngram=" ".join(ngram.split()),
        )

    def _of_file(self, path: Path, fields: Sequence[str]) -> tuple[Hashes, Counts, Owners]:
        """Return the different runs of a file, in how many of its texts each is, and the first."""
        data, ends = _joined(read_texts(path, fields))
        found, starts, past = _scratch(len(data))
        written, _ = token_runs(data, self.n, _NONE, _NO_HEADS, _NO_BITS, found, starts, past)
        texts = np.searchsorted(ends, starts[:written], side="right")
        _, once = np.unique(
            found[:written] ^ (texts.astype(np.uint64) * _TEXT_MIX), return_index=True
        )
        once.sort()
        hashes, first, counts = np.unique(found[once], return_index=True, return_counts=True)
        owners = (texts[once][first] + self.texts).astype(np.uint32)
        self.texts += len(ends)
        self.short_texts += len(ends) - len(np.unique(texts))
        return hashes, counts.astype(np.int32), owners


@lru_cache(maxsize=2)
def index_for(
    against: tuple[str, ...], fields: tuple[str, ...], n: int, max_texts: int
) -> RunIndex:
    """Return the index of some files, made once a process; forked workers share it."""
    return RunIndex(benchmark_files(against), fields, n, max_texts)


def _joined(texts: Iterator[str]) -> tuple[Bytes, Offsets]:
    """Return all texts with a NUL after each, and where each ends."""
    parts = [encode(fold_rare(text).replace("\0", " ")) + b"\0" for text in texts]
    ends = np.cumsum([len(part) for part in parts], dtype=np.int64)
    return np.frombuffer(b"".join(parts), np.uint8), ends


def _scratch(size: int) -> tuple[Hashes, Offsets, Offsets]:
    return np.empty(size, np.uint64), np.empty(size, np.int64), np.empty(size, np.int64)


def _bit_table(hashes: Hashes) -> Bytes:
    """Return a bit for each low part of a hash that occurs."""
    size = max(_LEAST_BITS, 1 << (len(hashes) * _BITS_PER_RUN - 1).bit_length())
    places = hashes & np.uint64(size - 1)
    bits = np.zeros(size, np.bool_)
    bits[places.astype(np.int64)] = True
    return np.packbits(bits, bitorder="little")


def _head_table(hashes: Hashes) -> Heads:
    """Return where the hashes of each high part begin, about four to a part, and their end."""
    parts = max(1, len(hashes) // _RUNS_PER_HEAD)
    high = (hashes >> np.uint64(32)) * np.uint64(parts) >> np.uint64(32)
    return np.searchsorted(high, np.arange(parts + 1, dtype=np.uint64)).astype(np.uint32)
