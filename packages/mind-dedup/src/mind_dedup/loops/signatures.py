"""Sorted sets to band keys: one-permutation MinHash with densification, a set at a time."""

# Indices are unsigned throughout: a signed one costs a test for a negative value at each access.

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from mind_core.kernels.hashing import Hashes, finalize_one
from mind_core.kernels.library import kernel
from mind_dedup.loops.facts import FACT, KIND

_ONE, _TWO = np.uint64(1), np.uint64(2)
Slots = npt.NDArray[np.uint32]
IntArray = npt.NDArray[np.int64]


@kernel("i8(u4[], i8[], i8, i8[], i8[], i8[], i8, u8[], u8[], u4[], u4[], u4[], i8[], u8[], i8)")
def fill_band_keys(
    flat: Slots,
    offsets: IntArray,
    bits: int,
    asked: IntArray,
    order: IntArray,
    rank: IntArray,
    rows: int,
    factors: Hashes,
    seeds: Hashes,
    found: Slots,
    full: Slots,
    empty: Slots,
    nearest: IntArray,
    keys: Hashes,
    stride: int,
) -> int:
    """Write the band keys of each set, `stride` apart; see `signing.write_keys`."""
    # One permutation hashing (Li, Owen & Zhang 2012): one hash of a member says its bin, by the
    # upper bits, and its value; the least of each bin is a slot of the signature.
    slots = np.uint64(1 << bits)
    shift = np.uint32(32 - bits)
    for text in range(np.uint64(len(offsets) - 1)):
        # `found` keeps what the text before left: `_densify` writes every slot that stays empty.
        for each in range(slots):
            full[each] = np.uint32(0)
        begin, end = np.uint64(offsets[text]), np.uint64(offsets[text + _ONE])
        for back in range(end - begin):  # a set is sorted: the last one to be written is the least
            value = flat[end - _ONE - np.uint64(back)]
            # Facts decide at the verification alone: as members of the signature they would part
            # pages whose dates differ.
            if value & KIND == FACT:
                continue
            slot = np.uint64(value >> shift)
            found[slot] = value
            full[slot] = np.uint32(1)
        # Short texts leave bins empty; two empty ones would count as equal (Shrivastava 2017).
        _densify(found, full, asked, order, rank, empty, nearest)
        slot, at = np.uint64(0), np.uint64(text) * np.uint64(stride)
        for band in range(np.uint64(len(seeds))):
            total = seeds[band]
            # Two slots of 32 bits in one multiplication (a multilinear hash of the band).
            for pair in range(np.uint64(rows // 2)):
                high = np.uint64(found[slot + _ONE]) << np.uint64(32)
                total += (np.uint64(found[slot]) | high) * factors[pair]
                slot += np.uint64(2)
            if rows % 2:
                total += np.uint64(found[slot]) * factors[rows // 2]
                slot += _ONE
            # The low bits of such a sum say little, and the table of keys takes bits of all places.
            keys[at + np.uint64(band)] = finalize_one(total)
    return 0


@kernel
def _densify(
    found: Slots,
    full: Slots,
    asked: IntArray,
    order: IntArray,
    rank: IntArray,
    empty: Slots,
    nearest: IntArray,
) -> None:
    """Let each empty slot borrow: from the bins it asks in turn, else from the next full one.

    All empty slots ask at once, and those that ask in vain are listed anew. What they took from an
    empty bin they write over later. So nothing has to be guessed.
    """
    slots = np.uint64(len(full))
    left = np.uint64(0)
    for each in range(slots):
        empty[left] = np.uint32(each)
        left += np.uint64(full[each] ^ np.uint32(1))
    taken = slots - left
    # `asked` holds for each draw which bin every slot asks: fixed, so that two texts ask alike.
    draw = np.uint64(0)
    while left > np.uint64(0) and draw < np.uint64(len(asked)):
        asking, left = left, np.uint64(0)
        for place in range(asking):
            slot = np.uint64(empty[place])
            donor = np.uint64(asked[draw + slot])
            found[slot] = found[donor]
            empty[left] = np.uint32(slot)
            left += np.uint64(full[donor] ^ np.uint32(1))
        draw += slots
    # Where many are full a step or two finds one; where few are, one round over all slots is less.
    if left <= _TWO * taken:  # few steps lead to the next full slot
        for place in range(left):
            slot = np.uint64(empty[place])
            at = np.uint64(rank[slot])
            while full[np.uint64(order[at])] == np.uint32(0):
                at = (at + _ONE) & (slots - _ONE)
            found[slot] = found[np.uint64(order[at])]
    else:
        _next_full(full, order, nearest)
        for place in range(left):
            slot = np.uint64(empty[place])
            found[slot] = found[np.uint64(nearest[np.uint64(rank[slot])])]


@kernel
def _next_full(full: Slots, order: IntArray, nearest: IntArray) -> None:
    """Note for each place of the shuffled order which full slot comes next, going round."""
    slots = np.uint64(len(full))
    following = np.int64(0)
    # The second round gives the last places what comes first, as the order goes round.
    for _ in range(2):
        for back in range(slots):
            place = slots - _ONE - np.uint64(back)
            own = order[place]
            following = own if full[np.uint64(own)] else following
            nearest[place] = following
