"""A server that speaks OpenAI's protocol: completions, or chat for tasks in which a model writes.

Greedy. A completions server scores choices too, by `echo` with `logprobs`. A busy server is asked
again when it says so (`Retry-After`); what is no answer is an error that names the item, or is
counted by its kind: it is never scored as a wrong answer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from mind_core import MindError
from mind_eval.models.http_requests import QUOTED, post
from mind_eval.prompts.chat import ChatPrompt
from mind_eval.response_cache import WrittenText, trimmed

COMPLETIONS, CHAT = "completions", "chat"
APIS = (COMPLETIONS, CHAT)
FILTERED, CUT, TOOL_CALLS = "filtered", "cut", "tool_calls"
REFUSALS = {
    FILTERED: "filtered by the server",
    CUT: "cut by the token limit before any text",
    TOOL_CALLS: "answered by a tool call",
}
"""Replies of a sound server that are no answers: counted by kind, named, never scored."""


class UnansweredError(MindError):
    """Report a reply that is no answer, and of which kind it is."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


@dataclass(frozen=True)
class Endpoint:
    """A server by its address (…/v1), the name of a model on it, and how it is asked."""

    address: str
    model: str
    timeout: float = 60.0
    api: str = COMPLETIONS
    concurrency: int = 1
    key: str | None = field(default=None, repr=False)

    @property
    def named(self) -> str:
        """Say what was asked: address and model."""
        return f"{self.address} {self.model}" + (" (chat)" if self.api == CHAT else "")

    def section(self) -> dict[str, Any]:
        """Describe the model for `scores.json`."""
        return {"named": self.named, "fingerprint": None, "endpoint": self.address,
                "api": self.api, "dtype": None, "context": None}  # fmt: skip

    def write(self, prompt: str, stops: Sequence[str], limit: int, item: str) -> WrittenText:
        """Ask for a continuation, up to the first stop string; `cut` if the limit ended it.

        Raises `MindError` that names the item if the server fails or answers something else,
        `UnansweredError` for a reply that is no answer.
        """
        # OpenAI's protocol takes four stop strings at most; `trimmed` cuts at the others
        # afterwards.
        asked: dict[str, Any] = {"max_tokens": limit, "stop": list(stops)[:4] or None}
        if self.api == CHAT:
            told = prompt.messages if isinstance(prompt, ChatPrompt) else (("user", prompt),)
            messages = [{"role": role, "content": content} for role, content in told]
            choice = self._choice({"messages": messages, **asked}, item)
            message = choice.get("message")
            if not isinstance(message, dict):
                raise self._no_completion(item, f"{choice!r:.{QUOTED}}")
            if message.get("refusal"):
                raise UnansweredError(
                    FILTERED, f"{item}: refused: {message['refusal']!r:.{QUOTED}}"
                )
            text = message.get("content")
        else:
            choice = self._choice({"prompt": prompt, **asked}, item)
            if "text" not in choice:
                raise self._no_completion(item, f"{choice!r:.{QUOTED}}")
            text = choice["text"]
        if text is not None and not isinstance(text, str):
            raise MindError(f"{item}: {self.address} answered a text that is none: {text!r}")
        finish = choice.get("finish_reason")
        whole = _written(text, finish, limit, item)
        # Here, as a server may ignore `stop`, or leave the stop string in the text.
        kept = trimmed(whole, stops)
        # A text that met a stop string before the limit ended it is not cut.
        return WrittenText(kept, finish == "length" and kept == whole)

    def score(self, context: str, continuation: str, item: str) -> tuple[float, bool]:
        """Ask for the log-probability in nats of a continuation, and whether it is the likeliest.

        The server echoes both with the log-probability of each token; those that end after the
        context count, as in the folder's own scoring (trailing spaces go with the continuation).
        """
        # In characters, as `text_offset` counts.
        start = len(context.rstrip())
        body = {"prompt": context + continuation, "max_tokens": 1, "echo": True, "logprobs": 1}
        found = self._choice(body, item).get("logprobs")
        try:
            assert isinstance(found, dict)
            offsets, nats = found["text_offset"], found["token_logprobs"]
            end = len(context + continuation)
            # A token ends where the next begins. The one token that is generated beside the echo
            # begins at `end` or later, which leaves it out.
            ends = [*offsets[1:], end]
            places = [n for n, stop in enumerate(ends) if stop > start and offsets[n] < end]
            tops = found.get("top_logprobs") or [None] * len(offsets)
            values = [float(nats[n]) for n in places]
            # Rounding in a server's JSON may part a token from its own entry among the likeliest.
            greedy = all(not tops[n] or nats[n] >= max(tops[n].values()) - 1e-6 for n in places)
        # A server without `echo` answers the generated token alone, null for log-probabilities, or
        # fields of another shape: any of these ends here.
        except (AssertionError, LookupError, TypeError, ValueError) as error:
            raise MindError(
                f"{item}: {self.address} gave no log-probabilities of the prompt",
                cause=f"{type(error).__name__} in {found!r:.{QUOTED}}",
                hint="it must take echo with logprobs (vLLM does); written tasks need neither, "
                "and an empty context has no first log-probability",
            ) from error
        if not values:
            raise MindError(f"{item}: {self.address} gave no token of the answer {continuation!r}")
        return sum(values), greedy

    def _choice(self, body: dict[str, Any], item: str) -> dict[str, Any]:
        place = "/chat/completions" if self.api == CHAT else "/completions"
        data = orjson.dumps({"model": self.model, "temperature": 0, **body})
        answer = post(self.address.rstrip("/") + place, data, self.timeout, self.key, item)
        try:
            choice: Any = orjson.loads(answer)["choices"][0]
        except (orjson.JSONDecodeError, LookupError, TypeError) as error:
            raise self._no_completion(
                item, f"{type(error).__name__} in {answer[:QUOTED]!r}"
            ) from error
        if not isinstance(choice, dict):
            raise self._no_completion(item, f"{choice!r:.{QUOTED}}")
        return choice

    def _no_completion(self, item: str, cause: str) -> MindError:
        place = "/chat/completions" if self.api == CHAT else "/completions"
        return MindError(
            f"{item}: {self.address} answered no completion",
            cause=cause,
            hint=f"--model takes an address that has {place}, such as http://host/v1",
        )


def _written(text: str | None, finish: object, limit: int, item: str) -> str:
    """Return a text that is an answer; raise `UnansweredError` for one that is none."""
    if finish == "content_filter":
        raise UnansweredError(FILTERED, f"{item}: the server's content filter held it back")
    # A model that thinks first may use up all tokens for that, and say nothing.
    if finish == "length" and not (text or "").strip():
        raise UnansweredError(CUT, f"{item}: {limit} tokens were used up without a text")
    if finish in ("tool_calls", "function_call"):
        raise UnansweredError(TOOL_CALLS, f"{item}: the model called a tool")
    if text is None:
        raise UnansweredError(FILTERED, f"{item}: the server gave null for a text ({finish})")
    return text
