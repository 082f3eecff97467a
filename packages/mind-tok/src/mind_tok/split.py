"""Set documents apart for validation by the hash of what they say."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from mind_core.errors import UsageError

T = TypeVar("T")

TRAIN, VALIDATION = "train", "validation"
MIN_DOCUMENTS = 10
"""A group of fewer documents may stay without validation."""

_SEEN_BITS = 27
"""16 MiB that say which texts are in training. Two texts may share a bit; then one is taken for a
copy, and its group holds back another."""


@dataclass
class _Group:
    documents: int = 0
    has_validation: bool = False
    lowest: int | None = None


@dataclass
class _HeldBack(Generic[T]):
    """The copies of one text, from any group, and the groups whose lowest it is."""

    documents: list[T] = field(default_factory=list)
    groups: set[Hashable] = field(default_factory=set)


def check_share(share: float) -> None:
    """Raise `UsageError` for what is no share of the documents."""
    if not 0 <= share < 1:
        raise UsageError(
            f"--validation {share} is not a share from 0 up to but without 1",
            hint="for example 0.01 for one document of a hundred; 0 for none",
        )


def lowest(share: float) -> int:
    """Return the number below which the 64-bit hashes of such a share lie."""
    return int(share * 2**64)


class Splitter(Generic[T]):
    """Give each document to train or validation: the lowest `share` of hashes goes to validation.

    The same text goes the same way wherever it stands, so copies never lie on both sides. In each
    group the document with the lowest hash is held back, with its copies in other groups, until one
    falls to validation by itself; if none does, the held one goes there, if the group has
    `MIN_DOCUMENTS`. A text that is in training already is never held back: a group that holds
    nothing but copies of those stays without validation.
    """

    def __init__(self, share: float, min_documents: int = MIN_DOCUMENTS) -> None:
        check_share(share)
        self.share = share
        self.min_documents = min_documents
        self._below = lowest(share)
        self._groups: dict[Hashable, _Group] = {}
        self._held: dict[int, _HeldBack[T]] = {}
        self._trained = bytearray(1 << (_SEEN_BITS - 3))

    def place_all(
        self, names: Sequence[Hashable], groups: NDArray[np.int64], keys: NDArray[np.uint64]
    ) -> NDArray[np.bool_] | None:
        """Return which documents of a batch go to validation, or None, and then nothing is placed.

        Document i is of group `names[groups[i]]`, (n,). This is `place`, much quicker, for batches
        of which nothing is held back or let go, as nearly all are once groups have validation.
        """
        if not self.share:
            return np.zeros(len(keys), np.bool_)
        counts = np.bincount(groups, minlength=len(names)).tolist()
        # A group without validation may hold its lowest text back, which is a matter of one
        # document after the other.
        present = [(self._groups.get(names[i]), count) for i, count in enumerate(counts) if count]
        if not all(at is not None and at.has_validation for at, _ in present):
            return None
        if not self._held.keys().isdisjoint(keys.tolist()):
            return None
        for at, count in present:
            assert at is not None
            at.documents += count
        chosen = keys < np.uint64(self._below)
        # The highest bits of the hash: its lowest `share` goes to validation, so these are spread
        # evenly.
        bits = keys[~chosen] >> np.uint64(64 - _SEEN_BITS)
        marks = np.uint8(1) << (bits & np.uint64(7)).astype(np.uint8)
        np.bitwise_or.at(np.frombuffer(self._trained, np.uint8), bits >> np.uint64(3), marks)
        return chosen

    def place(
        self, group: Hashable, key: int, document: T, keep: Callable[[T], T] | None = None
    ) -> Iterator[tuple[str, T]]:
        """Yield (split, document) for what is settled now; `key` is the 64-bit hash of the text.

        `keep` makes what is held back smaller.
        """
        if not self.share:
            yield TRAIN, document
            return
        at = self._groups.setdefault(group, _Group())
        at.documents += 1
        # By the hash of the text alone: no count, no order, and the same for any cut of the input.
        if key < self._below:
            at.has_validation = True
            yield VALIDATION, document
            yield from self._let_go(group, at)
            return
        # The lowest hash of a group is the one that a larger share would have taken first.
        lower = not at.has_validation and (at.lowest is None or key < at.lowest)
        # A copy of a held text waits with it, wherever it comes from; a text in training stays
        # there.
        if key not in self._held and not (lower and not self._is_trained(key)):
            yield self._train(key, document)
            return
        held = self._held.setdefault(key, _HeldBack())
        held.documents.append(keep(document) if keep else document)
        if lower:
            yield from self._let_go(group, at)
            at.lowest = key
            held.groups.add(group)

    def finish(self) -> Iterator[tuple[str, T]]:
        """Yield (split, document) for what was held back, text after text."""
        for held in self._held.values():
            wanted = any(
                self._groups[group].documents >= self.min_documents for group in held.groups
            )
            for document in held.documents:
                yield VALIDATION if wanted else TRAIN, document
        self._held = {}

    def _let_go(self, group: Hashable, at: _Group) -> Iterator[tuple[str, T]]:
        """Give up a group's lowest text, and pass it on if no other group holds it."""
        if at.lowest is None:
            return
        key, at.lowest = at.lowest, None
        held = self._held[key]
        held.groups.remove(group)
        # Another group may hold the same text back, and then it waits on.
        if not held.groups:
            del self._held[key]
            for document in held.documents:
                yield self._train(key, document)

    def _train(self, key: int, document: T) -> tuple[str, T]:
        # The same bits as in `place_all`.
        bit = key >> (64 - _SEEN_BITS)
        self._trained[bit >> 3] |= 1 << (bit & 7)
        return TRAIN, document

    def _is_trained(self, key: int) -> bool:
        bit = key >> (64 - _SEEN_BITS)
        return bool(self._trained[bit >> 3] >> (bit & 7) & 1)
