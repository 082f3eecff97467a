"""The routes: models, completions, chat, the page; a key from the environment if there is one."""

from __future__ import annotations

import asyncio
import hmac
import os
import time
import uuid
from collections.abc import AsyncIterator, Callable, Sequence
from importlib import resources
from typing import Any

import orjson
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response, StreamingResponse
from starlette.routing import Route

from mind_core.safe_html import policy
from mind_train.checkpoint import Checkpoint
from mind_train.decoding import PARTIAL, Likeliest, Written
from mind_train.serving.engine import Busy, GenerationEngine, Text
from mind_train.serving.requests import BadRequest, CompletionRequest, read_request

BODY = 1 << 20  # bytes of a request at most
WINDOW = 8  # tokens that are decoded to see how much text the last adds: a character has at most 4
Piece = tuple[int, str, Written, int, str]


class Server:
    """Answer requests about one model, called ``name``."""

    def __init__(
        self,
        checkpoint: Checkpoint,
        name: str,
        key: str | None,
        max_new: int,
        engine: GenerationEngine,
    ) -> None:
        self.checkpoint, self.name, self.key = checkpoint, name, key
        self.max_new, self.engine, self.begun = max_new, engine, int(time.time())

    def app(self) -> Starlette:
        """Make the Starlette application of the OpenAI-compatible server."""
        return Starlette(
            routes=[
                Route("/", self.page),
                Route("/health", self.health),
                Route("/v1/models", self.models),
                Route("/v1/completions", self.completions, methods=["POST"]),
                Route("/v1/chat/completions", self.chat, methods=["POST"]),
            ]
        )

    async def page(self, _: Request) -> Response:
        """Give the page to talk to the model."""
        page = resources.files("mind_train.serving").joinpath("page.html").read_text("utf-8")
        # The page's one script is allowed by its hash, and nothing else may run.
        script = page.partition("<script>")[2].partition("</script>")[0]
        allowed = policy(script, "connect-src 'self'; frame-ancestors 'none'")
        headers = {"Content-Security-Policy": allowed, "X-Content-Type-Options": "nosniff"}
        return HTMLResponse(page, headers=headers)

    async def health(self, _: Request) -> Response:
        """Say that the server is there."""
        return as_json({"status": "ok"})

    async def models(self, request: Request) -> Response:
        """List the one model."""
        if not self._allowed(request):
            return fault(401, "the API key is missing or wrong", "invalid_api_key")
        one = {"id": self.name, "object": "model", "created": self.begun, "owned_by": "mind-train"}
        return as_json({"object": "list", "data": [one]})

    async def completions(self, request: Request) -> Response:
        """Continue prompts."""
        return await self._answer(request, chat=False)

    async def chat(self, request: Request) -> Response:
        """Answer the last message of a conversation."""
        return await self._answer(request, chat=True)

    def _allowed(self, request: Request) -> bool:
        if self.key is None:
            return True
        given = request.headers.get("authorization", "").removeprefix("Bearer ")
        # The bytes as they came, which starlette reads as Latin-1; those of the environment may be
        # no UTF-8.
        sent, key = given.encode("latin-1"), os.fsencode(self.key)
        # HTTP names no encoding of a header: most clients send UTF-8, Python's http.client Latin-1.
        # In constant time, so that a key cannot be guessed letter by letter from how long this
        # takes.
        return hmac.compare_digest(sent, key) or hmac.compare_digest(given.encode(), key)

    async def _answer(self, request: Request, chat: bool) -> Response:
        if not self._allowed(request):
            return fault(401, "the API key is missing or wrong", "invalid_api_key")
        body = b""
        # By parts: a body that is too large is refused before all of it is in memory.
        async for part in request.stream():
            body += part
            if len(body) > BODY:
                return fault(413, f"the request is larger than {BODY:,} bytes")
        try:
            given = orjson.loads(body)
            wanted = given.get("model") if isinstance(given, dict) else None
            if wanted not in (None, "", self.name):
                return fault(
                    404, f"there is no model {wanted!r}, only {self.name!r}", field="model"
                )
            asked = read_request(given, self.checkpoint, chat, self.max_new)
        except orjson.JSONDecodeError as error:
            return fault(400, f"the body is not JSON: {error}")
        except BadRequest as error:
            return fault(400, str(error), field=error.field)
        pieces: asyncio.Queue[Piece] = asyncio.Queue()
        texts = self._texts(asked, pieces)
        try:
            self.engine.add(texts)
        except Busy as error:
            return fault(503, f"{error.message}: {error.hint}")
        head = {
            "id": f"{'chatcmpl' if chat else 'cmpl'}-{uuid.uuid4().hex}",
            "created": int(time.time()),
            "model": self.name,
        }
        if asked.stream:
            events = self._events(asked, texts, pieces, head)
            return StreamingResponse(events, media_type="text/event-stream")
        return await self._whole(request, asked, texts, pieces, head)

    def _texts(self, asked: CompletionRequest, pieces: asyncio.Queue[Piece]) -> list[Text]:
        loop = asyncio.get_running_loop()

        def seen(number: int) -> Any:
            # Called on the engine's thread; the queue belongs to the event loop's.
            def take(new: str, written: Written) -> None:
                # What it is now: the engine goes on while this waits in the queue.
                piece = (number, new, written, len(written.logprobs), written.finish)
                loop.call_soon_threadsafe(pieces.put_nowait, piece)

            return take

        pairs = zip(asked.prompts, asked.rules, strict=True)
        return [Text(prompt, rules, seen(n)) for n, (prompt, rules) in enumerate(pairs)]

    async def _whole(
        self, request: Request, asked: CompletionRequest, texts: list[Text],
        pieces: asyncio.Queue[Piece], head: dict[str, Any],
    ) -> Response:  # fmt: skip
        done: dict[int, Written] = {}
        while len(done) < len(texts):
            try:
                # Every second it is asked whether the client still waits: nobody else would say so.
                number, _, written, _, finish = await asyncio.wait_for(pieces.get(), 1.0)
            except TimeoutError:
                if await request.is_disconnected():
                    for text in texts:
                        text.gone.set()
                    # 499 is nginx's number for a client that has gone; nobody reads it.
                    return Response(status_code=499)
                continue
            if finish.startswith("error"):
                for text in texts:
                    text.gone.set()
                return fault(500, finish, "server_error")
            if finish:
                done[number] = written
        choices = [self._choice(asked, n, done[n]) for n in range(len(texts))]
        kind = "chat.completion" if asked.chat else "text_completion"
        read = sum(len(prompt) for prompt in asked.prompts)
        new = sum(len(written.ids) for written in done.values())
        usage = {"prompt_tokens": read, "completion_tokens": new, "total_tokens": read + new}
        return as_json({**head, "object": kind, "choices": choices, "usage": usage})

    def _choice(self, asked: CompletionRequest, number: int, written: Written) -> dict[str, Any]:
        shares = self._logprobs(asked, written, 0, len(written.logprobs))
        told = {"index": number, "finish_reason": written.finish, "logprobs": shares}
        if asked.chat:
            return told | {"message": {"role": "assistant", "content": written.text}}
        if not asked.echo:
            return told | {"text": written.text}
        word, prompt = self.checkpoint.tokenizer.decode, asked.prompts[number]
        if shares is not None:
            told["logprobs"] = echoed(word, prompt, written)
        return told | {"text": word(prompt) + written.text}

    def _logprobs(self, asked: CompletionRequest, written: Written, start: int, stop: int) -> Any:
        if asked.rules[0].logprobs < 0:
            return None
        word = self.checkpoint.tokenizer.decode
        some = written.logprobs[start:stop]
        if asked.chat:
            return {
                "content": [
                    {
                        "token": word([token]),
                        "logprob": share,
                        "top_logprobs": [{"token": word([t]), "logprob": p} for t, p in best],
                    }
                    for token, share, best in some
                ]
            }
        return {
            "tokens": [word([token]) for token, _, _ in some],
            "token_logprobs": [share for _, share, _ in some],
            "top_logprobs": [by_text(word, best) for _, _, best in some],
        }

    async def _events(
        self,
        asked: CompletionRequest,
        texts: list[Text],
        pieces: asyncio.Queue[Piece],
        head: dict[str, Any],
    ) -> AsyncIterator[bytes]:
        kind = "chat.completion.chunk" if asked.chat else "text_completion"
        left, told = set(range(len(texts))), [0] * len(texts)
        try:
            while left:
                number, new, written, known, finish = await pieces.get()
                if finish.startswith("error"):
                    # The stream has begun with status 200, so an error can only be an event.
                    yield event({"error": {"message": finish, "type": "server_error"}})
                    return
                choice: dict[str, Any] = {
                    "index": number,
                    "finish_reason": finish or None,
                    "logprobs": self._logprobs(asked, written, told[number], known),
                }
                told[number] = known
                choice |= {"delta": {"content": new}} if asked.chat else {"text": new}
                # Without text a piece is worth an event if log-probabilities were asked for, or it
                # is the last.
                if new or finish or asked.rules[0].logprobs >= 0:
                    yield event({**head, "object": kind, "choices": [choice]})
                if finish:
                    left.discard(number)
            yield b"data: [DONE]\n\n"
        finally:  # also where the client has gone away
            for text in texts:
                text.gone.set()


def echoed(
    word: Callable[[Sequence[int]], str], prompt: Sequence[int], written: Written
) -> dict[str, Any]:
    """Lay a prompt and what follows it out as OpenAI does, the first token without a figure.

    ``text_offset`` counts characters from the prompt's first. A character that several tokens make
    begins with the first of them.
    """
    known = [*written.prompt, *written.logprobs]
    ids = [*prompt[:1], *(token for token, _, _ in known)]
    starts = [0]
    for place in range(1, len(ids)):
        near = ids[max(0, place - WINDOW) : place]
        # Text of the tokens before, without a character that is not whole yet.
        before = len(word(near[:-1]).rstrip(PARTIAL)) if len(near) > 1 else 0
        starts.append(starts[-1] + len(word(near).rstrip(PARTIAL)) - before)
    return {
        "tokens": [word([token]) for token in ids],
        "token_logprobs": [None, *(share for _, share, _ in known)],
        "top_logprobs": [None, *(by_text(word, best) for _, _, best in known)],
        "text_offset": starts,
    }


def by_text(word: Callable[[Sequence[int]], str], best: Likeliest) -> dict[str, float]:
    """Key the likeliest tokens by their texts; of tokens with one text the likeliest stays."""
    found: dict[str, float] = {}
    for token, share in best:
        found.setdefault(word([token]), share)
    return found


def event(value: Any) -> bytes:
    """Write one server-sent event."""
    return b"data: " + orjson.dumps(value) + b"\n\n"


def as_json(value: Any, status: int = 200) -> Response:
    """Write a value as the whole answer."""
    return Response(orjson.dumps(value), status, media_type="application/json")


def fault(status: int, message: str, code: str | None = None, field: str | None = None) -> Response:
    """Write an error in OpenAI's form."""
    kind = "server_error" if status >= 500 else "invalid_request_error"
    error = {"message": message, "type": kind, "param": field, "code": code}
    return as_json({"error": error}, status)
