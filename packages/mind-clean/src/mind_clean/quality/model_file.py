"""fastText's file of a supervised model, version 12 (facebookresearch/fastText, src/fasttext.cc).

A linear model over the mean of a text's features is one of dimension 1: the input matrix has its
weight for each word and each bucket of word pairs, the output matrix is +1/2 for the one label and
-1/2 for the other, and the softmax of that is the logistic function.
"""

from __future__ import annotations

import itertools
import struct
from collections.abc import Sequence
from typing import TYPE_CHECKING, BinaryIO

from mind_clean.quality.model_check import DICTIONARY, HEAD, MAGIC, SOFTMAX, SUPERVISED

if TYPE_CHECKING:
    import numpy

_FNV, _PRIME = 2166136261, 16777619
_PAIR = 116049371
_MASK = (1 << 64) - 1
LABELS = ("__label__good", "__label__bad")
EOS = "</s>"


def word_hash(word: str) -> int:
    """Return fastText's hash of a word: FNV-1a over bytes that are signed, as an int32."""
    value = _FNV
    for byte in word.encode("utf-8"):
        value = ((value ^ (byte if byte < 128 else byte | 0xFFFFFF00)) * _PRIME) & 0xFFFFFFFF
    return value - (1 << 32) if value >= 1 << 31 else value


def features_of(
    words: Sequence[str], ids: dict[str, int], hashes: dict[str, int], bucket: int
) -> list[int]:
    """Return the rows of the input matrix for a line of words: known words, and all pairs."""
    # fastText reads the end of a line as a word of its own.
    line = [*words, EOS]
    known = [ids[word] for word in line if word in ids]
    values = []
    for word in line:
        if (value := hashes.get(word)) is None:
            value = hashes[word] = word_hash(word)
        values.append(value)
    pairs = [
        # As the C++ does: an int32 becomes a uint64 with its sign, and all arithmetic is modulo
        # 2^64.
        len(ids) + (((one & _MASK) * _PAIR + (other & _MASK)) & _MASK) % bucket
        for one, other in itertools.pairwise(values)
    ]
    return known + pairs


def write_model(
    file: BinaryIO, counts: Sequence[tuple[str, int]], weights: numpy.ndarray, bucket: int
) -> None:
    """Write a model: `counts` are the words in the order of their rows, `weights` float32."""
    assert len(weights) == len(counts) + bucket
    # In the order of `HEAD`: version 12, one dimension, pairs of words (wordNgrams 2), no n-grams
    # of letters (minn and maxn 0).
    file.write(HEAD.pack(MAGIC, 12, 1, 5, 1, 1, 0, 2, SOFTMAX, SUPERVISED, bucket, 0, 0, 100, 1e-4))
    tokens = sum(count for _, count in counts)
    entries = len(counts) + len(LABELS)
    file.write(DICTIONARY.pack(entries, len(counts), len(LABELS), tokens, -1))
    for word, count in counts:
        file.write(word.encode("utf-8") + b"\0" + struct.pack("<qb", count, 0))
    for label in LABELS:
        file.write(label.encode() + b"\0" + struct.pack("<qb", 1, 1))
    # A zero byte first: the matrix is not quantised.
    file.write(b"\0" + struct.pack("<qq", len(weights), 1) + weights.tobytes())
    file.write(b"\0" + struct.pack("<qqff", len(LABELS), 1, 0.5, -0.5))
