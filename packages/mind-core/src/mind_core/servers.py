"""Talk to a server that a user names: no redirections, bounded answers, no secrets shown."""

from __future__ import annotations

import http.client
import json
import math
import socket
import threading
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from email.utils import parsedate_to_datetime
from functools import partial
from typing import Any, BinaryIO

from mind_core.errors import MindError, UsageError

MAX_REPLY = 1 << 24
"""Bytes of one answer; a text is a thousandth of that."""


class _NoRedirection(urllib.request.HTTPRedirectHandler):
    """Follow no redirection: urllib would send the key along to another host."""

    def redirect_request(self, *_: object) -> None:
        return None


class _Watch:
    """End a connection whose answer is not there in time, however steadily it trickles in."""

    def __init__(self, seconds: float) -> None:
        self.late = False
        self._socket: socket.socket | None = None
        self._timer = threading.Timer(seconds, self._end)
        self._timer.daemon = True

    def begin(self, connected: socket.socket) -> None:
        """Watch a connection; a handle of its own outlasts what TLS does to the first one."""
        self._socket = connected.dup()
        self._timer.start()

    def stop(self) -> None:
        """Let go of the connection."""
        self._timer.cancel()
        if self._socket is not None:
            self._socket.close()

    def _end(self) -> None:
        self.late = True
        with suppress(OSError):
            if self._socket is not None:
                # Not closed: shutdown wakes a read that waits in another thread.
                self._socket.shutdown(socket.SHUT_RDWR)


class _Plain(urllib.request.HTTPHandler):
    def http_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
        return self.do_open(partial(_watched, http.client.HTTPConnection, req), req)


class _Secure(urllib.request.HTTPSHandler):
    def https_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
        return self.do_open(partial(_watched, http.client.HTTPSConnection, req), req)


def _watched(
    kind: type[http.client.HTTPConnection],
    request: urllib.request.Request,
    *args: Any,
    **named: Any,
) -> http.client.HTTPConnection:
    """Make a connection that begins the watch of its request as soon as it stands."""
    made = kind(*args, **named)
    # The place where http.client makes its socket, before TLS: nothing public comes so early, and a
    # handshake can trickle too.
    connect, watch = vars(made)["_create_connection"], vars(request)["watch"]

    def connected(*args: Any, **named: Any) -> socket.socket:
        found: socket.socket = connect(*args, **named)
        watch.begin(found)
        return found

    vars(made)["_create_connection"] = connected
    return made


def _opener() -> urllib.request.OpenerDirector:
    """Make what opens HTTP and HTTPS alone: no file, no FTP, no data in an address."""
    made = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler, _Plain, _Secure, _NoRedirection,
        urllib.request.HTTPDefaultErrorHandler, urllib.request.HTTPErrorProcessor,
        urllib.request.UnknownHandler,
    ):  # fmt: skip
        made.add_handler(handler())
    return made


_OPENER = _opener()


@contextmanager
def answer_of(
    request: urllib.request.Request, seconds: float, in_all: float
) -> Iterator[http.client.HTTPResponse]:
    """Send a request and give the answer, to be read in the block.

    `seconds` is how long to wait for the next bytes, `in_all` for the whole answer. Raises
    `OSError` (`TimeoutError` beyond either), `HTTPError` for a refusal, `HTTPException` for what is
    no HTTP, and `UsageError` for a key that cannot be sent.
    """
    _check_sendable(request)
    watch = vars(request)["watch"] = _Watch(in_all)
    try:
        with _OPENER.open(request, timeout=seconds) as response:
            yield response
    except ValueError as error:  # http.client, of a length of a piece below 0
        raise http.client.HTTPException(str(error)) from None
    finally:
        watch.stop()
        if watch.late:
            raise TimeoutError(f"no whole answer in {in_all:g} s")


def _check_sendable(request: urllib.request.Request) -> None:
    """Raise `UsageError` for a key that no header can hold, without a word of it."""
    for name, value in request.header_items():
        if not (value.isascii() and value.isprintable()):
            raise UsageError(
                f"what the environment gives as the key cannot be sent as {name}",
                cause="it holds line feeds, control characters or letters beyond ASCII",
                hint="look for a line end or a pasted space in the variable",
            )


HIDDEN = "***"
_SECRET_NAMES = ("key", "token", "secret", "passw", "auth")
_SHORTEST_IN_TEXT = 16
"""Characters of a key that no text holds by chance; "EMPTY" is one that many servers take."""


def check_address(address: str, instead: str) -> str:
    """Return an address that holds no secret; raise `UsageError`, which does not repeat it, else.

    Everybody on a machine sees a command line, and results name the address. `instead` says where
    a key or a password is taken from.
    """
    try:
        parts = urllib.parse.urlsplit(address)
        holds = "@" in parts.netloc
        names = [name.lower() for name, _ in urllib.parse.parse_qsl(parts.query)]
        asks = any(word in name for name in names for word in _SECRET_NAMES)
    except ValueError as error:
        raise UsageError("the address cannot be read", cause=redact(str(error), address)) from None
    if holds or asks:
        raise UsageError("the address holds a name, a password or a key", hint=instead)
    return address


def redact(text: str, *secrets: str | None) -> str:
    """Return a text without secrets, as they are and as JSON and addresses write them."""
    for secret in secrets:
        if secret:
            forms = {secret, json.dumps(secret)[1:-1], urllib.parse.quote(secret, safe="")}
            # The longest first: replaced by a shorter one within it, it would leave its rest.
            for form in sorted(forms, key=len, reverse=True):
                text = text.replace(form, HIDDEN)
    return text


def refuse_secret(data: bytes, name: str, secret: str | None) -> bytes:
    """Return a server's answer; raise `MindError` for one that repeats the key it was given.

    It would be written to answers and scores. A key of a few letters is not looked for, since a
    text may hold it by chance.
    """
    if secret and len(secret) >= _SHORTEST_IN_TEXT:
        text = data.decode("utf-8", "replace")
        if redact(text, secret) != text:
            raise MindError(
                f"{name} repeats the key in its answer",
                cause="it would be kept in answers and scores",
                hint="look at the server; the answer was thrown away",
            )
    return data


def read_reply(source: BinaryIO, name: str, max_bytes: int = MAX_REPLY) -> bytes:
    """Return all that a server sends; raise `MindError` beyond `max_bytes` bytes."""
    # One more than allowed tells a reply of just the bound from a longer one.
    data = source.read(max_bytes + 1)
    if len(data) > max_bytes:
        raise _too_long(name, max_bytes)
    # http.client keeps quiet about a body that ends too early where an amount is asked for.
    if missing := getattr(source, "length", None):
        raise http.client.IncompleteRead(data, missing)
    return data


def read_reply_lines(source: BinaryIO, name: str, max_bytes: int = MAX_REPLY) -> Iterator[bytes]:
    """Yield the lines of a streamed answer; raise `MindError` beyond `max_bytes` bytes in all."""
    left = max_bytes
    while line := source.readline(left + 1):
        left -= len(line)
        if left < 0:
            raise _too_long(name, max_bytes)
        yield line


def retry_after(header: str | None) -> float | None:
    """Return the seconds that a server asks to wait (RFC 9110: a number, or a date), if it does."""
    if not header:
        return None
    try:
        seconds = float(header)
    except ValueError:
        pass
    else:
        # A date that has passed, or a number below 0, is no wait.
        return max(0.0, seconds) if math.isfinite(seconds) else None
    try:
        return max(0.0, parsedate_to_datetime(header).timestamp() - time.time())
    except (TypeError, ValueError, OverflowError):  # the last of a year or an offset of 20 digits
        return None


def _too_long(name: str, max_bytes: int) -> MindError:
    return MindError(
        f"{name} answers with more than {max_bytes >> 20} MiB",
        cause="an answer of text is a thousandth of that",
        hint="check the address",
    )
