"""The fixed held-out sets: whole documents of each source and language.

A set is chosen by a hash of the document's number, never by where it stands in a file, and is the
same at every evaluation and for every run on the same shards.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mind_train.data import DocumentIndex, Example, Flags
from mind_train.datasets.chat import ChatDataset
from mind_train.permutation import splitmix
from mind_train.shards import Shards


@dataclass(frozen=True)
class HeldOutSet:
    """The set of one group: rows whose masks say what counts.

    ``text`` marks the targets that are text, not the end of a document; ``bytes`` is the text's
    size in UTF-8: of whole documents, or of a conversation's answers.
    """

    source: str
    language: str
    rows: list[Example]
    text: list[Flags]
    bytes: int

    @property
    def name(self) -> str:
        """Name the group as metrics do."""
        return f"{self.source}/{self.language}"


def held_out_sets(
    shards: Shards, sequence: int, tokens: int, packed: bool = True
) -> list[HeldOutSet]:
    """Choose about ``tokens`` of each group of the validation split; [] if there is none.

    ``packed`` lays several conversations into a row.
    """
    split = shards.validation() if tokens > 0 else None
    if split is None:
        return []
    documents = DocumentIndex(split)
    end_id = int(shards.tokenizer["end_id"])
    sets = []
    for number, group in enumerate(shards.manifest["groups"]):
        chosen = choose(documents, number, tokens)
        if not chosen:
            continue
        if shards.manifest["kind"] == "chat":
            chat = ChatDataset(documents, sequence, end_id, chosen, packed)
            rows = [chat.row(i) for i in range(len(chat))]
            text = [row.mask & (row.ids[1:] != end_id) for row in rows if row.mask is not None]
            # Those that were packed: too long ones and those without an answer are left out.
            chosen = [document for pack in chat.packs for document in pack]
        else:
            rows, text = windows(documents, chosen, sequence, end_id)
        size = int(documents.sizes[chosen].sum())
        if rows:
            sets.append(HeldOutSet(group["source"], group["language"], rows, text, size))
    return sets


def choose(documents: DocumentIndex, group: int, tokens: int) -> list[int]:
    """Take documents of a group, in the order of a hash, as long as they fit the budget.

    Where each one alone is larger than the budget, the shortest is taken.
    """
    # By a hash of the number: the first documents of a file are often of one kind.
    numbers = sorted((int(d) for d in np.flatnonzero(documents.groups == group)), key=splitmix)
    chosen, taken = [], 0
    for number in numbers:
        length = int(documents.lengths[number])
        if taken + length <= tokens:
            chosen.append(number)
            taken += length
    return chosen or sorted(numbers, key=lambda d: int(documents.lengths[d]))[:1]


def windows(
    documents: DocumentIndex, chosen: list[int], sequence: int, end_id: int
) -> tuple[list[Example], list[Flags]]:
    """Lay documents one after another, an end token first; cut into windows, the last one padded.

    Each token is predicted once.
    """
    texts = [documents.read(number)[0] for number in chosen]
    # The end token stands before the first document as it does between documents in training.
    ids = np.concatenate([np.array([end_id], dtype=np.int64), *texts])
    # The end token in front belongs to the first document, whose first token it predicts.
    places = np.concatenate([[0], *(np.full(len(t), i) for i, t in enumerate(texts))])
    is_text = np.ones(len(ids), dtype=np.bool_)
    is_text[np.cumsum([len(t) for t in texts])] = False  # the last token of each is its end
    rows, text = [], []
    for begin in range(0, len(ids) - 1, sequence):
        end = min(begin + sequence + 1, len(ids))
        padding = (0, sequence + 1 - (end - begin))
        mask = np.pad(np.ones(end - begin - 1, dtype=np.bool_), padding)
        row_ids = np.pad(ids[begin:end], padding, constant_values=end_id)
        # Padding is a document of its own, to which nothing attends.
        numbers = np.pad(places[begin:end], padding, constant_values=len(texts))
        rows.append(Example(row_ids, numbers, mask))
        text.append(np.pad(is_text[begin + 1 : end], padding))
    return rows, text
