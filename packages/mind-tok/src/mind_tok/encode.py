"""Encode batches of records: the part that runs in worker processes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mind_core import MindError, Record
from mind_core.chats import Message
from mind_core.errors import BadRecord
from mind_core.records import annotation, text_of
from mind_core.records import encode as encode_record
from mind_core.runner import BatchResult
from mind_core.stream import Batch
from mind_core.text.languages import language_of
from mind_tok.chat import (
    UnsuitableChat,
    conversations_of,
    encode_chats,
    trainable,
    trained_text,
)
from mind_tok.chat_template_ids import TemplateEncoder
from mind_tok.document_batch import DocumentBatch, Group, GroupNames
from mind_tok.sampling import hashes64
from mind_tok.shard_writer import id_type
from mind_tok.subword_sampling import SubwordSampling
from mind_tok.template_inputs import template_inputs
from mind_tok.tokenizer import Tokenizer

TOOL = "mind-tok"
STEP = "encode"
UNKNOWN_SOURCE = "unknown"


def source_of(record: Record) -> str:
    """Return where a record comes from, or "unknown"."""
    source = record.get("source")
    return source if isinstance(source, str) and source else UNKNOWN_SOURCE


class EncodedDocuments(NamedTuple):
    """The documents of one batch."""

    block: DocumentBatch
    keys: NDArray[np.uint64]
    """64 bits of the hash of the text of each, (n,), for the split."""


@dataclass(frozen=True)
class Encoder:
    """Encode the records of a batch, as texts or as conversations."""

    tokenizer: Tokenizer
    chat: bool = False
    seed: int = 0
    template: TemplateEncoder | None = None
    """Conversations are written by this template, not in MindLLM's form."""
    sampling: SubwordSampling | None = None
    """Texts are cut by chance."""

    def encode(self, batch: Batch, outcome: BatchResult) -> tuple[list[Record], EncodedDocuments]:
        """Return the records of a batch and their documents; bad and empty go to the outcome."""
        if self.template is not None:
            return self._by_template(self.template, batch, outcome)
        return self._chats(batch, outcome) if self.chat else self._texts(batch, outcome)

    def warm_up(self) -> None:
        """Get ready for much text, before worker processes are made: they share what is loaded."""
        self.tokenizer.warm_up()
        # Loads the loop's machine code.
        _languages([None], [b" "])

    def _texts(self, batch: Batch, outcome: BatchResult) -> tuple[list[Record], EncodedDocuments]:
        records: list[Record] = []
        texts: list[str] = []
        for position, line, record in outcome.records(batch):
            try:
                text = text_of(record, position)
            except BadRecord as error:
                outcome.bad.append((error, line))
                continue
            if text:
                records.append(record)
                texts.append(text)
            else:
                outcome.reject(record, TOOL, STEP, "empty_text")
        # Encoded once: for the hashes, the tokenizer, the sizes and the languages.
        encoded = [text.encode() for text in texts]
        keys = hashes64(encoded, self.seed)
        if self.sampling is None:
            ids, ends = self.tokenizer.encode_flat(texts, self.tokenizer.end_id, encoded)
        else:
            ids, ends = self.sampling.encode_flat(self.tokenizer, texts, encoded, keys)
        sizes = [len(data) for data in encoded]
        names = GroupNames()
        groups = self._groups(records, encoded, names)
        self._check(ids)
        block = DocumentBatch(
            ids.astype(id_type(self.tokenizer.vocab_size)),
            ends,
            np.array(sizes, np.int64),
            np.array(groups, np.int64),
            names.all(),
        )
        return records, EncodedDocuments(block, keys)

    def _chats(self, batch: Batch, outcome: BatchResult) -> tuple[list[Record], EncodedDocuments]:
        records: list[Record] = []
        chats: list[list[Message]] = []
        for position, line, record in outcome.records(batch):
            try:
                found = conversations_of(record, position)
            except UnsuitableChat as error:
                outcome.reject(record, TOOL, STEP, error.reason, position=position)
                continue
            except BadRecord as error:
                outcome.bad.append((error, line))
                continue
            # A record of several conversations counts as so many, each kept or rejected for itself.
            outcome.records_in += len(found) - 1
            for made, conversation in found:
                if conversation.removed:
                    outcome.details["template_residue"] += 1
                try:
                    messages, cut = trainable(conversation.messages, made, position)
                except UnsuitableChat as error:
                    outcome.reject(made, TOOL, STEP, error.reason, position=position)
                    continue
                records.append(made)
                chats.append(messages)
                if cut:
                    outcome.details["cut_conversations"] += 1
                    outcome.details["cut_messages"] += cut
        ids, mask, ends = encode_chats(self.tokenizer, chats)
        # For the split and the language: what was said, without the tokens of turns.
        texts = ["\n".join(m["content"] for m in messages).encode() for messages in chats]
        names = GroupNames()
        groups = self._groups(records, texts, names)
        self._check(ids)
        block = DocumentBatch(
            ids.astype(id_type(self.tokenizer.vocab_size)),
            ends,
            np.array([len(trained_text(messages).encode()) for messages in chats], np.int64),
            np.array(groups, np.int64),
            names.all(),
            mask,
        )
        return records, EncodedDocuments(block, hashes64(texts, self.seed))

    def _by_template(
        self, template: TemplateEncoder, batch: Batch, outcome: BatchResult
    ) -> tuple[list[Record], EncodedDocuments]:
        records: list[Record] = []
        rendered = []
        for position, line, record in outcome.records(batch):
            try:
                found = template_inputs(record, position)
                outcome.records_in += len(found) - 1
                for made, told in found:
                    try:
                        rendered.append(template.rendered(told, made, position))
                    except UnsuitableChat as error:
                        outcome.reject(made, TOOL, STEP, error.reason, position=position)
                        continue
                    records.append(made)
                    if told.cut:
                        outcome.details["cut_conversations"] += 1
                        outcome.details["cut_messages"] += told.cut
            except UnsuitableChat as error:
                outcome.reject(record, TOOL, STEP, error.reason, position=position)
            except BadRecord as error:
                outcome.bad.append((error, line))
        encoded = template.encode(rendered)
        # The empty array in front: there may be no conversation, of which nothing can
        # be concatenated.
        ids = np.concatenate([np.zeros(0, np.int32), *(one.ids for one in encoded)])
        mask = np.concatenate([np.zeros(0, np.uint8), *(one.mask for one in encoded)])
        texts = [one.text.encode() for one in rendered]
        names = GroupNames()
        groups = self._groups(records, texts, names)
        self._check(ids)
        block = DocumentBatch(
            ids.astype(id_type(self.tokenizer.vocab_size)),
            np.cumsum([len(one.ids) for one in encoded], dtype=np.int64),
            np.array([one.trained_bytes for one in encoded], np.int64),
            np.array(groups, np.int64),
            names.all(),
            mask,
        )
        return records, EncodedDocuments(block, hashes64(texts, self.seed))

    def _groups(
        self, records: Sequence[Record], texts: Sequence[bytes], names: GroupNames
    ) -> list[int]:
        """Return the number of each record's source and language."""
        known = [_known_language(record) for record in records]
        if self.chat or sum(map(len, texts)) < _MIN_LOOP_BYTES:
            languages = [
                language_of({**record, "text": text.decode()})
                for record, text in zip(records, texts, strict=True)
            ]
        else:
            languages = _languages(known, texts)
        sources = [source_of(record) for record in records]
        pairs = list(zip(sources, languages, strict=True))
        # Once for each pair and in the order of the first: a batch has few pairs and many records.
        numbers = {pair: names.number(Group(*pair)) for pair in dict.fromkeys(pairs)}
        return [numbers[pair] for pair in pairs]

    def _check(self, ids: Any) -> None:
        size = self.tokenizer.vocab_size
        if ids.dtype.kind not in "iu":
            raise MindError(
                f"the tokenizer gives ids of type {ids.dtype}",
                hint="ids are whole numbers; this is a fault of the tokenizer's plugin",
            )
        # Before ids are cut to 16 bits, which would make another token of a wrong one.
        if len(ids) and not (ids.min() >= 0 and ids.max() < size):
            wrong = ids[(ids < 0) | (ids >= size)][0]
            raise MindError(
                f"token {wrong} does not fit into a vocabulary of {size:,}",
                hint="the tokenizer is broken: it made an id that it does not have",
            )


def _known_language(record: Record) -> Any:
    metadata = record.get("metadata")
    if type(metadata) is not dict or "mind" not in metadata:
        return None  # most records: quickly told
    return annotation(record, "clean").get("language")


_MIN_LOOP_BYTES = 1 << 18
"""Below, telling languages one by one is quicker than loading the loop that tells many."""


def _languages(known: Sequence[Any], texts: Sequence[bytes]) -> list[str]:
    """Return what is known of each language, else what the text is in."""
    from mind_tok.language_counts import languages_of

    unknown = [i for i, language in enumerate(known) if not isinstance(language, str)]
    offsets = np.zeros(len(unknown) + 1, np.int64)
    np.cumsum([len(texts[i]) for i in unknown], out=offsets[1:])
    data = np.frombuffer(b"".join([texts[i] for i in unknown]), np.uint8)
    languages = list(known)
    for i, language in zip(unknown, languages_of(data, offsets), strict=True):
        languages[i] = language
    return languages


@dataclass(frozen=True)
class ToShards:
    """Work on a batch for a shard folder: documents in the payload, no lines."""

    encoder: Encoder

    def __call__(self, batch: Batch) -> BatchResult:
        """Return the outcome of one batch."""
        outcome = BatchResult()
        records, outcome.payload = self.encoder.encode(batch, outcome)
        # Kept, with nothing to write: the documents go into the folder.
        outcome.kept = [b""] * len(records)
        return outcome


@dataclass(frozen=True)
class ToStream:
    """Work on a batch for a stream: each record with its `ids`, and its `mask` in conversations."""

    encoder: Encoder

    def __call__(self, batch: Batch) -> BatchResult:
        """Return the outcome of one batch."""
        outcome = BatchResult()
        records, (block, _) = self.encoder.encode(batch, outcome)
        for number, record in enumerate(records):
            ids, mask = block.document(number)
            record["ids"] = ids.tolist()
            if mask is not None:
                record["mask"] = mask.tolist()
            outcome.keep(encode_record(record))
            outcome.details["tokens"] += len(ids)
        return outcome
