"""Our checkpoint as an lm-eval `LM`.

The meaning of each call is lm-eval's (`TemplateLM`, HFLM), token for token: trailing spaces of the
context move to the continuation; the continuation is cut off at the *number* of context tokens; an
empty context is one end token; what is too long is cut from the left (`cut` counts). Two cases in
which HFLM stops are answered here: where a merge over the boundary leaves the continuation without
a token of its own, the boundary moves one token to the left (`merged`); and a continuation longer
than the context is scored in windows, half of the context read again (`windowed`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from lm_eval.api.model import TemplateLM
from lm_eval.utils import get_rolling_token_windows

from mind_core import MindError
from mind_eval.scoring import BATCH_TOKENS, Scored, Sequenced, score
from mind_train.generate import continue_ids

if TYPE_CHECKING:
    from mind_train import Checkpoint

NEW_TOKENS = 256
"""Tokens to generate where a task does not say: lm-eval's default."""


class CheckpointLM(TemplateLM):  # type: ignore[misc]  # lm-eval has no types
    """Answer lm-eval's three kinds of request from a mind-train checkpoint."""

    def __init__(
        self,
        checkpoint: Checkpoint,
        *,
        batch_tokens: int = BATCH_TOKENS,
        done: Callable[[int], None] | None = None,
    ) -> None:
        super().__init__()
        self.checkpoint, self.batch_tokens, self.done = checkpoint, batch_tokens, done
        self.merged = self.cut = self.windowed = 0
        self._encode = lru_cache(maxsize=4096)(
            lambda text: tuple(checkpoint.tokenizer.encode(text))
        )

    @property
    def eot_token_id(self) -> int:
        """Give the id of the end token, which is also the empty context."""
        return self.checkpoint.tokenizer.end_id

    @property
    def max_length(self) -> int:
        """Give the longest input in tokens."""
        return self.checkpoint.context

    @property
    def tokenizer_name(self) -> str:
        """Identify the tokenizer."""
        return self.checkpoint.tokenizer.sha256

    def tok_encode(self, string: str, **_: Any) -> list[int]:
        """Encode text; our tokenizers add nothing to it, whatever is asked for."""
        return list(self._encode(string))

    def tok_decode(self, tokens: Sequence[int]) -> str:
        """Decode token ids."""
        return self.checkpoint.tokenizer.decode(list(tokens))

    def loglikelihood(self, requests: list[Any], **_: Any) -> list[Any]:
        """Score continuations: (log-probability in nats, whether greedy decoding writes it)."""
        answers: list[Any] = super().loglikelihood(requests, disable_tqdm=True)
        return answers

    def _loglikelihood_tokens(
        self, requests: list[tuple[tuple[str, str], list[int], list[int]]], **_: Any
    ) -> list[tuple[float, bool]]:
        windows = [self._windows(*request) for request in requests]
        answers = iter(self._score([window for parts in windows for window in parts]))
        found = []
        for parts in windows:
            scored = [next(answers) for _ in parts]
            found.append((sum(one.total for one in scored), all(one.greedy for one in scored)))
        return found

    def _windows(
        self, texts: tuple[str, str], context: list[int], continuation: list[int]
    ) -> list[Sequenced]:
        """Lay a request out for the model: one window, or several for a very long answer."""
        if not continuation and texts[1]:
            self.merged += 1
            whole = self._encode(texts[0] + texts[1])
            context, continuation = list(whole[:-1]), list(whole[-1:])
        if not continuation:
            raise MindError(f"an empty answer cannot be scored, after {texts[0][-80:]!r}")
        tokens = [*(context or [self.eot_token_id]), *continuation]
        width = self.max_length + 1
        if len(continuation) <= self.max_length:
            self.cut += len(tokens) > width
            return [Sequenced(tuple(tokens[-width:]), len(continuation))]
        self.windowed += 1
        found, done = [], len(tokens) - len(continuation)
        while done < len(tokens):
            stop = min(len(tokens), done + width - self.max_length // 2)
            found.append(Sequenced(tuple(tokens[max(0, stop - width) : stop]), stop - done))
            done = stop
        return found

    def _score(self, sequences: list[Sequenced]) -> list[Scored]:
        return score(
            self.checkpoint.model, sequences, batch_tokens=self.batch_tokens, done=self.done
        )

    def loglikelihood_rolling(self, requests: list[Any], **_: Any) -> list[float]:
        """Score whole texts after an end token, in windows that overlap by one token."""
        sequences, owners = [], []
        for number, request in enumerate(requests):
            tokens = self.tok_encode(request.args[0])
            for read, predicted in get_rolling_token_windows(
                tokens, self.eot_token_id, self.max_length, 1
            ):
                sequences.append(Sequenced((*read, predicted[-1]), len(predicted)))
                owners.append(number)
        totals = [0.0] * len(requests)
        for owner, answer in zip(owners, self._score(sequences), strict=True):
            totals[owner] += answer.total
        return totals

    def generate_until(self, requests: list[Any], **_: Any) -> list[str]:
        """Write on after each context, up to a stop string, the end token or the limit."""
        answers = []
        for number, request in enumerate(requests, 1):
            answers.append(self._generate(request.args[0], dict(request.args[1])))
            if self.done is not None:
                self.done(number)
        return answers

    def _generate(self, context: str, options: dict[str, Any]) -> str:
        until = options.get("until") or []
        stops = [until] if isinstance(until, str) else [stop for stop in until if stop]
        limit = int(options.get("max_gen_toks", NEW_TOKENS))
        prompt = self.tok_encode(context) or [self.eot_token_id]
        room = max(self.max_length - limit, 1)
        if len(prompt) > room:
            self.cut += 1
            prompt = prompt[-room:]
        sampled = bool(options.get("do_sample", False))
        stream = continue_ids(
            self.checkpoint.model,
            prompt,
            self.eot_token_id,
            float(options.get("temperature", 1.0)) if sampled else 0.0,
            float(options.get("top_p", 1.0)),
            seed=0,
        )
        written: list[int] = []
        for token in (token for token, _ in zip(stream, range(limit), strict=False)):
            written.append(token)
            if any(stop in self.tok_decode(written) for stop in stops):
                break
        text = self.tok_decode(written)
        ends = [place for place in (text.find(stop) for stop in stops) if place >= 0]
        return text[: min(ends)] if ends else text
