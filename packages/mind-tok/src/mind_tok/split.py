"""Set documents apart for validation by the hash of what they say."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from mind_core.errors import UsageError

T = TypeVar("T")

TRAIN, VALIDATION = "train", "validation"
LEAST_DOCUMENTS = 10
"""A group of fewer documents may stay without validation."""


@dataclass
class _Group(Generic[T]):
    documents: int = 0
    has_validation: bool = False
    lowest: int = -1
    held: list[T] = field(default_factory=list)


class Splitter(Generic[T]):
    """Give each document to train or validation: the lowest `share` of hashes goes to validation.

    The same text goes the same way wherever it stands, so copies never lie on both sides. In each
    group the document with the lowest hash is held back until one falls to validation by itself; if
    none does, the group's held one goes there, if the group has `LEAST_DOCUMENTS`.
    """

    def __init__(self, share: float, least: int = LEAST_DOCUMENTS) -> None:
        if not 0 <= share < 1:
            raise UsageError(
                f"--validation {share} is not a share from 0 up to but without 1",
                hint="for example 0.01 for one document of a hundred; 0 for none",
            )
        self.share = share
        self.least = least
        self._below = int(share * 2**64)
        self._groups: dict[Hashable, _Group[T]] = {}

    def place(self, group: Hashable, key: int, document: T) -> Iterator[tuple[str, T]]:
        """Yield (split, document) for what is settled now; `key` is the 64-bit hash of the text."""
        if not self.share:
            yield TRAIN, document
            return
        at = self._groups.setdefault(group, _Group())
        at.documents += 1
        if key < self._below:
            at.has_validation = True
            yield VALIDATION, document
            yield from self._let_go(at)
        elif at.has_validation or (at.held and key > at.lowest):
            yield TRAIN, document
        else:
            if key != at.lowest:
                yield from self._let_go(at)
            at.lowest = key
            at.held.append(document)

    def finish(self) -> Iterator[tuple[str, T]]:
        """Yield (split, document) for what was held back, group after group."""
        for at in self._groups.values():
            split = VALIDATION if at.documents >= self.least else TRAIN
            for document in at.held:
                yield split, document
            at.held = []

    def _let_go(self, at: _Group[T]) -> Iterator[tuple[str, T]]:
        for document in at.held:
            yield TRAIN, document
        at.held = []
