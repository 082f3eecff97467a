"""The body of an HTTP response as its server meant it: chunks joined, compression undone.

Archives hold bodies as they came over the wire (chunked, gzip, br …), or already decoded with the
headers left as they were. So a header is believed only if the bytes look like what it says, and
gzip and zstd are known by their first bytes without one.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable, Iterator

LARGEST_BODY = 32 << 20
"""Bytes of a decoded body; what grows beyond is a bomb or no page."""

_CHUNK_SIZE = re.compile(rb"[ \t]*([0-9A-Fa-f]{1,8})[ \t]*(?:;[^\r\n]{0,200})?\r?\n")
_LINE_END = re.compile(rb"[^\r\n]*\r\n")
_TRAILERS = re.compile(rb"(?:[A-Za-z0-9-]{1,100}:[^\r\n]*\r?\n)*[\r\n]*")
"""All that may stand behind the last chunk."""
_MOST_CODINGS = 5
_STEP = 1 << 16
_BROTLI_STEP = 1 << 10
"""Bytes that are given to brotli at a time, so that a bomb is noticed early."""
_GZIP, _ZSTD = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"


class TooLargeError(ValueError):
    """A body is larger than `LARGEST_BODY` once it is decoded."""


def decode_body(body: bytes, content_encoding: str = "", transfer_encoding: str = "") -> bytes:
    """Return the body without its codings; what does not look coded stays as it is.

    Raises `TooLargeError` for a body that grows beyond `LARGEST_BODY`, and `ValueError` for one
    that is damaged before anything of it could be decoded, or still coded below the outermost five.
    """
    if "chunked" in transfer_encoding.lower():
        body = dechunked(body)
    codings = [part.strip().lower() for part in content_encoding.split(",") if part.strip()]
    # The header lists codings in the order in which they were applied. The empty one comes last: a
    # body that is still gzip or zstd by its first bytes is decoded once more.
    for coding in [*reversed(codings[-_MOST_CODINGS:]), ""]:
        decode = _decoder(coding, body)
        body = body if decode is None else _joined(decode(body))
    if len(codings) > _MOST_CODINGS and _decoder("", body) is not None:
        raise ValueError(f"{len(codings)} codings, more than {_MOST_CODINGS}")
    return body


def dechunked(body: bytes) -> bytes:
    """Return the data of chunks (RFC 9112 §7.1); a body that is none of them stays as it is."""
    parts: list[bytes] = []
    at = 0
    while match := _CHUNK_SIZE.match(body, at):
        size = int(match[1], 16)
        if size == 0:
            # With no chunk before it, a 0 ends an empty body; else it is the first line of a text.
            is_end = parts or _TRAILERS.fullmatch(body, match.end())
            return b"".join(parts) if is_end else body
        end = match.end() + size
        parts.append(body[match.end() : end])
        if body[end : end + 1] not in (b"\r", b"\n", b""):
            # No line end behind the first chunk: the "size" was text, a hex-like word in a body
            # that was joined already. Behind a later chunk the body is damaged there.
            return body if len(parts) == 1 else b"".join(parts)
        # Some servers end lines by a bare line feed.
        at = end + (2 if body[end : end + 2] == b"\r\n" else 1)
        if end >= len(body):
            break
    # A lone chunk that nothing confirms is believed only behind the line end of RFC 9112.
    is_sure = len(parts) > 1 or (parts and _LINE_END.match(body))
    return b"".join(parts) if is_sure else body


def _decoder(coding: str, body: bytes) -> Callable[[bytes], Iterator[bytes]] | None:
    """Return what undoes a coding, if the body looks like it."""
    if body[:2] == _GZIP and coding in ("", "gzip", "x-gzip"):
        return _gunzip
    if body[:4] == _ZSTD and coding in ("", "zstd"):
        return _unzstd
    return {"deflate": _inflate, "br": _unbrotli}.get(coding)


def _joined(pieces: Iterator[bytes]) -> bytes:
    parts: list[bytes] = []
    size = 0
    for piece in pieces:
        size += len(piece)
        if size > LARGEST_BODY:
            raise TooLargeError(f"more than {LARGEST_BODY >> 20} MiB")
        parts.append(piece)
    return b"".join(parts)


def _gunzip(body: bytes) -> Iterator[bytes]:
    """Yield the content of gzip members; a damaged end is left out, a damaged start raises."""
    found = False
    while body[:2] == _GZIP:
        # 31 is 15, the largest window, with 16 for the header and checksum of gzip.
        member = zlib.decompressobj(wbits=31)
        try:
            for piece in _pieces(member, body):
                found = True
                yield piece
        except zlib.error as error:
            if not found:
                raise ValueError(f"gzip: {error}") from error
            return
        body = member.unused_data


def _pieces(member: zlib._Decompress, body: bytes) -> Iterator[bytes]:
    while body and not member.eof:
        # A bound on what comes out at once: 1 MiB of gzip may hold 1 GiB, and `_joined` must be
        # able to stop before it is in memory.
        piece = member.decompress(body, _STEP)
        if piece:
            yield piece
        body = member.unconsumed_tail


def _inflate(body: bytes) -> Iterator[bytes]:
    """Yield what `deflate` holds: zlib's form, or the raw one that some servers send."""
    # The two bytes of zlib's header (RFC 1950 §2.2): method 8, and a multiple of 31 together.
    is_zlib = len(body) > 1 and body[0] & 15 == 8 and (body[0] << 8 | body[1]) % 31 == 0
    return _all_or_itself(body, lambda: _pieces(zlib.decompressobj(15 if is_zlib else -15), body))


def _unzstd(body: bytes) -> Iterator[bytes]:
    import zstandard

    # A frame may ask for a window of gigabytes.
    reader = zstandard.ZstdDecompressor(max_window_size=1 << 27).stream_reader(
        body, read_across_frames=True
    )
    found = False
    while True:
        try:
            piece = reader.read(_STEP)
        except zstandard.ZstdError as error:
            if not found:
                raise ValueError(f"zstd: {error}") from error
            return
        if not piece:
            return
        found = True
        yield piece


def _unbrotli(body: bytes) -> Iterator[bytes]:
    import brotli

    member = brotli.Decompressor()
    steps = range(0, len(body), _BROTLI_STEP)
    pieces = (member.process(body[at : at + _BROTLI_STEP]) for at in steps)
    return _all_or_itself(body, lambda: pieces)


def _all_or_itself(body: bytes, decode: Callable[[], Iterator[bytes]]) -> Iterator[bytes]:
    """Yield what a coding gives that has no first bytes to know it by; else the body itself."""
    try:
        decoded = _joined(decode())
    except TooLargeError:
        raise
    except Exception:  # brotli.error and zlib.error
        decoded = body
    yield decoded
