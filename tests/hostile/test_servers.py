"""Servers that trickle, lie about sizes, or repeat what they were told; keys that are none."""

from __future__ import annotations

import itertools
import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator

import pytest

from mind_core.errors import MindError, UsageError

OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"
SLOWLY = 0.05
SECONDS = 0.5
"""How long the client waits; what trickles would go on for a minute."""

TRICKLES: dict[str, Iterable[bytes]] = {
    "a body": [OK + b"\r\n", *[b" "] * 1200],
    "heads": [b"HTTP/1.1 200 OK\r\n", *[b"A: b\r\n"] * 90, *[b"A"] * 1200],
    "pieces": [CHUNKED, *[b"1\r\na\r\n"] * 1200],
    "a promise": [b"HTTP/1.1 100 Continue\r\n\r\n"] * 1200,
}
LIES = {
    "a piece below 0": CHUNKED + b"-5\r\nabc",
    "a piece of no size": CHUNKED + b"ZZ\r\nabc",
    "a piece without end": CHUNKED + b"1;" + b"a" * (1 << 20),
    "more than it sends": OK + b"Content-Length: 99999999999999999999\r\n\r\nabc",
    "many heads": b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 300 + b"\r\n",
    "no status": b"HTTP/1.1 " + b"9" * 70_000 + b"\r\n\r\n",
    "a file": b"HTTP/1.1 302 X\r\nLocation: file:///etc/hostname\r\nContent-Length: 0\r\n\r\n",
}


@pytest.fixture
def serve() -> Iterator[Callable[[Iterable[bytes]], str]]:
    """Start a server that sends what it is given, piece by piece, and give its address."""
    opened: list[socket.socket] = []

    def answer(connection: socket.socket, pieces: Iterable[bytes]) -> None:
        with connection:
            try:
                connection.recv(65_536)
                for number, piece in enumerate(pieces):
                    connection.sendall(piece)
                    if number:
                        time.sleep(SLOWLY)
            except OSError:
                return

    def listen(listener: socket.socket, pieces: Iterable[bytes]) -> None:
        for _ in itertools.count():
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=answer, args=(connection, pieces), daemon=True).start()

    def start(pieces: Iterable[bytes]) -> str:
        listener = socket.create_server(("127.0.0.1", 0))
        opened.append(listener)
        threading.Thread(target=listen, args=(listener, pieces), daemon=True).start()
        return f"http://127.0.0.1:{listener.getsockname()[1]}/v1"

    yield start
    for listener in opened:
        listener.close()


def asked(address: str, key: str | None = None) -> bytes:
    """Ask as mind-eval does, without pauses between its tries."""
    from mind_eval.models import http_requests

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(http_requests, "PAUSE", 0.0)
        patched.setattr(http_requests, "TRIES", 1)
        return http_requests.post(f"{address}/completions", b"{}", SECONDS, key, "item 1")


@pytest.mark.hostile("a server that trickles")
@pytest.mark.timeout(30)
@pytest.mark.parametrize("what", TRICKLES)
def test_an_answer_that_trickles_is_given_up(serve: Callable[..., str], what: str) -> None:
    with pytest.raises(MindError, match="gave no answer"):
        asked(serve(TRICKLES[what]))


@pytest.mark.hostile("a server that lies about sizes, or leads elsewhere")
@pytest.mark.timeout(30)
@pytest.mark.parametrize("what", LIES)
def test_an_answer_that_lies_is_an_error(serve: Callable[..., str], what: str) -> None:
    with pytest.raises(MindError, match="gave no answer"):
        asked(serve([LIES[what]]))


@pytest.mark.hostile("a server that trickles")
@pytest.mark.timeout(30)
def test_a_teacher_that_trickles_is_given_up(
    serve: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from mind_domain import teachers

    monkeypatch.setattr(teachers, "TRIES", 1)
    monkeypatch.setattr(teachers, "LONGEST", 1)
    stream = [OK.replace(b"application/json", b"text/event-stream") + b"\r\n"]
    address = serve([*stream, *[b"data: {}\n"] * 1200])
    teacher = teachers.Endpoint(address, "m", timeout=SECONDS)
    with pytest.raises(MindError, match="gave no answer"):
        teacher.write([{"role": "user", "content": "?"}], teachers.Decoding())


@pytest.mark.hostile("a count that is none")
@pytest.mark.parametrize("count", ['"many"', "-1", "1e30", "[]", "null", "true"])
def test_a_count_of_a_server_is_a_count(serve: Callable[..., str], count: str) -> None:
    from mind_domain.teachers import Decoding, Endpoint

    body = (
        '{"choices": [{"message": {"content": "yes"}, "finish_reason": "stop"}], '
        f'"usage": {{"total_tokens": {count}}}}}'
    ).encode()
    address = serve([OK + b"Content-Length: %d\r\n\r\n" % len(body) + body])
    assert Endpoint(address, "m").write([{"role": "user", "content": "?"}], Decoding()).tokens == 3


@pytest.mark.hostile("a key that no header can hold")
@pytest.mark.parametrize("end", ["\r\nX-Other: 1", "\n", "\0", "中文", "\x1b[2J", "\x7f"])
def test_a_key_that_cannot_be_sent_is_not_shown(serve: Callable[..., str], end: str) -> None:
    address = serve([OK + b"Content-Length: 2\r\n\r\n{}"])
    assert asked(address, "sk-canary-0123456789") == b"{}"
    with pytest.raises(UsageError) as raised:
        asked(address, f"sk-canary-0123456789{end}")
    assert "canary" not in str(raised.value) + repr(raised.value.cause) + repr(raised.value.hint)


@pytest.mark.hostile("an address of another kind")
@pytest.mark.parametrize("address", ["file:///etc", "ftp://127.0.0.1:1", "data:text/plain,a"])
def test_nothing_but_http_is_opened(address: str) -> None:
    with pytest.raises(MindError, match="gave no answer") as raised:
        asked(address)
    assert "unknown url type" in str(raised.value.cause)
