"""Write token shards: documents in, files and counts out, the manifest last."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mind_core import MindError
from mind_core.files import atomic_folder, write_manifest
from mind_core.summary import version_of
from mind_tok.document_batch import DocumentBatch, Group
from mind_tok.emit import described, find_emitters
from mind_tok.shard_file import GROUPS, MASK, ClosedShard, ShardFile
from mind_tok.tokenizer import Tokenizer

FORMAT = "mind-shards"
VERSION = 1
SPLITS = ("train", "validation")
KINDS = ("text", "chat")
TOKENIZER = "tokenizer"
SHARD_TOKENS = 1 << 28
"""Tokens after which a new shard begins: half a gigabyte of 16-bit ids."""


def id_type(vocab_size: int) -> np.dtype[Any]:
    """Return the type of ids: 16 bits if every id of the vocabulary fits, else 32 bits.

    Ids stay below 2³¹, so the wide form reads the same as signed numbers, as Megatron wants it.
    """
    return np.dtype("<u2") if vocab_size <= 1 << 16 else np.dtype("<u4")


class ShardWriter:
    """Fill a shard folder; it appears under its name only if the `with` block succeeds.

    Ids outside of the vocabulary are refused with `MindError`: cut to 16 bits they would silently
    become others.
    """

    def __init__(
        self,
        folder: str | Path,
        tokenizer: Tokenizer,
        *,
        kind: str = "text",
        shard_tokens: int = SHARD_TOKENS,
        inputs: Sequence[Mapping[str, Any]] = (),
        settings: Mapping[str, Any] | None = None,
        emit: str = "",
    ) -> None:
        """`emit` names the trainers whose indexes are added: "megatron,datatrove,olmo"."""
        # Before anything is written: an unknown trainer is found at once.
        self._emitters = find_emitters(emit)
        assert kind in KINDS, kind
        self.path = Path(folder)
        self.tokenizer = tokenizer
        self.kind = kind
        self.shard_tokens = shard_tokens
        self.dtype = id_type(tokenizer.vocab_size)
        self.counts: dict[str, dict[str, dict[str, dict[str, int]]]] = {}
        self._about = {"inputs": [dict(i) for i in inputs], "settings": dict(settings or {})}
        self._groups: dict[Group, int] = {}
        self._open: dict[str, ShardFile] = {}
        # Each split numbers its own shards: train-00000, validation-00000.
        self._numbers = dict.fromkeys(SPLITS, 0)
        self._done: list[dict[str, Any]] = []
        self._stack = ExitStack()
        self._finished = False

    def __enter__(self) -> ShardWriter:
        self.folder = self._stack.enter_context(atomic_folder(self.path))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        # Inside the folder's own block, so that a manifest which cannot be written undoes it.
        with self._stack:
            if error is not None:
                for shard in self._open.values():
                    shard.close()
                raise error
            self.finish()

    def add(
        self,
        ids: ArrayLike,
        *,
        size: int,
        split: str = "train",
        source: str = "unknown",
        language: str = "und",
        mask: ArrayLike | None = None,
    ) -> None:
        """Add one document: its ids with the end token last, and the UTF-8 bytes of its text."""
        row = np.asarray(ids)
        marks = None if mask is None else np.asarray(mask, dtype=MASK)
        assert marks is None or len(marks) == len(row), "one mark for each id"
        one = np.array([len(row)], np.int64)
        zero = np.zeros(1, np.int64)
        names = (Group(source, language),)
        self.add_block(
            DocumentBatch(row, one, np.array([size], np.int64), zero, names, marks), split
        )

    def add_block(self, block: DocumentBatch, split: str = "train") -> None:
        """Add documents in their order; each has its end token last."""
        assert split in SPLITS, split
        assert (block.mask is not None) == (self.kind == "chat"), "only conversations have a mask"
        if not len(block):
            return
        self._check(block)
        # Checked before: a wide id cut to 16 bits would be another token in silence.
        ids = block.ids.astype(self.dtype, copy=False)
        # A batch numbers its groups by itself; these are their numbers in the folder.
        numbers = np.array([self._group(group) for group in block.names], GROUPS)
        first = 0
        while first < len(block):
            shard = self._open.get(split) or self._next_shard(split)
            last = first + self._fitting(shard, block.ends, first)
            # Not even one document fits into what is left of the open shard.
            if last == first:
                self._next_shard(split)
                continue
            shard.add(block, ids, numbers, first, last)
            first = last
        self._count(block, split)

    def _fitting(self, shard: ShardFile, ends: NDArray[np.int64], first: int) -> int:
        """Return how many documents from the first on go into a shard; one always fits alone."""
        start = int(ends[first - 1]) if first else 0
        room = self.shard_tokens - shard.tokens
        # A document is never cut: readers find it whole in one file.
        fitting = int(np.searchsorted(ends[first:], start + room, side="right"))
        return fitting or (0 if shard.documents else 1)

    def _count(self, block: DocumentBatch, split: str) -> None:
        documents = np.bincount(block.groups, minlength=len(block.names))
        tokens = np.zeros(len(block.names), np.int64)
        # add.at, as a group occurs many times: `tokens[groups] +=` would count its last document
        # alone.
        np.add.at(tokens, block.groups, block.lengths)
        sizes = np.zeros(len(block.names), np.int64)
        np.add.at(sizes, block.groups, block.sizes)
        for number, (source, language) in enumerate(block.names):
            if not documents[number]:
                continue
            count = (
                self.counts.setdefault(split, {})
                .setdefault(source, {})
                .setdefault(language, {"tokens": 0, "documents": 0, "bytes": 0})
            )
            count["tokens"] += int(tokens[number])
            count["documents"] += int(documents[number])
            count["bytes"] += int(sizes[number])

    def _check(self, block: DocumentBatch) -> None:
        lengths = block.lengths
        # Lengths first: the end of an empty document is the last token of the one before.
        if (lengths <= 0).any() or (block.ids[block.ends - 1] != self.tokenizer.end_id).any():
            raise MindError(
                "a document does not end with the end token",
                hint=f"append token {self.tokenizer.end_id} to its ids",
            )
        low, high = int(block.ids.min()), int(block.ids.max())
        if low < 0 or high >= self.tokenizer.vocab_size:
            raise MindError(
                f"token {low if low < 0 else high} does not fit into a vocabulary of "
                f"{self.tokenizer.vocab_size:,}",
                hint="the ids were made with another tokenizer",
            )

    def meet(self, groups: Sequence[Group]) -> None:
        """Number groups in the order in which they are met, whenever their documents come."""
        for group in groups:
            self._group(group)

    def _group(self, group: Group) -> int:
        number = self._groups.setdefault(group, len(self._groups))
        # Groups are 16 bits wide in the files: one more would come round to 0.
        if number > np.iinfo(GROUPS).max:
            raise MindError(
                f"more than {np.iinfo(GROUPS).max + 1:,} pairs of source and language",
                cause=f"{group.source!r} is one too many",
                hint="`source` names a collection, not a page: use few values",
            )
        return number

    def _next_shard(self, split: str) -> ShardFile:
        if split in self._open:
            self._close(self._open.pop(split), split)
        name = f"{split}-{self._numbers[split]:05d}"
        self._numbers[split] += 1
        self._open[split] = ShardFile(self.folder, name, with_mask=self.kind == "chat")
        return self._open[split]

    def _close(self, shard: ShardFile, split: str) -> None:
        row = shard.finish(split)
        written = ClosedShard(
            self.folder,
            shard.name,
            self.dtype.itemsize,
            shard.tokens,
            self.kind == "chat",
            self.tokenizer.sha256,
        )
        emitted = {name: described(emit(written)) for name, emit in self._emitters.items()}
        self._done.append({**row, "emitted": emitted} if emitted else row)

    def finish(self) -> None:
        """Write all that is left, the manifest last; then only the folder's name is to come.

        The end of the `with` block does this, unless it was done before.
        """
        if self._finished:
            return
        self._finished = True
        # A run that fails in here leaves no folder: its name comes with the end of the block.
        for split, shard in self._open.items():
            self._close(shard, split)
        self.tokenizer.save(self.folder / TOKENIZER)
        write_manifest(
            self.folder,
            {
                "format": FORMAT,
                "version": VERSION,
                "kind": self.kind,
                "dtype": self.dtype.newbyteorder("=").name,
                "tokenizer": {
                    "sha256": self.tokenizer.sha256,
                    "vocab_size": self.tokenizer.vocab_size,
                    "end_id": self.tokenizer.end_id,
                },
                "groups": [group._asdict() for group in self._groups],
                # Shards of the two splits close in turn; by name the manifest does not
                # tell in which.
                "shards": sorted(self._done, key=lambda shard: str(shard["name"])),
                "counts": self.counts,
                "versions": {name: version_of(name) for name in ("mind-tok", "mind-core")},
                **self._about,
            },
        )
