"""Whether a file is a whole model of fastText: its library trusts what a file says.

A count that is too large makes it read beyond its memory, a bucket of 0 divides by 0, and long
n-grams over a long word take the square of its length. So everything is checked against everything
else before the library sees it. Layout: facebookresearch/fastText, src/{args, dictionary,
densematrix, quantmatrix, productquantizer}.cc, versions 11 and 12.
"""

from __future__ import annotations

import mmap
import struct
from pathlib import Path
from typing import NamedTuple

from mind_core.errors import MindError

MAGIC, VERSIONS = 793712314, (11, 12)
HEAD = struct.Struct("<ii12id")
"""Magic, version, dim, ws, epoch, minCount, neg, wordNgrams, loss, model, bucket, minn, maxn,
lrUpdateRate, t."""
DICTIONARY = struct.Struct("<iiiqq")
"""Entries, words, labels, tokens, pairs of pruned n-grams (-1: not pruned)."""
SOFTMAX, SUPERVISED = 3, 3
_HIERARCHICAL, _LOSSES = 1, (1, 2, 3, 4)
_ENTRY = struct.Struct("<qb")
_CENTROIDS = 256
_MAX_DIM = 1 << 16
_MAX_NGRAM = 64
_MAX_COUNT = 10**15
"""What the tree of hierarchical softmax takes for infinite."""


class _Unfit(Exception):
    """Say what does not fit."""


class _Sizes(NamedTuple):
    dim: int
    words: int
    labels: int
    bucket: int
    pruned: int
    loss: int


def check_model(path: Path) -> None:
    """Raise `MindError` for a file that fastText would misread: everything in it has to fit."""
    try:
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            _Reader(data).check()
    except _Unfit as error:
        cause = str(error)
    except ValueError:  # an empty file cannot be mapped
        cause = "it is empty"
    except OSError as error:
        raise MindError(f"cannot read {path}", cause=error.strerror, hint="check it") from None
    else:
        return
    raise MindError(
        f"{path} is no model of fastText",
        cause=cause,
        hint="give a .bin or .ftz of `fasttext supervised`, or a folder of `quality train`",
    )


class _Reader:
    """One pass through a file."""

    def __init__(self, data: mmap.mmap) -> None:
        self.data, self.at = data, 0

    def check(self) -> None:
        sizes = self._head()
        self._entries(sizes)
        rows = sizes.words + sizes.bucket
        if sizes.pruned >= 0:
            rows = sizes.words + self._pruned(sizes.pruned)
        quantised = self._flag()
        if sizes.pruned >= 0 and not quantised:
            raise _Unfit("it is pruned, and not quantised")
        # A pruned model may have more rows than its pairs name.
        (self._codes if quantised else self._floats)(rows, sizes.dim, at_least=sizes.pruned >= 0)
        packed = self._flag() and quantised
        (self._codes if packed else self._floats)(sizes.labels, sizes.dim)
        if self.at != len(self.data):
            raise _Unfit(f"{len(self.data) - self.at:,} bytes follow its end")

    def _head(self) -> _Sizes:
        if len(self.data) < HEAD.size + DICTIONARY.size:
            raise _Unfit("it does not begin like one")
        magic, version, dim, _, _, _, _, ngrams, loss, model, bucket, _, maxn, _, _ = self._take(
            HEAD
        )
        if magic != MAGIC or version not in VERSIONS:
            raise _Unfit("it does not begin like one")
        entries, words, labels, _, pruned = self._take(DICTIONARY)
        if model != SUPERVISED or labels < 1 or loss not in _LOSSES:
            raise _Unfit("it is no supervised model, which has labels")
        if entries != words + labels or min(words, bucket) < 0 or not 0 < dim <= _MAX_DIM:
            raise _Unfit("its counts do not belong together")
        if version == VERSIONS[0]:
            maxn = 0  # as fastText takes it
        if max(ngrams, maxn) > _MAX_NGRAM or (bucket == 0 and (ngrams > 1 or maxn > 0)):
            raise _Unfit(f"n-grams of {ngrams} words and {maxn} letters in {bucket:,} buckets")
        # An entry takes ten bytes and more: its zero byte, a count of eight and a kind. Asked
        # before any loop over so many entries.
        if pruned > len(self.data) or 10 * entries > len(self.data):
            raise _Unfit(f"it says that it has {entries:,} words, and has {len(self.data):,} bytes")
        return _Sizes(dim, words, labels, bucket, pruned, loss)

    def _entries(self, sizes: _Sizes) -> None:
        """Check words and labels: each ends with a zero byte, its count and its kind."""
        data, at, total = self.data, self.at, 0
        for number in range(sizes.words + sizes.labels):
            end = data.find(b"\0", at)
            if end < 0 or end + 1 + _ENTRY.size > len(data):
                raise _Unfit("its words are cut off")
            count, kind = _ENTRY.unpack_from(data, end + 1)
            # Words (kind 0) come before labels (kind 1).
            if kind != (number >= sizes.words) or count < 0:
                raise _Unfit(f"entry {number + 1:,} of its words and labels is of no kind")
            total += count if kind else 0
            at = end + 1 + _ENTRY.size
        if sizes.loss == _HIERARCHICAL and total >= _MAX_COUNT:
            raise _Unfit("its labels are counted too often")
        self.at = at

    def _pruned(self, pairs: int) -> int:
        """Check pairs of old and new rows of n-grams; return how many rows they need."""
        raw = self._bytes(8 * pairs)
        new = [pair[1] for pair in struct.iter_unpack("<ii", raw)]
        if new and min(new) < 0:
            raise _Unfit("it is pruned to rows below 0")
        return max(new, default=-1) + 1

    def _floats(self, rows: int, dim: int, *, at_least: bool = False) -> None:
        self._shape(rows, dim, at_least)
        self._pass(4 * rows * dim)

    def _codes(self, rows: int, dim: int, *, at_least: bool = False) -> None:
        """Check a quantised matrix: codes, their centroids, and maybe those of norms."""
        norms = self._flag()
        rows = self._shape(rows, dim, at_least)
        (size,) = self._take(struct.Struct("<i"))
        if size < 0:
            raise _Unfit("it has fewer than 0 codes")
        self._pass(size)
        parts = self._quantizer(dim)
        if size != rows * parts:
            raise _Unfit(f"it has {size:,} codes for {rows:,} rows of {parts}")
        if norms:
            self._pass(rows)
            self._quantizer(1)

    def _quantizer(self, dim: int) -> int:
        """Check centroids; return in how many parts a row is cut."""
        said, parts, width, last = self._take(struct.Struct("<4i"))
        fits = said == dim and 0 < width <= dim and parts == -(-dim // width)
        if not fits or last != (dim % width or width):
            raise _Unfit("its codes are cut otherwise than its rows")
        self._pass(4 * dim * _CENTROIDS)
        return int(parts)

    def _shape(self, rows: int, dim: int, at_least: bool) -> int:
        said, width = self._take(struct.Struct("<qq"))
        if width != dim or (said < rows if at_least else said != rows):
            raise _Unfit(f"a matrix is {said:,} × {width:,}, and should be {rows:,} × {dim:,}")
        return int(said)

    def _flag(self) -> bool:
        flag = self._bytes(1)
        if flag not in (b"\0", b"\1"):
            raise _Unfit("a flag is neither 0 nor 1")
        return flag == b"\1"

    def _take(self, shape: struct.Struct) -> tuple[int, ...]:
        return shape.unpack(self._bytes(shape.size))

    def _bytes(self, size: int) -> bytes:
        self._pass(size)
        return self.data[self.at - size : self.at]

    def _pass(self, size: int) -> None:
        if self.at + size > len(self.data):
            raise _Unfit("it is cut off")
        self.at += size
