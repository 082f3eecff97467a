"""A server on this machine that speaks OpenAI's chat protocol and serves a real checkpoint."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from mind_tok.chat import encode_prompt
from mind_train import load_checkpoint
from mind_train.generate import generate

KEY = "sk-a-key-that-nobody-may-see"


class Server(ThreadingHTTPServer):
    """Answer chat completions from a checkpoint; `faults` are what the next requests meet."""

    daemon_threads = True
    key = KEY

    def __init__(self, folder: Path) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.model = load_checkpoint(folder)
        self.lock = threading.Lock()
        self.faults: list[str] = []
        self.asked: Counter[str] = Counter()
        self.answered: Counter[str] = Counter()
        self.delay = 0.0

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/v1"

    def write(self, messages: list[dict[str, str]], limit: int) -> list[str]:
        """Write an answer and give it in pieces."""
        with self.lock:
            prompt = encode_prompt(self.model.tokenizer, messages)
            ids = generate(self.model, prompt, limit, 0.0)
            text = self.model.tokenizer.decode(ids)
        return [text[n : n + 5] for n in range(0, len(text), 5)]


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        request = json.loads(body)
        content = request["messages"][-1]["content"]
        with self.server.lock:
            self.server.asked[content] += 1
            fault = self.server.faults.pop(0) if self.server.faults else ""
        if self.headers.get("Authorization", "") not in ("", f"Bearer {KEY}"):
            given = self.headers["Authorization"].removeprefix("Bearer ")
            return self.refuse(401, {"error": f"Incorrect API key provided: {given}"})
        if fault == "429":
            return self.refuse(429, {"error": "slow down"}, {"Retry-After": "0.01"})
        if fault == "500":
            return self.refuse(500, {"error": "oh"})
        time.sleep(self.server.delay)
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Connection", "close")
        self.end_headers()
        pieces = self.server.write(request["messages"], request["max_tokens"])
        if fault == "filter":
            return self.event(
                {"choices": [{"delta": {}, "finish_reason": "content_filter"}]}, last=True
            )
        for n, piece in enumerate(pieces):
            if fault == "cut" and n >= len(pieces) // 2:
                self.close_connection = True
                return None
            self.event({"choices": [{"delta": {"content": piece}, "finish_reason": None}]})
        self.event({"choices": [{"delta": {}, "finish_reason": "stop"}],
                    "usage": {"total_tokens": 10 + len(pieces)}}, last=True)  # fmt: skip
        with self.server.lock:
            self.server.answered[content] += 1
        return None

    def event(self, value: dict[str, Any], *, last: bool = False) -> None:
        self.wfile.write(b"data: " + json.dumps(value).encode() + b"\n\n")
        if last:
            self.wfile.write(b"data: [DONE]\n\n")

    def refuse(
        self, code: int, value: dict[str, Any], headers: dict[str, str] | None = None
    ) -> None:
        data = json.dumps(value).encode()
        self.send_response(code)
        for name, text in {"Content-Length": str(len(data)), **(headers or {})}.items():
            self.send_header(name, text)
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@contextmanager
def serving(folder: Path) -> Iterator[Server]:
    """Serve a checkpoint while the block runs."""
    server = Server(folder)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
