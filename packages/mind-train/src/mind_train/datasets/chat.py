"""Chat shards as rows: whole conversations packed (best fit, longest first) and padded.

Only answers are trained on. A conversation that is longer than a row, or has no answer, is left out
and reported: half a conversation would teach answers to questions that were cut away.
"""

from __future__ import annotations

import bisect
from collections.abc import Callable, Sequence

import numpy as np

from mind_core import MindError
from mind_train.data import DocumentIndex, Example


class ChatDataset:
    """Whole conversations packed into padded rows, with a mask on the answers.

    ``chosen`` numbers the conversations to use; None is all of them. Not ``packed``, each has a row
    of its own.
    """

    def __init__(
        self,
        documents: DocumentIndex,
        sequence: int,
        pad_id: int,
        chosen: Sequence[int] | None = None,
        packed: bool = True,
    ) -> None:
        self.sequence, self.pad_id, self.documents = sequence, pad_id, documents
        numbers = range(len(documents)) if chosen is None else chosen
        # One token more than a row predicts: the first is only read.
        fitting = [d for d in numbers if documents.lengths[d] <= sequence + 1]
        trained = [d for d in fitting if self._is_trained(d)]
        self.too_long = len(numbers) - len(fitting)
        self.silent = len(fitting) - len(trained)
        self.packs = (
            [[d] for d in trained]
            if not packed
            else pack(trained, lambda d: int(documents.lengths[d]), sequence + 1)
        )

    def _is_trained(self, document: int) -> bool:
        mask = self.documents.read(document)[1]
        # The first token has nothing before it, so an answer of that alone trains nothing.
        return mask is not None and bool(mask[1:].any())

    def require_rows(self) -> ChatDataset:
        """Raise MindError if there is nothing to train on."""
        if not self.packs:
            raise MindError(
                f"no conversation of {len(self.documents):,} can be trained on",
                cause=f"{self.too_long:,} are longer than a row of {self.sequence + 1} tokens, "
                f"{self.silent:,} have no answer",
                hint="make train.sequence larger, up to the model's context",
            )
        return self

    def __len__(self) -> int:
        return len(self.packs)

    def row(self, number: int, epoch: int = 0) -> Example:  # noqa: ARG002
        """Lay the conversations of one pack side by side, then padding."""
        width = self.sequence + 1
        ids = np.full(width, self.pad_id, dtype=np.int64)
        mask = np.zeros(width, dtype=np.bool_)
        # Padding is a document of its own, so that no conversation attends to it.
        numbers = np.full(width, len(self.packs[number]), dtype=np.int64)
        at = 0
        for place, document in enumerate(self.packs[number]):
            tokens, trained = self.documents.read(document)
            stop = at + len(tokens)
            ids[at:stop], numbers[at:stop] = tokens, place
            if trained is not None:
                mask[at:stop] = trained
            mask[at] = False  # nothing stands before a conversation that could predict it
            at = stop
        # A mask is of targets: number i of a row says whether token i + 1 is trained on.
        return Example(ids, numbers, mask[1:])

    def notes(self) -> list[str]:
        """Say how full the rows are, and which conversations were left out."""
        used = sum(int(self.documents.lengths[d]) for pack in self.packs for d in pack)
        full = used / (len(self.packs) * (self.sequence + 1))
        notes = [f"conversations fill {full:.0%} of {len(self.packs):,} rows"]
        if self.too_long:
            notes.append(f"{self.too_long:,} conversations longer than a row are left out")
        if self.silent:
            notes.append(f"{self.silent:,} conversations without an answer are left out")
        return notes


def pack(items: list[int], length: Callable[[int], int], room: int) -> list[list[int]]:
    """Pack items into bins of a size: best fit, longest first; ties in the order given."""
    # A sorted list of room left makes the choice a bisection, where a scan of all bins would be
    # quadratic.
    bins: list[list[int]] = []
    free: list[tuple[int, int]] = []  # (room left, bin), sorted
    # Longest first is within 22 % of the least number of bins in the worst case (Johnson 1973).
    for item in sorted(items, key=lambda i: -length(i)):
        # The fullest bin that still has room; -1 comes before any bin of that room.
        at = bisect.bisect_left(free, (length(item), -1))
        if at == len(free):
            bins.append([])
            left, place = room, len(bins) - 1
        else:
            left, place = free.pop(at)
        bins[place].append(item)
        bisect.insort(free, (left - length(item), place))
    return bins
