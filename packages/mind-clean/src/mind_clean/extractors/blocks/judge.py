"""A learned judge of blocks: how likely each is main text, and the choice that suits that best.

Two small sets of gradient-boosted trees, the second of which sees the answers of the first for the
blocks around. Trained by benchmarks/train_judge.py on pages with gold text; the weights ship.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from mind_clean.extractors.blocks.block_features import FEATURES
from mind_clean.extractors.blocks.page import (
    END,
    FIRST,
    HOME,
    KIND,
    NAME,
    OWNER,
    PARENT,
    TAG,
    UNITS,
    Floats,
    Kept,
    Rows,
)
from mind_clean.extractors.blocks.text_features import Features, Scores
from mind_core.kernels.library import kernel

WEIGHTS = Path(__file__).with_name("judge.npz")
NEIGHBOUR_FEATURES = 18
"""Number of features that only the second set of trees has."""

_STEPS, _LIMIT = 4096, 12.0
# The logistic function at 4,097 points; between two of them a straight line is taken.
_ODDS = 1.0 / (1.0 + np.exp(-np.linspace(-_LIMIT, _LIMIT, _STEPS + 1)))
_OFFSETS = np.array([-3, -2, -1, 1, 2, 3], np.int64)
_REACHES = np.array([5, 15], np.int64)
_SALT = np.uint64(0x9E3779B97F4A7C15)
_ROUNDS = 20
_MIN_PROBABILITY = 0.25
"""What is less likely than this is no main text, even where nothing on the page is likelier."""


class Trees(NamedTuple):
    """Hold boosted trees, node after node; the left child of a node is the next one."""

    roots: npt.NDArray[np.int32]
    features: npt.NDArray[np.int16]
    """-1: a leaf."""
    thresholds: npt.NDArray[np.float32]
    """Of a leaf, what it adds to the log-odds."""
    rights: npt.NDArray[np.int32]


class Judge(NamedTuple):
    """Hold the weights of a judge."""

    first: Trees
    second: Trees
    starts: tuple[float, float]
    """The log-odds before the first tree of each set."""
    word_scores: Scores
    name_words: dict[str, int]


@cache
def load_judge(path: str = str(WEIGHTS)) -> Judge:
    """Read the weights that ship."""
    with np.load(path, allow_pickle=False) as held:
        sets = [Trees(*(held[f"{name}{n}"] for name in Trees._fields)) for n in (1, 2)]
        starts = float(held["starts"][0]), float(held["starts"][1])
        words = held["name_words"].tobytes().decode().split("\n")
        names = dict(zip(words, held["name_values"].tolist(), strict=True))
        return Judge(sets[0], sets[1], starts, held["word_scores"], names)


def predict(features: Features, trees: Trees, start: float) -> Floats:
    """Return the probability of each row, float64, by trees over its features.

    The logistic function is looked up in a table between -12 and 12, so that no library's `exp`
    decides about a block.
    """
    out = np.empty(len(features))
    _predict(features, *trees, start, _ODDS, out)
    return out


def _one_leaf() -> tuple[Any, ...]:
    """Return what `_predict` takes, for one row and one tree that is a leaf."""
    one = [np.zeros(1, kind) for kind in (np.int32, np.int16, np.float32, np.int32)]
    one[1][0] = -1
    return np.zeros((1, 1), np.float32), *one, 0.0, _ODDS, np.zeros(1)


@kernel("void(f4[,], i4[], i2[], f4[], i4[], f8, f8[], f8[])", example=_one_leaf)
def _predict(
    features: Features,
    roots: npt.NDArray[np.int32],
    splits: npt.NDArray[np.int16],
    thresholds: npt.NDArray[np.float32],
    rights: npt.NDArray[np.int32],
    start: float,
    table: Floats,
    out: Floats,
) -> None:
    """Write the probability of each row."""
    for row in range(len(features)):
        total = start
        for root in roots:
            # A leaf has -1 for its feature, and in the place of a threshold what it adds.
            node = np.int64(root)
            # The left child is the next node, so a tree needs one index each and reads forward.
            while splits[node] >= 0:
                if features[row, splits[node]] <= thresholds[node]:
                    node += 1
                else:
                    node = np.int64(rights[node])
            total += thresholds[node]
        place = (min(max(total, -_LIMIT), _LIMIT) + _LIMIT) * (_STEPS / (2 * _LIMIT))
        # At the upper limit itself the last stretch is taken.
        below = min(int(place), _STEPS - 1)
        out[row] = table[below] + (table[below + 1] - table[below]) * (place - below)


def add_neighbours(containers: Rows, blocks: Rows, features: Features, alone: Floats) -> Features:
    """Return the features with the probabilities of the blocks around, and of the same kind."""
    out = np.empty((len(blocks), FEATURES + NEIGHBOUR_FEATURES), np.float32)
    _add_neighbours(containers, blocks, features, np.ascontiguousarray(alone), out)
    return out


@kernel("void(i8[,], i8[,], f4[,], f8[], f4[,])")
def _add_neighbours(
    containers: Rows, blocks: Rows, features: Features, alone: Floats, out: Features
) -> None:
    """Write the features and what is around each block."""
    count = len(blocks)
    # Sums before each block, of its size and of size times probability: any mean over a run of
    # blocks, around a block or in a container, is two subtractions.
    units, sums = np.zeros(count + 1), np.zeros(count + 1)
    for block in range(count):
        size = blocks[block, UNITS] + 1.0  # so that a block without letters counts
        units[block + 1] = units[block] + size
        sums[block + 1] = sums[block] + size * alone[block]
    for block in range(count):
        row = out[block]
        for place in range(FEATURES):
            row[place] = features[block, place]
        row[FEATURES] = alone[block]
        to = FEATURES + 1
        for offset in _OFFSETS:
            other = block + offset
            # -1 is no probability: there is no block.
            row[to] = alone[other] if other >= 0 and other < count else -1.0
            to += 1
        for reach in _REACHES:
            start, end = max(0, block - reach), min(count, block + reach + 1)
            row[to] = (sums[end] - sums[start]) / (units[end] - units[start])
            to += 1
        around = blocks[block, HOME]
        # The container of the block, and the two around it; the body is its own.
        for _ in range(3):
            start, end = containers[around, FIRST], containers[around, END]
            row[to] = (sums[end] - sums[start]) / max(1.0, units[end] - units[start])
            around = max(0, containers[around, PARENT])
            to += 1
        # Places `to` to `to` + 3 are those of `_add_kinds`.
        row[to + 4] = sums[count] / units[count]
        # What share of the main text is before the block.
        row[to + 5] = sums[block] / max(1e-9, sums[count])
    _add_kinds(containers, blocks, alone, out, FEATURES + 12)


@kernel
def _add_kinds(containers: Rows, blocks: Rows, alone: Floats, out: Features, to: int) -> None:
    """Write the mean probability, and the number, of the blocks of a page that are marked alike.

    By their own element and names, then by those of their container.
    """
    count = len(blocks)
    slots = 4
    # At most half of the slots are used, so that a search ends soon.
    while slots < 2 * count:
        slots *= 2
    for way in range(2):
        keys, members = np.full(slots, np.int64(-1)), np.zeros(slots)
        units, sums = np.zeros(slots), np.zeros(slots)
        slot_of = np.zeros(count, np.int64)
        for block in range(count):
            home = blocks[block, HOME]
            if way == 0:
                # The factor is above any number of names, so that no two pairs have one key.
                key = blocks[block, KIND] * 10000019 + blocks[block, OWNER]
            else:
                key = containers[home, TAG] * 10000019 + containers[home, NAME]
            slot = np.int64((np.uint64(key) * _SALT) >> np.uint64(20)) & (slots - 1)
            while keys[slot] >= 0 and keys[slot] != key:
                slot = (slot + 1) & (slots - 1)
            size = blocks[block, UNITS] + 1.0
            # Noted for the second loop, which reads what all blocks of a kind came to.
            keys[slot], slot_of[block] = key, slot
            members[slot] += 1
            units[slot] += size
            sums[slot] += size * alone[block]
        for block in range(count):
            slot = slot_of[block]
            out[block, to + 2 * way] = sums[slot] / units[slot]
            out[block, to + 2 * way + 1] = members[slot]


def choose_best(blocks: Rows, probabilities: Floats) -> Kept:
    """Return the choice with the best expected F1: what is likelier than half of that F1.

    Lipton et al. 2014 (arXiv:1402.1892): the best threshold of a probability is F*/2. What is
    less likely than `_MIN_PROBABILITY` stays out, so that a page without a main text has none.
    """
    kept = np.zeros(len(blocks), np.bool_)
    # What was compiled takes arrays without gaps.
    _choose_best(blocks, np.ascontiguousarray(probabilities), kept)
    return kept


@kernel("void(i8[,], f8[], b1[])")
def _choose_best(blocks: Rows, probabilities: Floats, kept: Kept) -> None:
    """Write the choice."""
    count = len(blocks)
    wanted = 0.0  # the expected amount of main text: what recall is a share of
    for block in range(count):
        wanted += probabilities[block] * (blocks[block, UNITS] + 2.0)
    # F1 / 2 is the best threshold and F1 depends on the threshold: a fixed point, in a few rounds.
    # Half of a perfect F1, where the search begins.
    threshold = 0.5
    for _ in range(_ROUNDS):
        taken, right = 0.0, 0.0
        for block in range(count):
            if probabilities[block] >= threshold:
                size = blocks[block, UNITS] + 2.0
                taken += size
                right += size * probabilities[block]
        # Half of F1: 2 · right / (taken + wanted) is the harmonic mean of precision, right / taken,
        # and recall, right / wanted.
        better = right / max(1e-9, taken + wanted)
        if abs(better - threshold) < 1e-4:
            break
        threshold = better
    threshold = max(threshold, _MIN_PROBABILITY)
    for block in range(count):
        kept[block] = probabilities[block] >= threshold
