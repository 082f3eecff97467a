"""Models that write: a server that speaks OpenAI's chat protocol, or a local checkpoint."""

from __future__ import annotations

import http.client
import os
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import orjson

from mind_core import MindError
from mind_core.errors import UsageError
from mind_core.servers import (
    answer_of,
    check_address,
    read_reply,
    read_reply_lines,
    redact,
    refuse_secret,
    retry_after,
)

if TYPE_CHECKING:
    from mind_train import Checkpoint

KEY_VARIABLES = ("MIND_API_KEY", "OPENAI_API_KEY")
"""Where the key of a server comes from; never an option, which a process list shows."""

TRIES = 6
LONGEST = 30
"""How many times the longest pause between two pieces an answer may take in all."""

FIRST_PAUSE, LONGEST_PAUSE = 0.5, 60.0
AGAIN = {408, 409, 425, 429, 500, 502, 503, 504}
QUOTED = 300


@dataclass(frozen=True)
class Decoding:
    """How text is drawn; it is part of what identifies a request."""

    max_tokens: int = 512
    temperature: float = 0.0
    top_p: float = 1.0
    seed: int = 0


@dataclass(frozen=True)
class Reply:
    """What a model wrote; `finish` is stop, length or content_filter, `tokens` read and written."""

    text: str
    finish: str
    tokens: int


class Writer(Protocol):
    """A model that answers conversations; `name` is what requests are identified by."""

    @property
    def name(self) -> str: ...

    @property
    def parallel(self) -> bool:
        """Whether several requests may be under way at once."""

    def write(self, messages: Sequence[Mapping[str, str]], decoding: Decoding) -> Reply:
        """Answer a conversation that ends with a question."""


def open_writer(place: str, pause: Callable[[float], None] = time.sleep) -> Writer:
    """Open `http://host/v1#model`, or the folder of a checkpoint."""
    if place.startswith(("http://", "https://")):
        address, _, model = place.partition("#")
        check_address(address, f"set {KEY_VARIABLES[0]} instead")
        if not model:
            raise UsageError(f"which model of {address}?", hint=f"{address}#MODEL")
        # A variable that is set to nothing counts as none.
        key = next((os.environ[name] for name in KEY_VARIABLES if os.environ.get(name)), "")
        return Endpoint(address.rstrip("/"), model, key, pause)
    return LocalCheckpoint(Path(place))


@dataclass(frozen=True)
class Endpoint:
    """A server by its address (…/v1) and a model on it; answers are streamed.

    429 and faults of the server are tried again, with the pause that it asks for (Retry-After) or
    twice the last one, and so is an answer that was cut off on the way. What else it refuses stops.
    """

    address: str
    model: str
    key: str = field(default="", repr=False)
    pause: Callable[[float], None] = field(default=time.sleep, repr=False, compare=False)
    timeout: float = 120.0

    @property
    def name(self) -> str:
        """Return address and model: what the teacher's answers are kept under."""
        return f"{self.address}#{self.model}"

    @property
    def parallel(self) -> bool:
        """Return true: a server answers several requests at once."""
        return True

    def write(self, messages: Sequence[Mapping[str, str]], decoding: Decoding) -> Reply:
        """Ask, and again while that may help; `MindError` never shows the key."""
        body = orjson.dumps(
            {
                "model": self.model,
                "messages": list(messages),
                "max_tokens": decoding.max_tokens,
                "temperature": decoding.temperature,
                "top_p": decoding.top_p,
                "seed": decoding.seed,
                "stream": True,
                "stream_options": {"include_usage": True},
            }
        )
        # The pause doubles with each try, also where the server asked for another one.
        wait, cause = FIRST_PAUSE, ""
        for attempt in range(TRIES):
            try:
                return self._ask(body)
            except _TryAgain as error:
                cause = self._hidden(str(error))
                if attempt + 1 < TRIES:
                    self.pause(min(LONGEST_PAUSE, wait if error.after is None else error.after))
                wait *= 2
        raise MindError(
            f"{self.address} gave no answer in {TRIES} tries",
            cause=cause,
            hint="look at the server; what was answered is kept, so run again to go on",
        )

    def _ask(self, body: bytes) -> Reply:
        headers = {"Content-Type": "application/json", "Accept": "text/event-stream"}
        if self.key:
            headers["Authorization"] = f"Bearer {self.key}"
        request = urllib.request.Request(f"{self.address}/chat/completions", body, headers)
        try:
            with answer_of(request, self.timeout, LONGEST * self.timeout) as response:
                # Some servers answer whole, although a stream was asked for.
                if "event-stream" in response.headers.get("Content-Type", ""):
                    reply = _streamed(read_reply_lines(response, self.address))
                else:
                    reply = _whole(orjson.loads(read_reply(response, self.address)))
                refuse_secret(f"{reply.text} {reply.finish}".encode(), self.address, self.key)
                return reply
        except urllib.error.HTTPError as error:
            said = f"{error.code} {error.reason}: {error.read(QUOTED).decode('utf-8', 'replace')}"
            if error.code in AGAIN:
                raise _TryAgain(said, retry_after(error.headers.get("Retry-After"))) from None
            hint = f"set {KEY_VARIABLES[0]}" if error.code in (401, 403) else "check the address"
            raise MindError(
                f"{self.address} refused the request", cause=self._hidden(said), hint=hint
            ) from None
        except (OSError, http.client.HTTPException, orjson.JSONDecodeError) as error:
            # The way to the server failed, or the answer broke off: neither says anything of the
            # request.
            raise _TryAgain(f"{type(error).__name__}: {error}") from None
        # It answered, in another shape: asking again would not change that.
        except (LookupError, TypeError, AttributeError) as error:
            raise MindError(
                f"{self.address} answered no chat completion",
                cause=f"{type(error).__name__}: {self._hidden(str(error))}",
                hint="the address ends before /chat/completions, as http://host/v1",
            ) from None

    def _hidden(self, text: str) -> str:
        """Return a text without the key: servers repeat it when they refuse it."""
        return redact(text, self.key)


class _TryAgain(Exception):
    def __init__(self, cause: str, after: float | None = None) -> None:
        super().__init__(cause)
        self.after = after


def _streamed(lines: Iterable[bytes]) -> Reply:
    """Join the pieces of a stream; one that ends without [DONE] was cut on the way."""
    pieces: list[str] = []
    finish, tokens, done = "", 0, False
    for line in lines:
        # Server-sent events have comments and empty lines in between, which keep the line open.
        if not line.startswith(b"data:"):
            continue
        data = line[5:].strip()
        if data == b"[DONE]":
            done = True
            break
        event = orjson.loads(data)
        # A fault after the stream began can no longer have a status of its own.
        if "error" in event:
            raise _TryAgain(str(event["error"])[:QUOTED])
        tokens = _tokens(event, tokens)
        for choice in event.get("choices", ()):
            pieces.append(choice.get("delta", {}).get("content") or "")
            # Null in all pieces but the last; the counts of tokens may come in one more after it.
            finish = choice.get("finish_reason") or finish
    if not done or not finish:
        raise _TryAgain("the answer was cut off on the way")
    # Without a count each piece is about a token, so that a budget of tokens still holds.
    return Reply("".join(pieces), finish, tokens or len(pieces))


def _tokens(answer: Any, otherwise: int) -> int:
    """Return the tokens that a server counted, where it gives a count."""
    counted = (answer.get("usage") or {}).get("total_tokens")
    return counted if type(counted) is int and counted >= 0 else otherwise


def _whole(answer: Any) -> Reply:
    choice = answer["choices"][0]
    text = choice["message"].get("content") or ""
    return Reply(text, choice.get("finish_reason") or "stop", _tokens(answer, len(text)))


class LocalCheckpoint:
    """A checkpoint of mind-train, loaded when it is asked first; one answer after another."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._loaded: Checkpoint | None = None
        self._lock = threading.Lock()

    @property
    def checkpoint(self) -> Checkpoint:
        """The model and its tokenizer."""
        if self._loaded is None:
            from mind_train import load_checkpoint

            self._loaded = load_checkpoint(self.folder)
        return self._loaded

    @property
    def name(self) -> str:
        """Return fingerprint and step: what the checkpoint's answers are kept under."""
        return f"checkpoint {self.checkpoint.fingerprint} at step {self.checkpoint.step}"

    @property
    def parallel(self) -> bool:
        """Return false: one model in this process answers one conversation after another."""
        return False

    def write(self, messages: Sequence[Mapping[str, str]], decoding: Decoding) -> Reply:
        """Continue the conversation; a prompt that does not fit loses its beginning."""
        from mind_domain.predict import require_finite_weights
        from mind_train.chat_prompt import chat_prompts
        from mind_train.generate import generate

        # One answer at a time, whoever calls.
        with self._lock:
            model = self.checkpoint
            require_finite_weights(model)
            room = max(1, model.context - decoding.max_tokens)
            prompts = chat_prompts(model)
            # From the end: the last question is what is to be answered.
            prompt = prompts.encode(messages)[-room:]
            ids = generate(
                model,
                prompt,
                decoding.max_tokens,
                decoding.temperature,
                decoding.top_p,
                decoding.seed,
                prompts.end_ids,
            )
            finish = "length" if len(ids) >= decoding.max_tokens else "stop"
            return Reply(model.tokenizer.decode(ids), finish, len(prompt) + len(ids))
