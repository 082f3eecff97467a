"""How tools talk to a server that a user names: no redirections, bounded answers."""

from __future__ import annotations

import http.client
import time
import urllib.request
from collections.abc import Iterator
from email.utils import parsedate_to_datetime
from typing import BinaryIO

from mind_core.errors import MindError

MAX_REPLY = 1 << 24
"""Bytes of one answer; a text is a thousandth of that."""


class _NoRedirection(urllib.request.HTTPRedirectHandler):
    """Follow no redirection: urllib would send the key along to another host."""

    def redirect_request(self, *_: object) -> None:
        return None


OPENER = urllib.request.build_opener(_NoRedirection)


def read_reply(source: BinaryIO, name: str, most: int = MAX_REPLY) -> bytes:
    """Return all that a server sends; raise `MindError` beyond `most` bytes."""
    data = source.read(most + 1)
    if len(data) > most:
        raise _too_long(name, most)
    # http.client keeps quiet about a body that ends too early where an amount is asked for.
    if missing := getattr(source, "length", None):
        raise http.client.IncompleteRead(data, missing)
    return data


def read_reply_lines(source: BinaryIO, name: str, most: int = MAX_REPLY) -> Iterator[bytes]:
    """Yield the lines of a streamed answer; raise `MindError` beyond `most` bytes in all."""
    left = most
    while line := source.readline(left + 1):
        left -= len(line)
        if left < 0:
            raise _too_long(name, most)
        yield line


def retry_after(header: str | None) -> float | None:
    """Return the seconds that a server asks to wait (RFC 9110: a number, or a date), if it does."""
    if not header:
        return None
    try:
        return max(0.0, float(header))
    except ValueError:
        pass
    try:
        return max(0.0, parsedate_to_datetime(header).timestamp() - time.time())
    except (TypeError, ValueError):
        return None


def _too_long(name: str, most: int) -> MindError:
    return MindError(
        f"{name} answers with more than {most >> 20} MiB",
        cause="an answer of text is a thousandth of that",
        hint="check the address",
    )
