"""Few-shot examples that depend on the task and the item, never on what was visited before.

lm-eval draws from one generator per task that moves on with every item, so its prompts change with
the number of ranks and the limit; and where a task has only a test split, an item can meet itself
among its shots. Here the draw is keyed by (seed, task, item id), and an item equal to the tested
one is never taken, whichever split it stands in.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from typing import Any

import orjson

Doc = dict[str, Any]
FIRST = "first_n"


class Shots:
    """A pool of examples: the first ones (`first_n`), or drawn; `within` keeps to one subject."""

    def __init__(
        self,
        task: str,
        pool: Sequence[Doc],
        *,
        sampler: str = "default",
        within: str | None = None,
        seed: int = 0,
    ) -> None:
        self.task, self.sampler, self.within, self.seed = task, sampler, within, seed
        self.groups: dict[Any, list[tuple[Doc, bytes]]] = {}
        for doc in pool:
            self.groups.setdefault(self._group(doc), []).append((doc, content(doc)))

    def choose(self, doc: Doc, wanted: int) -> list[Doc]:
        """Choose up to `wanted` examples for an item, none of them the item itself."""
        group = self.groups.get(self._group(doc), [])
        own = content(doc)
        chosen: list[Doc] = []
        for index in self._order(doc, len(group)):
            if len(chosen) >= wanted:
                break
            shot, mark = group[index]
            # By content: the same question may stand in two splits under two ids.
            if mark != own:
                chosen.append(shot)
        return chosen

    def describe(self) -> str:
        """Say in words how shots are taken."""
        how = "the first of the pool" if self.sampler == FIRST else "drawn by (task, item id)"
        return f"{how}, same {self.within}" if self.within else how

    def _group(self, doc: Doc) -> Any:
        return doc.get(self.within) if self.within else None

    def _order(self, doc: Doc, size: int) -> Iterator[int]:
        if self.sampler == FIRST:
            return iter(range(size))
        return permuted(f"{self.seed}|{self.task}|{doc.get('id', content(doc).hex())}", size)


def content(doc: Doc) -> bytes:
    """Hash what an item says; its id is not part of it."""
    said = {name: value for name, value in doc.items() if name != "id"}
    return hashlib.sha256(orjson.dumps(said, option=orjson.OPT_SORT_KEYS, default=str)).digest()


def permuted(key: str, size: int) -> Iterator[int]:
    """Yield 0 … size-1 in an order that only the key decides (Fisher-Yates over SHA-256)."""
    moved: dict[int, int] = {}
    for place in range(size):
        draw = hashlib.sha256(f"{key}|{place}".encode()).digest()
        # 256 bits over any size: the rest of the division favours nobody measurably.
        other = place + int.from_bytes(draw, "big") % (size - place)
        yield moved.get(other, other)
        # Only what moved is held: of a large pool a few are drawn, and no list of it is made.
        moved[other] = moved.get(place, place)
