"""A server that speaks OpenAI's completions protocol, for tasks in which the model writes.

Greedy, one prompt at a time. A server that does not answer in time is asked again; what is no
completion is an error that names the item: it is never scored as a wrong answer.
"""

from __future__ import annotations

import http.client
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from mind_core import MindError
from mind_eval.stops import trimmed

TRIES = 3
PAUSE = 0.5
QUOTED = 200
"""Bytes of a server's own explanation in a message."""


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
    """A server by its address (…/v1) and the name of a model on it."""

    address: str
    model: str
    timeout: float = 60.0

    @property
    def named(self) -> str:
        """Say what was asked: address and model."""
        return f"{self.address} {self.model}"

    def section(self) -> dict[str, Any]:
        """Describe the model for `scores.json`."""
        return {"named": self.named, "fingerprint": None, "endpoint": self.address,
                "dtype": None, "context": None}  # fmt: skip

    def write(self, prompt: str, stops: Sequence[str], limit: int, item: str) -> str:
        """Ask for a continuation, cut before the first stop string.

        Raises `MindError` that names the item if the server fails or answers something else,
        `UnansweredError` for a reply that is no answer.
        """
        body = {
            "model": self.model, "prompt": prompt, "max_tokens": limit, "temperature": 0,
            "stop": list(stops)[:4] or None,
        }  # fmt: skip
        answer = self._post(orjson.dumps(body), item)
        try:
            choice = orjson.loads(answer)["choices"][0]
            text, finish = choice["text"], choice.get("finish_reason")
        except (orjson.JSONDecodeError, LookupError, TypeError, AttributeError) as error:
            raise MindError(
                f"{item}: {self.address} answered no completion",
                cause=f"{type(error).__name__} in {answer[:QUOTED]!r}",
                hint="--model takes an address that has /completions, such as http://host/v1",
            ) from error
        if text is not None and not isinstance(text, str):
            raise MindError(f"{item}: {self.address} answered a text that is none: {text!r}")
        return trimmed(self._written(text, finish, limit, item), stops)

    def _written(self, text: str | None, finish: object, limit: int, item: str) -> str:
        """Return a text that is an answer; raise `UnansweredError` for one that is none."""
        if finish == "content_filter":
            raise UnansweredError(FILTERED, f"{item}: the server's content filter held it back")
        if finish == "length" and not (text or "").strip():
            raise UnansweredError(CUT, f"{item}: {limit} tokens were used up without a text")
        if finish in ("tool_calls", "function_call"):
            raise UnansweredError(TOOL_CALLS, f"{item}: the model called a tool")
        if text is None:
            raise UnansweredError(FILTERED, f"{item}: the server gave null for a text ({finish})")
        return text

    def _post(self, body: bytes, item: str) -> bytes:
        request = urllib.request.Request(
            self.address.rstrip("/") + "/completions",
            body,
            {"Content-Type": "application/json"},
        )
        cause = ""
        for attempt in range(TRIES):
            if attempt:
                time.sleep(PAUSE * 2 ** (attempt - 1))
            try:
                with urllib.request.urlopen(request, timeout=self.timeout) as response:
                    answer: bytes = response.read()
                    return answer
            except urllib.error.HTTPError as error:
                cause = f"{error}: {_quoted(error)}"
                if error.code < 500 and error.code != 429:
                    break
            except (OSError, http.client.HTTPException) as error:  # also what is not HTTP, or cut
                cause = f"{type(error).__name__}: {error}"
        raise MindError(
            f"{item}: {self.address} gave no answer",
            cause=cause,
            hint=f"check that the server runs at {self.address} (most want …/v1), knows the model "
            "by this name, or give it more --timeout",
        )


def _quoted(error: urllib.error.HTTPError) -> str:
    """Quote how a server explains a refusal."""
    try:
        return repr(error.read(QUOTED).decode("utf-8", "replace"))
    except (OSError, http.client.HTTPException):
        return "(no explanation)"
    finally:
        error.close()
