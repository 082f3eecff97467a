"""A model that scores the answers of conversations: one forward pass each, shared prompts once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mind_core.errors import UsageError
from mind_core.whole_files import MAX_JSON_BYTES, read_whole
from mind_sft_select.scoring.sums import AnswerSums, ChatSums
from mind_sft_select.scoring.templates import Answer, ConversationTemplate, EncodedChat

if TYPE_CHECKING:
    from mind_eval.models.model import Model

Messages = Sequence[Mapping[str, str]]
LONG = ("drop", "cut", "window")
SCOPES = ("answer", "all", "turn", "last")
TOO_LONG = "too_long"


@lru_cache(maxsize=2)
def model_of(name: str, device: str = "cpu", dtype: str = "float32") -> Model:
    """Open a mind-train run, a checkpoint or a Hugging Face folder, once for all its users."""
    if not name:
        raise UsageError("no model was named", hint="--model takes a run, a checkpoint or a folder")
    from mind_eval.models.model import open_model

    return open_model(name, device, dtype)


def check_model(name: str) -> None:
    """Raise `MindError` if there is neither a sound checkpoint nor a Hugging Face folder."""
    if not name:
        raise UsageError("no model was named", hint="--model takes a run, a checkpoint or a folder")
    from mind_train.checkpoint import find_checkpoint

    config = Path(name) / "config.json"
    if not (config.is_file() and b'"model_type"' in read_whole(config, MAX_JSON_BYTES)):
        find_checkpoint(Path(name))


def check_choice(option: str, value: str, known: Sequence[str]) -> None:
    """Raise `UsageError` for a value that an option does not know."""
    if value not in known:
        raise UsageError(f"{option} {value!r} is not known", hint=f"one of {', '.join(known)}")


@dataclass(frozen=True)
class AnswerModel:
    """Score conversations under a model, a template and a rule for those beyond the context.

    `long` is `drop` (too long is not scored), `cut` (what fits the context is), or `window` (every
    token is, past the first context with at least half of one before it).
    """

    model: Model
    template: ConversationTemplate
    long: str = "drop"
    scope: str = "answer"
    unconditional: bool = False
    plain: bool = False
    batch_tokens: int = 8192

    def __post_init__(self) -> None:
        check_choice("--long", self.long, LONG)
        check_choice("--scope", self.scope, SCOPES)

    def identity(self) -> dict[str, Any]:
        """Return all that a score depends on, the record aside, as JSON."""
        return {
            "model": self.model.section(),
            **self.template.describe(),
            "long": self.long,
            "scope": self.scope,
            "unconditional": self.unconditional,
            "plain": self.plain,
            "batch_tokens": self.batch_tokens,
        }

    def __call__(self, chats: Sequence[Messages]) -> list[ChatSums | None]:
        """Return the sums of conversations whose turns are in order; None for one too long."""
        encoded = self.template.encode(chats)
        jobs = _Jobs(self)
        main = [jobs.add(chat, self.scope == "all") for chat in encoded]
        alone = plain = [-1] * len(chats)
        if self.unconditional:
            alone = [jobs.add(self._without_questions(chat)) for chat in encoded]
        if self.plain:
            bare = ConversationTemplate(self.model.tokenizer, "plain").encode(chats)
            plain = [jobs.add(chat) for chat in bare]
        # All variants together: conversations, answers alone and plain texts share what they begin
        # with.
        found = jobs.run()
        return [
            None if i < 0 else self._sums(chat, found[i], found.get(a), found.get(p))
            for chat, i, a, p in zip(encoded, main, alone, plain, strict=True)
        ]

    def texts(self, texts: Sequence[str]) -> list[AnswerSums]:
        """Return the sums of plain texts, each after the token that begins one and with its end, in
        windows of the context.
        """
        jobs = _Jobs(replace(self, long="window"))
        numbers = []
        for text, ids in zip(texts, self.template.encode_texts(texts), strict=True):
            chat = EncodedChat(
                [self.template.begin, *ids, self.template.end],
                # The whole text is one answer from place 1 on; `stop` is the place of its end
                # token.
                [Answer(1, len(ids) + 1, len(text.encode()))],
            )
            numbers.append(jobs.add(chat))
        found = jobs.run()
        return [found[number].total() for number in numbers]

    def _without_questions(self, chat: EncodedChat) -> EncodedChat:
        """Return the answers alone behind the token that begins a text, as if they were one."""
        ids, answers = [self.template.begin], []
        for answer in chat.answers:
            start = len(ids)
            ids += chat.ids[answer.start : answer.stop + 1]
            answers.append(Answer(start, len(ids) - 1, answer.bytes))
        return EncodedChat(ids, answers)

    def _sums(
        self, chat: EncodedChat, nats: _Nats, alone: _Nats | None, plain: _Nats | None
    ) -> ChatSums:
        context = self.model.context
        # The last token is only predicted, so one more than the context fits.
        is_long = len(chat.ids) > context + 1
        turns = tuple(nats.answer(answer) for answer in chat.answers)
        scored = sum(turn.tokens + turn.ends for turn in turns)
        wanted = sum(a.stop - a.start + 1 for a in chat.answers)
        # What `cut` would have scored, so that one run tells of both rules.
        first = [nats.answer(answer, context + 1) for answer in chat.answers]
        return ChatSums(
            turns,
            chat.prompt_tokens,
            wanted - scored,
            inside=sum(first, AnswerSums()) if is_long and self.long == "window" else None,
            alone=None if alone is None else alone.total(),
            plain=None if plain is None else plain.total(),
            everything=nats.everything() if self.scope == "all" else None,
        )


class _Nats:
    """The nats of the scored positions of one conversation."""

    def __init__(self, chat: EncodedChat) -> None:
        self.chat = chat
        self.at: dict[int, float] = {}

    def answer(self, answer: Answer, limit: int | None = None) -> AnswerSums:
        """Sum over an answer, or over its positions below a limit."""
        stop = answer.stop if limit is None else min(answer.stop, limit)
        # Places that were cut off have no nats.
        found = [self.at[i] for i in range(answer.start, stop) if i in self.at]
        has_end = answer.stop in self.at and (limit is None or answer.stop < limit)
        length = answer.stop - answer.start
        # Bytes of a part are in proportion to its tokens.
        whole = len(found) == length
        share = answer.bytes if whole else round(answer.bytes * len(found) / length)
        return AnswerSums(sum(found), len(found), self.at[answer.stop] if has_end else 0.0,
                    int(has_end), share)  # fmt: skip

    def total(self) -> AnswerSums:
        """Sum over all answers."""
        return sum((self.answer(answer) for answer in self.chat.answers), AnswerSums())

    def everything(self) -> AnswerSums:
        """Sum over all positions, of which the end tokens are the answers'."""
        # Questions have no end token that counts as one.
        ends = [a.stop for a in self.chat.answers if a.stop in self.at]
        end_nats = sum(self.at[i] for i in ends)
        return AnswerSums(
            sum(self.at.values()) - end_nats, len(self.at) - len(ends), end_nats, len(ends),
            sum(a.bytes for a in self.chat.answers),
        )  # fmt: skip


class _Jobs:
    """Sequences of many conversations, scored together so that shared prompts are read once."""

    def __init__(self, owner: AnswerModel) -> None:
        self.owner = owner
        self.nats: list[_Nats] = []
        self.sequences: list[tuple[int, int, list[int], int]] = []

    def add(self, chat: EncodedChat, everything: bool = False) -> int:
        """Take a conversation; return its number, or -1 for one too long to be scored."""
        context, number = self.owner.model.context, len(self.nats)
        # The first token of all has nothing before it, and is never predicted.
        first = 1 if everything else min((a.start for a in chat.answers), default=len(chat.ids))
        is_long = len(chat.ids) > context + 1
        if is_long and self.owner.long == "drop":
            return -1
        if is_long and self.owner.long == "cut":
            chat = EncodedChat(chat.ids[: context + 1], chat.answers)
        # All answers lie behind the cut.
        if first >= len(chat.ids):
            return -1
        self.nats.append(_Nats(chat))
        for start, stop, predicted in windows(len(chat.ids), context):
            # A window that holds only questions is not read at all.
            if (begin := max(predicted, first)) < stop:
                self.sequences.append((number, start, chat.ids[start:stop], begin - start))
        return number

    def run(self) -> dict[int, _Nats]:
        """Score all sequences; return the nats of each conversation by its number."""
        from mind_eval.scoring import ScoredSequence, score

        asked = [
            ScoredSequence(tuple(ids), len(ids) - begin) for _, _, ids, begin in self.sequences
        ]
        answers = score(self.owner.model.network, asked, batch_tokens=self.owner.batch_tokens)
        for (number, start, _, begin), answer in zip(self.sequences, answers, strict=True):
            nats = self.nats[number]
            for place, logprob in enumerate(answer.logprobs, start + begin):
                nats.at[place] = -logprob
        return dict(enumerate(self.nats))


def windows(length: int, context: int) -> list[tuple[int, int, int]]:
    """Return (start, stop, first predicted) of windows in which each token but the first is
    predicted once, past the first window with at least half of the context before it.
    """
    # As in mind-eval's perplexity: a window reads `context` tokens and predicts one further.
    overlap, done, found = max(1, context // 2), 1, []
    while done < length:
        stop = min(length, done + (context if done == 1 else context - overlap + 1))
        found.append((max(0, stop - 1 - context), stop, done))
        done = stop
    return found
