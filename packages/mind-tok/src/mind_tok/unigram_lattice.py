"""Draw a cut of a text by a unigram model's own probabilities (Kudo 2018, section 3.2).

A cut has the product of its entries' probabilities. With these to the power of alpha as weights, a
sum from the right over all cuts of the rest of a segment (backward filtering) lets entries be drawn
from left to right, each cut with exactly its share: no list of the n best is needed. Sums are
multiplied and added in one order and scaled by powers of two, so the draws are the same everywhere.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from mind_core.errors import MindError
from mind_core.kernels.library import kernel
from mind_tok.bpe import I32, I64, U8
from mind_tok.bpe.dropout import MODULUS
from mind_tok.bpe.safe_splits import CODE_POINTS, PairCuts
from mind_tok.bpe.tries import MIX, Trie
from mind_tok.sentencepiece_model import BYTE, NORMAL, UNIGRAM, USER_DEFINED, ModelFile

F64 = npt.NDArray[np.float64]

SPACE = "\u2581"
UNKNOWN_PENALTY = 10.0
"""How far below the lowest score a character without an entry lies (`unigram_model.cc`)."""

STEP = 2.0**256
"""Sums are kept as a number between 1 / STEP and STEP, and a count of steps."""


FURTHEST = 1e200
"""Weights lie between 1 / FURTHEST and FURTHEST: a product with a sum is still a number then."""


class UnigramLattice:
    """Encode segments by chance with the entries of a SentencePiece unigram model."""

    def __init__(self, model: ModelFile) -> None:
        """Make the tables; `why_no_lattice(model)` must have been None."""
        entries = {
            piece.text.replace(SPACE, " "): i
            for i, piece in enumerate(model.pieces)
            if piece.kind == NORMAL
        }
        frozen = [
            (piece.text.encode(), i)
            for i, piece in enumerate(model.pieces)
            if piece.kind == USER_DEFINED
        ]
        symbols = np.full(CODE_POINTS, -1, np.int32)
        for text, i in entries.items():
            if len(text) == 1:
                symbols[ord(text)] = i
        # They hold for unigram too: no entry reaches over such a cut, so segments are
        # cut for themselves.
        self.cuts = PairCuts(list(entries), frozen, symbols)
        self.trie = Trie({text.encode(): i for text, i in entries.items()})
        self.scores = np.array([piece.score for piece in model.pieces], np.float64)
        # Of normal entries alone: bytes and control tokens have scores that say nothing.
        self.unknown = float(self.scores[list(entries.values())].min()) - UNKNOWN_PENALTY
        self._weights: tuple[float, F64] | None = None
        self.byte_ids = np.full(256, -1, np.int32)
        for i, piece in enumerate(model.pieces):
            if piece.kind == BYTE:
                # Written <0xE4> in the model.
                self.byte_ids[int(piece.text[3:5], 16)] = i

    def sampled(
        self, data: U8, segments: I64, texts: I64, special: I32, end_id: int, alpha: float,
        seeds: I64,
    ) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int64]]:  # fmt: skip
        """Return the ids of segments, each cut with its probability to the power of `alpha`.

        `seeds`, (texts,), are from 1 to 2³¹ - 2. Raise `MindError` if a weight is 0 or not finite.
        """
        weights = self._weights_at(alpha)
        # The sums of one segment, and one behind its end.
        longest = int(np.diff(segments, prepend=0).max(initial=0)) + 1
        out = np.empty(len(data) + len(texts), np.int32)
        ends = np.empty(len(texts), np.int64)
        sample_segments(
            data, segments, texts, special, end_id, self.trie.keys, self.trie.nodes, self.trie.ids,
            weights[:-1], float(weights[-1]), self.byte_ids, seeds, np.empty(longest),
            np.empty(longest, np.int64), out, ends,
        )  # fmt: skip
        return out[: ends[-1] if len(ends) else 0], ends

    def _weights_at(self, alpha: float) -> F64:
        """Return the weight of each entry, and last that of a character without one."""
        if self._weights is None or self._weights[0] != alpha:
            scores = np.append(self.scores, self.unknown)
            weights = np.array([_weight(alpha * score) for score in scores])
            # Those of bytes and control tokens are not used and may be anything.
            used = np.append(weights[self.trie.ids[self.trie.ids >= 0]], weights[-1])
            # Sums are scaled by powers of two: a product that is rounded to nothing could never be.
            if not ((used > 1 / FURTHEST) & (used < FURTHEST)).all():
                raise MindError(
                    f"--alpha {alpha:g} makes weights that cannot be computed",
                    cause=f"this model's scores go from {scores.min():g} to {scores.max():g}",
                    hint="0.1 to 1 is usual",
                )
            self._weights = (alpha, weights)
        return self._weights[1]


def why_no_lattice(model: ModelFile) -> str | None:
    """Return what a model has that the lattice does not know, or None."""
    if model.model_type != UNIGRAM:
        return "it is no unigram model"
    if not model.keeps_text:
        return "it changes the text before it is encoded"
    if not model.byte_fallback:
        return "it has no bytes for unknown characters"
    if any(SPACE in piece.text for piece in model.pieces if piece.kind == USER_DEFINED):
        return "a user-defined symbol holds a space"
    texts = [piece.text for piece in model.pieces if piece.kind == NORMAL]
    # A trie holds one id for a text: of two the probability of one would be lost.
    return None if texts and len(set(texts)) == len(texts) else "an entry is there twice"


def _weight(power: float) -> float:
    """Return e to a power, rounded to 32 bits: libraries differ in the last of 53."""
    try:
        mantissa, exponent = math.frexp(math.exp(power))
        return math.ldexp(round(mantissa * 2.0**32) / 2.0**32, exponent)
    except OverflowError:
        # Told by `_weights_at`, if the entry is used at all.
        return math.inf


@kernel(
    "void(u1[], i8[], i8[], i4[], i8, i8[], i4[], i4[], f8[], f8, i4[], i8[], f8[], i8[], i4[], "
    "i8[])"
)
def sample_segments(
    data: U8, segments: I64, texts: I64, special: I32, end_id: int, keys: I64, nodes: I32, ids: I32,
    weights: F64, unknown: float, byte_ids: I32, states: I64, sums: F64, steps: I64, out: I32,
    ends: I64,
) -> None:  # fmt: skip
    """Fill `out` and `ends`; `states` are seeds, `sums` and `steps` room for a segment."""
    filled: Any = 0
    at: Any = 0
    segment = 0
    for text in range(len(texts)):
        state: Any = states[text]
        while segment < texts[text]:
            end = segments[segment]
            if special[segment] >= 0:
                out[filled] = special[segment]
                filled += 1
                at = end
            else:
                sum_cuts(data, at, end, keys, nodes, ids, weights, unknown, sums, steps)
                start: Any = at
                while at < end:
                    # A draw is from 1 to MODULUS - 1, so that the chance is never 0 nor 1.
                    state = state * 48271 % MODULUS
                    found, length = draw(
                        data, at, end, start, keys, nodes, ids, weights, sums, steps,
                        state / MODULUS,
                    )  # fmt: skip
                    if found >= 0:
                        out[filled] = found
                        filled += 1
                    else:  # a character without an entry is written in bytes
                        for i in range(at, at + length):
                            out[filled] = byte_ids[data[i]]
                            filled += 1
                    at += length
            segment += 1
        if end_id >= 0:
            out[filled] = end_id
            filled += 1
        ends[text] = filled


@kernel
def sum_cuts(
    data: U8, start: int, end: int, keys: I64, nodes: I32, ids: I32, weights: F64, unknown: float,
    sums: F64, steps: I64,
) -> None:  # fmt: skip
    """Fill `sums` and `steps`: for each place of a segment the weight of all cuts from there on."""
    # Behind the end nothing is left to cut, and of that there is one way.
    sums[end - start], steps[end - start] = 1.0, 0
    for at in range(end - 1, start - 1, -1):
        total = 0.0
        # So low that the first term decides which count of steps the sum has.
        step: Any = np.int64(-(1 << 60))
        if data[at] & 0xC0 != 0x80:  # a character begins here
            node: Any = 0
            i: Any = at
            alone: Any = 0
            while i < end and node >= 0:
                node = next_node(node, data[i], keys, nodes)
                i += 1
                if node >= 0 and ids[node] >= 0:
                    total, step = plus(total, step, weights[ids[node]] * sums[i - start],
                                       steps[i - start])  # fmt: skip
                    if i - at == character_length(data, at, end):
                        # A character with an entry cannot be unknown as well.
                        alone = 1
            if not alone:
                i = at + character_length(data, at, end)
                total, step = plus(total, step, unknown * sums[i - start], steps[i - start])
            # Back into the bounds: products of long segments would else become 0 or infinite.
            while total < 1.0 / STEP:
                total, step = total * STEP, step - 1
            while total > STEP:
                total, step = total / STEP, step + 1
        sums[at - start], steps[at - start] = total, step


@kernel
def draw(
    data: U8, at: int, end: int, start: int, keys: I64, nodes: I32, ids: I32, weights: F64,
    sums: F64, steps: I64, chance: float,
) -> tuple[int, int]:  # fmt: skip
    """Return an entry that begins at a place and its length in bytes; -1 is a character without."""
    rest = chance * sums[at - start]
    step: Any = steps[at - start]
    found: Any = -1
    length: Any = character_length(data, at, end)
    alone: Any = 0
    node: Any = 0
    i: Any = at
    while i < end and node >= 0:
        node = next_node(node, data[i], keys, nodes)
        i += 1
        if node >= 0 and ids[node] >= 0:
            if i - at == character_length(data, at, end):
                alone = 1
            # At the count of steps of the whole sum, so that it can be taken from the rest.
            share, _ = plus(0.0, step, weights[ids[node]] * sums[i - start], steps[i - start])
            # The last one is taken where rounding has left a rest behind it.
            if share > 0:
                found, length = ids[node], i - at
                rest -= share
                if rest < 0:
                    return found, length
    if not alone:
        return -1, character_length(data, at, end)
    return found, length


@kernel
def plus(total: float, step: int, term: float, term_step: int) -> tuple[float, int]:
    """Return the sum of two scaled numbers, at the higher count of steps."""
    # The lower count of steps is raised: what gets too small to count becomes 0.
    while term_step < step and term > 0:
        term, term_step = term / STEP, term_step + 1
    while step < term_step and total > 0:
        total, step = total / STEP, step + 1
    return total + term, max(step, term_step)


@kernel
def next_node(node: int, byte: int, keys: I64, nodes: I32) -> int:
    """Return where a byte leads in a trie, or -1."""
    mask = len(keys) - 1
    key = np.int64(node) << 8 | np.int64(byte)
    mixed = key * MIX
    place = (mixed ^ (mixed >> 29)) & mask
    while keys[place] != -1 and keys[place] != key:
        place = (place + 1) & mask
    return nodes[place] if keys[place] == key else -1


@kernel
def character_length(data: U8, at: int, end: int) -> int:
    """Return the length of the character at a place in bytes."""
    i = at + 1
    while i < end and data[i] & 0xC0 == 0x80:
        i += 1
    return i - at
