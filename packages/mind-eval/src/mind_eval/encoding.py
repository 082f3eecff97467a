"""From texts to sequences of tokens, with lm-eval's meaning (`TemplateLM`, HFLM), token for token.

Trailing spaces of the context move to the continuation; the continuation is cut off at the *number*
of context tokens; an empty context is one end token; what is too long is cut from the left (`cut`
counts). Two cases in which HFLM stops are answered here: where a merge over the boundary leaves the
continuation without a token of its own, the boundary moves one token to the left (`merged`); and a
continuation longer than the context is scored in windows, half of the context read again
(`windowed`).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from mind_core import MindError
from mind_eval.batching import ScoredSequence
from mind_eval.models.model import Model
from mind_eval.prompts.chat import ChatPrompt

Ids = tuple[int, ...]

FREE = 4
"""A prompt need leave no more than one part in so many of the context for what is written."""


class PromptEncoder:
    """Encode contexts and continuations for one model."""

    def __init__(self, model: Model) -> None:
        self.model = model
        self.merged = self.cut = self.windowed = 0
        # One context comes once for each of its choices, and once more to see whether it fits. The
        # bound keeps long prompts from filling the memory.
        self._plain = lru_cache(maxsize=512)(lambda text: tuple(model.tokenizer.encode(text)))
        turns = model.chat.encode if model.chat else None
        self._turns = None if turns is None else lru_cache(maxsize=512)(turns)

    def encode(self, text: str) -> Ids:
        """Encode a text, or a conversation with its control tokens."""
        if self._turns is None or not isinstance(text, ChatPrompt):
            return self._plain(text)
        tail = tuple(self.model.plain_ids(text.tail)) if text.tail else ()
        # The tail goes on in the model's own turn (what its answer begins with, or the answer
        # itself), so it gets no first token.
        return (*self._turns(text.messages), *tail)

    def counts(self) -> dict[str, int]:
        """Return how many prompts were cut, merged with their answer, or scored in windows."""
        return {
            "cut_from_the_left": self.cut,
            "boundary_merged": self.merged,
            "scored_in_windows": self.windowed,
        }

    def fits(self, text: str, limit: int) -> bool:
        """Tell whether a prompt with its answer fits: the last token is predicted, never read.

        With `limit` the answer is still to be written, in at most so many tokens.
        """
        # With an answer to score: of n tokens n - 1 are read, so one more than the context fits.
        return len(self.encode(text)) <= self.model.context + (
            1 if not limit else -self.room(limit)
        )

    def room(self, limit: int) -> int:
        """Give how many tokens a prompt leaves free for a text of at most `limit` tokens.

        A quarter of the context is enough, so that a large limit does not cost examples; the text
        may still grow up to the limit where there is room.
        """
        return min(limit, self.model.context // FREE)

    def pair(self, context: str, continuation: str) -> tuple[Ids, Ids]:
        """Encode a context and what comes after it, as lm-eval's `_encode_pair` does."""
        if self._turns is not None and isinstance(context, ChatPrompt):
            start = self.encode(context)  # the answer is a text of its own, as in training
            return start, self.encode(context + continuation)[len(start) :]
        spaces = len(context) - len(context.rstrip())
        # As lm-eval does: most vocabularies hold " word" with its space, which a context that ends
        # in a space would split.
        if spaces:
            context, continuation = context[:-spaces], context[-spaces:] + continuation
        if not context:
            return self._alone(continuation)
        whole, start = self.encode(context + continuation), self.encode(context)
        # By number, not by text: a merge over the boundary can change the context's own last token,
        # and lm-eval scores what stands after as many tokens all the same.
        return start, whole[len(start) :]

    def _alone(self, text: str) -> tuple[Ids, Ids]:
        """Encode a text with nothing before it: after the first token, once."""
        ids, start = tuple(self.model.plain_ids(text)), self.model.start_id
        return (ids[:1], ids[1:]) if len(ids) > 1 and ids[0] == start else ((start,), ids)

    def sequences(self, context: str, continuation: str) -> list[ScoredSequence]:
        """Lay a pair of texts out for the model: one window, or several for a very long answer."""
        return self.windows((context, continuation), *self.pair(context, continuation))

    def windows(
        self, texts: tuple[str, str], context: Sequence[int], continuation: Sequence[int]
    ) -> list[ScoredSequence]:
        """Lay a pair of token ids out that were made of a pair of texts."""
        context, continuation = tuple(context), tuple(continuation)
        if not continuation and texts[1]:
            self.merged += 1
            whole = self.encode("".join(texts))
            # The answer melted into the last token of the context, as with "1" after "10" where
            # "101" is one token: that token is scored.
            context, continuation = whole[:-1], whole[-1:]
        if not continuation:
            raise MindError(f"an empty answer cannot be scored, after {texts[0][-80:]!r}")
        tokens = (*(context or (self.model.start_id,)), *continuation)
        longest = self.model.context
        width = longest + 1
        if len(continuation) <= longest:
            # The last token is only predicted, so `context` + 1 tokens lose nothing.
            self.cut += len(tokens) > width
            return [ScoredSequence(tokens[-width:], len(continuation))]
        self.windowed += 1
        found, done = [], len(tokens) - len(continuation)
        while done < len(tokens):
            # Every window predicts what is new and reads half a context before it.
            stop = min(len(tokens), done + width - longest // 2)
            found.append(ScoredSequence(tokens[max(0, stop - width) : stop], stop - done))
            done = stop
        return found

    def prompt(self, context: str, limit: int) -> Ids:
        """Encode what is to be continued by up to `limit` tokens, cut from the left to fit."""
        ids = self.encode(context) or (self.model.start_id,)
        most = max(self.model.context - self.room(limit), 1)
        self.cut += len(ids) > most
        return ids[-most:]
