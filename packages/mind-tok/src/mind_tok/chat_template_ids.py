"""Rendered conversations to ids and masks."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mind_core import MindError, Record
from mind_core.records import encode as encode_record
from mind_tok.chat import UnsuitableChat
from mind_tok.chat_template import (
    ChatTemplate,
    CostlyTemplate,
    LostText,
    RenderedConversation,
    strings_of,
)
from mind_tok.huggingface import HuggingFaceTokenizer
from mind_tok.template_inputs import TemplateInput
from mind_tok.tokenizer import Tokenizer


class EncodedConversation(NamedTuple):
    """One conversation: ids, 1 where the model learns, and the bytes of what it learns."""

    ids: NDArray[np.int32]
    mask: NDArray[np.uint8]
    trained_bytes: int


def control_tokens(tokenizer: Tokenizer) -> dict[str, int]:
    """Return the ids of control tokens by their texts."""
    rows = enumerate(tokenizer.vocabulary())
    return {row.data.decode("utf-8", "replace"): i for i, row in rows if row.kind == "control"}


@dataclass(frozen=True)
class TemplateEncoder:
    """Encode conversations by a template; a token that touches an answer is learnt."""

    tokenizer: Tokenizer
    template: ChatTemplate
    end_id: int | None = None
    """What each conversation ends with in shards, where documents follow each other. Templates
    such as ChatML's end with a line break: this token is added then, and not learnt."""

    def __getstate__(self) -> tuple[Tokenizer, ChatTemplate, int | None]:
        # Without what is cached: workers would be sent tables that they can make.
        return self.tokenizer, self.template, self.end_id

    def __setstate__(self, state: tuple[Tokenizer, ChatTemplate, int | None]) -> None:
        for name, value in zip(("tokenizer", "template", "end_id"), state, strict=True):
            object.__setattr__(self, name, value)

    def rendered(self, told: TemplateInput, record: Record, position: str) -> RenderedConversation:
        """Return a conversation as text; raise `UnsuitableChat` for what it cannot say.

        A text that spells a control token would become one (`control_token`).
        """
        for text in strings_of([[dict(m) for m in told.messages], told.tools]):
            if self._pattern is not None and (found := self._pattern.search(text)):
                cause = f"it says {found.group()!r}, which is a control token"
                raise UnsuitableChat("control_token", position, encode_record(record), cause=cause)
        try:
            return self.template.render(told.messages, told.tools)
        except CostlyTemplate:
            raise
        except MindError as error:
            reason = "template_leaves_out" if isinstance(error, LostText) else "template_refuses"
            raise UnsuitableChat(
                reason, position, encode_record(record), cause=error.message
            ) from None

    def prompt(self, messages: Sequence[Mapping[str, str]]) -> list[int]:
        """Return the ids after which the model writes the next answer.

        Raises `MindError` for what the template refuses, and for a message that spells a control
        token.
        """
        for message in messages:
            if self._pattern is not None and (found := self._pattern.search(message["content"])):
                raise MindError(
                    f"a message says {found.group()!r}, which is a control token of the model",
                    hint="leave it out: it would end the message",
                )
        [encoded] = self.encode([RenderedConversation(self.template.prompt(messages), [])])
        return [int(token) for token in encoded.ids]

    def answer_end(self) -> int | None:
        """Return the control token that the template writes behind an answer, if there is one."""
        answer = "42"
        told = [{"role": "user", "content": "?"}, {"role": "assistant", "content": answer}]
        _, _, rest = self.template.render(told).text.rpartition(answer)
        found = self._pattern.match(rest.lstrip()) if self._pattern is not None else None
        return self._control[found.group()] if found else None

    def encode(self, conversations: Sequence[RenderedConversation]) -> list[EncodedConversation]:
        """Return ids and masks."""
        if isinstance(self.tokenizer, HuggingFaceTokenizer):
            rows = self.tokenizer.full.encode_batch(
                [one.text for one in conversations], add_special_tokens=False
            )
            found = [(np.array(row.ids, np.int32), row.offsets) for row in rows]
        else:
            found = [(self._ids(one.text), None) for one in conversations]
        return [
            self._encoded(one, ids, offsets)
            for one, (ids, offsets) in zip(conversations, found, strict=True)
        ]

    def _encoded(
        self, one: RenderedConversation, ids: NDArray[np.int32], offsets: Any
    ) -> EncodedConversation:
        data = one.text.encode()
        ends = np.cumsum(self._sizes[ids])
        # The tokens' bytes add up to the text, so that each one's place is known exactly.
        if len(ids) and int(ends[-1]) == len(data):
            begins = ends - self._sizes[ids]
            places = [
                (len(one.text[:b].encode()), len(one.text[:e].encode())) for b, e in one.spans
            ]
        elif offsets is not None:
            # The library says where tokens lie, in characters, also where it changed the text.
            edges = np.array(offsets, np.int64).reshape(-1, 2)
            begins, ends, places = edges[:, 0], edges[:, 1], one.spans
        else:
            raise MindError(
                "the tokens of a conversation do not add up to its text",
                hint="this tokenizer changes texts, so nobody can say which token an answer is of",
            )
        mask = np.zeros(len(ids), np.uint8)
        for begin, end in places:
            mask[(begins < end) & (ends > begin)] = 1
        trained = sum(len(one.text[b:e].encode()) for b, e in one.spans)
        if self.end_id is not None and (not len(ids) or ids[-1] != self.end_id):
            ids, mask = np.append(ids, np.int32(self.end_id)), np.append(mask, np.uint8(0))
        return EncodedConversation(ids, mask, trained)

    def _ids(self, text: str) -> NDArray[np.int32]:
        """Return the ids of a text in which control tokens are spelt out."""
        control = self._control
        pieces = self._pattern.split(text) if self._pattern is not None else [text]
        spelt = self._pattern.findall(text) if self._pattern is not None else []
        flat, ends = self.tokenizer.encode_flat(pieces)
        rows = np.split(flat, ends[:-1])
        for place, token in enumerate(spelt):
            # Pieces and control tokens alternate: behind piece n comes the n-th of these.
            rows.insert(2 * place + 1, np.array([control[token]], np.int32))
        return np.concatenate(rows).astype(np.int32)

    @cached_property
    def _control(self) -> dict[str, int]:
        return control_tokens(self.tokenizer)

    @cached_property
    def _pattern(self) -> re.Pattern[str] | None:
        # An alternative that is the beginning of another one would be found in its place.
        longest_first = sorted((t for t in self._control if t), key=len, reverse=True)
        return re.compile("|".join(map(re.escape, longest_first))) if longest_first else None

    @cached_property
    def _sizes(self) -> NDArray[np.int64]:
        """Return the bytes that each token stands for."""
        return np.array([len(row.data) for row in self.tokenizer.vocabulary()], np.int64)
