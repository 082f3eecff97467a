"""Encode batches of records: the part that runs in worker processes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mind_core import Record
from mind_core.errors import BadRecord
from mind_core.flow import Outcome
from mind_core.languages import language_of
from mind_core.records import encode as encode_record
from mind_core.records import text_of
from mind_core.stream import Batch
from mind_tok.chat import encode_chat, messages_of, trained_text
from mind_tok.sampling import hash64
from mind_tok.shard_writer import MASK, Group
from mind_tok.tokenizer import Tokenizer

TOOL = "mind-tok"
STEP = "encode"
UNKNOWN_SOURCE = "unknown"


class Encoded(NamedTuple):
    """One document as it goes into a shard."""

    ids: NDArray[Any]
    mask: NDArray[np.uint8] | None
    size: int
    group: Group
    key: int
    """64 bits of the hash of its text, for the split."""


@dataclass(frozen=True)
class Encoder:
    """Encode the records of a batch, as texts or as conversations."""

    tokenizer: Tokenizer
    chat: bool = False
    seed: int = 0

    def encode(self, batch: Batch, outcome: Outcome) -> list[tuple[Record, Encoded]]:
        """Return the documents of a batch; bad and empty records go to the outcome."""
        return self._chats(batch, outcome) if self.chat else self._texts(batch, outcome)

    def _texts(self, batch: Batch, outcome: Outcome) -> list[tuple[Record, Encoded]]:
        rows: list[tuple[Record, str]] = []
        for position, line, record in outcome.records(batch):
            try:
                text = text_of(record, position)
            except BadRecord as error:
                outcome.bad.append((error, line))
                continue
            if text:
                rows.append((record, text))
            else:
                outcome.reject(record, TOOL, STEP, "empty_text")
        encoded = self.tokenizer.encode_arrays([text for _, text in rows])
        end = np.array([self.tokenizer.end_id], dtype=np.int32)
        return [
            (record, self._document(record, text, text, np.concatenate([ids, end]), None))
            for (record, text), ids in zip(rows, encoded, strict=True)
        ]

    def _chats(self, batch: Batch, outcome: Outcome) -> list[tuple[Record, Encoded]]:
        documents = []
        for position, line, record in outcome.records(batch):
            try:
                messages = messages_of(record, position)
            except BadRecord as error:
                outcome.bad.append((error, line))
                continue
            answers = trained_text(messages)
            if not answers:
                outcome.reject(record, TOOL, STEP, "no_answer")
                continue
            ids, mask = encode_chat(self.tokenizer, messages)
            text = "\n".join(message["content"] for message in messages)
            documents.append(
                (record, self._document(record, text, answers, np.array(ids, np.int32), mask))
            )
        return documents

    def _document(
        self,
        record: Record,
        text: str,
        trained: str,
        ids: NDArray[Any],
        mask: Sequence[int] | None,
    ) -> Encoded:
        source = record.get("source")
        group = Group(
            source if isinstance(source, str) and source else UNKNOWN_SOURCE,
            language_of({**record, "text": text}),
        )
        return Encoded(
            ids,
            None if mask is None else np.array(mask, dtype=MASK),
            len(trained.encode()),
            group,
            hash64(text.encode(), self.seed),
        )


@dataclass(frozen=True)
class ToShards:
    """Work on a batch for a shard folder: documents in the payload, no lines."""

    encoder: Encoder

    def __call__(self, batch: Batch) -> Outcome:
        """Return the outcome of one batch."""
        outcome = Outcome()
        outcome.payload = [document for _, document in self.encoder.encode(batch, outcome)]
        # Kept, with nothing to write: the documents go into the folder.
        outcome.kept = [b""] * len(outcome.payload)
        return outcome


@dataclass(frozen=True)
class ToStream:
    """Work on a batch for a stream: each record with its `ids`, and its `mask` in conversations."""

    encoder: Encoder

    def __call__(self, batch: Batch) -> Outcome:
        """Return the outcome of one batch."""
        outcome = Outcome()
        for record, document in self.encoder.encode(batch, outcome):
            record["ids"] = document.ids.tolist()
            if document.mask is not None:
                record["mask"] = document.mask.tolist()
            outcome.keep(encode_record(record))
            outcome.details["tokens"] += len(document.ids)
        return outcome
