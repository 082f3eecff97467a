"""A server that is not what it should be gets no key passed on, and fills no memory."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from mind_core import MindError
from mind_domain.teachers import Decoding, Endpoint

KEY = "sk-a-key-that-nobody-may-see"
ASKED = [{"role": "user", "content": "?"}]
MEGABYTE = b"x" * (1 << 20)
SENT_AT_MOST = 200 << 20
"""What the endless answers stop at, so that a reader without a bound fails and does not hang."""


class Handler(BaseHTTPRequestHandler):
    server: Elsewhere

    def do_GET(self) -> None:
        self.answer()

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.answer()

    def answer(self) -> None:
        server = self.server
        server.keys.append(self.headers.get("Authorization"))
        if server.manner.startswith("http"):
            self.send_response(302)
            self.send_header("Location", server.manner)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        self.send_response(200)
        kind = "application/json" if server.manner == "whole" else "text/event-stream"
        self.send_header("Content-Type", kind)
        self.end_headers()
        piece = b'data: {"choices":[{"delta":{"content":"' + MEGABYTE + b'"}}]}\n\n'
        endless = {"whole": MEGABYTE, "line": MEGABYTE, "pieces": piece}.get(server.manner, b"")
        try:
            while endless and server.sent < SENT_AT_MOST:
                self.wfile.write(endless)
                server.sent += len(endless)
        except OSError:
            return  # the reader has had enough

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


class Elsewhere(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, manner: str) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.manner = manner
        self.keys: list[str | None] = []
        self.sent = 0

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/v1"


@contextmanager
def serving(manner: str) -> Iterator[Elsewhere]:
    server = Elsewhere(manner)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()


def test_a_key_does_not_follow_to_another_address() -> None:
    with serving("empty") as other, serving(f"{other.address}/chat/completions") as server:
        endpoint = Endpoint(server.address, "m", KEY, pause=lambda _: None)
        with pytest.raises(MindError, match="refused the request") as error:
            endpoint.write(ASKED, Decoding())
        assert server.keys == [f"Bearer {KEY}"]
        assert other.keys == []
        assert "302" in str(error.value.cause) and error.value.hint


@pytest.mark.parametrize("manner", ["whole", "line", "pieces"])
def test_an_answer_without_an_end_is_refused(manner: str) -> None:
    with serving(manner) as server:
        endpoint = Endpoint(server.address, "m", KEY, pause=lambda _: None)
        with pytest.raises(MindError, match="answers with more than 16 MiB"):
            endpoint.write(ASKED, Decoding())
        # Not asked again; what the system's buffers took stands beside the 16 MiB.
        assert len(server.keys) == 1 and server.sent < 64 << 20
