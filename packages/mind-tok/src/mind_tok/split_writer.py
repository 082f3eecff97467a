"""Fill a shard folder from batches of documents: train or validation for each, in order."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from mind_core.runner import BatchResult
from mind_tok.document_batch import DocumentBatch
from mind_tok.encode import EncodedDocuments
from mind_tok.shard_writer import SPLITS, ShardWriter
from mind_tok.split import TRAIN, VALIDATION, Splitter


class _At(NamedTuple):
    """A document: its block, and its number in there."""

    block: DocumentBatch
    number: int


class SplitWriter:
    """Take the outcomes of workers in order, and give their documents to a writer.

    Documents of a split lie in the order of the input, save the few that the splitter holds back.
    """

    def __init__(self, writer: ShardWriter, splitter: Splitter[_At]) -> None:
        self.writer = writer
        self.splitter = splitter
        self._waiting: dict[str, list[int]] = {split: [] for split in SPLITS}

    def settle(self, outcome: BatchResult) -> BatchResult:
        """Place all documents of one batch."""
        documents: EncodedDocuments = outcome.payload
        block = documents.block
        # Groups are numbered when they are met, not when their documents are written: some wait.
        self.writer.meet(block.names)
        chosen = self.splitter.place_all(block.names, block.groups, documents.keys)
        if chosen is not None:
            for split, numbers in (
                (TRAIN, np.flatnonzero(~chosen)),
                (VALIDATION, np.flatnonzero(chosen)),
            ):
                self.writer.add_block(block.take(numbers), split)
            return outcome
        names, groups = block.names, block.groups.tolist()
        for number, key in enumerate(documents.keys.tolist()):
            # Held back, it must not keep the whole batch in memory.
            document = _At(block, number)
            for split, placed in self.splitter.place(names[groups[number]], key, document, _alone):
                self._give(block, split, placed)
        self._flush(block)
        return outcome

    def finish(self) -> None:
        """Place what was held back."""
        for split, (block, number) in self.splitter.finish():
            self.writer.add_block(block.take([number]), split)

    def _give(self, block: DocumentBatch, split: str, placed: _At) -> None:
        # Of this batch: written in one go with its neighbours.
        if placed.block is block:
            self._waiting[split].append(placed.number)
            return
        # What was passed on before it keeps its place before it.
        self._flush(block, split)
        self.writer.add_block(placed.block.take([placed.number]), split)

    def _flush(self, block: DocumentBatch, *splits: str) -> None:
        for split in splits or SPLITS:
            if numbers := self._waiting[split]:
                self.writer.add_block(block.take(numbers), split)
                self._waiting[split] = []


def _alone(document: _At) -> _At:
    return _At(document.block.take([document.number]), 0)
