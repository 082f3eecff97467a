"""Conversations as token ids, in the ways in which a model may have to read them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mind_core.errors import UsageError
from mind_core.special_tokens import ASSISTANT, USER

TEMPLATES = ("auto", "mindllm", "text", "plain")
EXAMPLE = (
    {"role": "user", "content": "Q?"},
    {"role": "assistant", "content": "A."},
)


@dataclass(frozen=True)
class Answer:
    """Positions start … stop-1 of an answer's tokens; the end token stands at `stop`, if any."""

    start: int
    stop: int
    bytes: int


@dataclass(frozen=True)
class EncodedChat:
    """Ids of a conversation behind the token that begins a text, and where its answers are."""

    ids: list[int]
    answers: list[Answer]

    @property
    def prompt_tokens(self) -> int:
        """Count the tokens that are read and not scored."""
        return len(self.ids) - sum(a.stop - a.start + 1 for a in self.answers)


class ConversationTemplate:
    """Write conversations as ids for one tokenizer.

    `mindllm` is the chat format of `mind_tok.chat`, with control tokens that the tokenizer must
    have. `text` spells the same turns as `User:` and `Assistant:`, for models without them. `plain`
    has no marks at all: question, line feed, answer. `auto` is `mindllm` where the tokenizer has
    its tokens, else `text`.
    """

    def __init__(self, tokenizer: Any, name: str = "auto") -> None:
        if name not in TEMPLATES:
            raise UsageError(
                f"there is no template {name!r}", hint=f"one of {', '.join(TEMPLATES)}"
            )
        self.tokenizer = tokenizer
        self.begin = int(tokenizer.end_id)
        # A fine-tuned model may end its turns with another token than its documents.
        self.end = int(getattr(tokenizer, "stop_id", tokenizer.end_id))
        marks = [self._control(USER), self._control(ASSISTANT)]
        if name == "auto":
            name = "text" if None in marks else "mindllm"
        if name == "mindllm" and None in marks:
            raise UsageError(
                f"the tokenizer has no {USER} and {ASSISTANT}",
                hint="--template text spells the turns, --template plain leaves them out",
            )
        self.name = name
        self.user, self.assistant = marks

    def encode(self, chats: Sequence[Sequence[Mapping[str, str]]]) -> list[EncodedChat]:
        """Encode conversations; system messages stand before the question that follows them."""
        texts: list[str] = []
        plans: list[list[tuple[int | None, bool]]] = []
        for messages in chats:
            plan: list[tuple[int | None, bool]] = []
            for mark, text, is_answer in self._pieces(messages):
                texts.append(text)
                plan.append((mark, is_answer))
            plans.append(plan)
        encoded = iter(zip(texts, self.encode_texts(texts), strict=True))
        return [self._joined(plan, encoded) for plan in plans]

    def describe(self) -> dict[str, Any]:
        """Return the template's name with one example spelt in tokens."""
        (example,) = self.encode([EXAMPLE])
        return {
            "template": self.name,
            "example_text": [dict(message) for message in EXAMPLE],
            "example_ids": example.ids,
            "example_scored": [[a.start, a.stop] for a in example.answers],
        }

    def _pieces(self, messages: Sequence[Mapping[str, str]]) -> list[tuple[int | None, str, bool]]:
        """Return (control token before it, text, whether it is an answer) of each piece."""
        pieces: list[tuple[int | None, str, bool]] = []
        system: list[str] = []
        for message in messages:
            role, content = message["role"], message["content"]
            if role == "system":
                system.append(content)
            elif role == "user":
                # A system message stands before the first question after it, and only there.
                question, system = "\n".join([*system, content]), []
                if self.name == "mindllm":
                    pieces.append((self.user, f"\n{question}\n", False))
                    pieces.append((self.assistant, "\n", False))
                elif self.name == "text":
                    pieces.append((None, f"User: {question}\n\nAssistant:", False))
                else:
                    pieces.append((None, f"{question}\n", False))
            else:
                pieces.append((None, f" {content}" if self.name == "text" else content, True))
        return pieces

    def _joined(self, plan: list[tuple[int | None, bool]], encoded: Any) -> EncodedChat:
        ids, answers = [self.begin], []
        for mark, is_answer in plan:
            text, tokens = next(encoded)
            # By id, between the texts: what a user wrote can never become a control token.
            if mark is not None:
                ids.append(mark)
            start = len(ids)
            ids += tokens
            if is_answer:
                size = len(text.encode()) - (self.name == "text")  # the space before it is a mark
                answers.append(Answer(start, len(ids), size))
                ids.append(self.end)
        return EncodedChat(ids, answers)

    def encode_texts(self, texts: Sequence[str]) -> list[list[int]]:
        """Encode pieces of text without any token of their own around them."""
        if not texts:
            return []
        # Inside the function: only a model's folder brings a tokenizer of transformers.
        from mind_eval.models.huggingface import FolderTokenizer

        # By class: both kinds have the same names, and one of transformers may put a first token
        # before every piece, also inside an answer.
        if not isinstance(self.tokenizer, FolderTokenizer):
            return [list(ids) for ids in self.tokenizer.encode_batch(texts)]
        # What a text says can never become a control token.
        found: list[list[int]] = self.tokenizer.tokenizer(
            list(texts), add_special_tokens=False, split_special_tokens=True
        )["input_ids"]
        return found

    def _control(self, token: str) -> int | None:
        if (known := getattr(self.tokenizer, "special_ids", None)) is not None:
            return dict(known).get(token)
        foreign = self.tokenizer.tokenizer
        found = foreign.convert_tokens_to_ids(token)
        return None if found is None or found == foreign.unk_token_id else int(found)
