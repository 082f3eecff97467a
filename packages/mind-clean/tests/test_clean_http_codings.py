"""Bodies of HTTP responses are read in every coding, and where the headers lie."""

from __future__ import annotations

import gzip
import random
import zlib

import brotli
import pytest
import zstandard

from mind_clean.http_codings import LARGEST_BODY, TooLargeError, decode_body

PAGE = (
    "<html><body><p>" + "清明前后，杭州的茶农便上山采茶。Tea is picked by hand. " * 90 + "</p>"
).encode()
RAW = zlib.compressobj(wbits=-15)
CODED = {
    "": PAGE,
    "identity": PAGE,
    "gzip": gzip.compress(PAGE),
    "x-gzip": gzip.compress(PAGE),
    "deflate": zlib.compress(PAGE),
    "deflate, raw": RAW.compress(PAGE) + RAW.flush(),
    "br": brotli.compress(PAGE),
    "zstd": zstandard.compress(PAGE),
    "gzip, gzip": gzip.compress(gzip.compress(PAGE)),
    "two members": gzip.compress(PAGE[:99]) + gzip.compress(PAGE[99:]),
}
HEADER = {"deflate, raw": "deflate", "two members": "gzip"}


def chunked(body: bytes, size: int = 700) -> bytes:
    parts = [body[at : at + size] for at in range(0, len(body), size)]
    return b"".join(b"%x\r\n%s\r\n" % (len(p), p) for p in parts) + b"0\r\n\r\n"


@pytest.mark.parametrize("in_chunks", [False, True])
@pytest.mark.parametrize("name", CODED)
def test_every_coding(name: str, in_chunks: bool) -> None:
    header = HEADER.get(name, name)
    body = chunked(CODED[name]) if in_chunks else CODED[name]
    assert decode_body(body, header, "chunked" if in_chunks else "") == PAGE


@pytest.mark.parametrize("header", ["gzip", "x-gzip", "deflate", "br", "zstd", "gzip, br", "none"])
@pytest.mark.parametrize("transfer", ["", "chunked"])
def test_headers_that_lie(header: str, transfer: str) -> None:
    assert decode_body(PAGE, header, transfer) == PAGE  # decoded by the crawler, headers left
    for coded in (gzip.compress(PAGE), zstandard.compress(PAGE)):
        assert decode_body(coded, "", transfer) == PAGE


def test_chunks_that_end_early_or_lie() -> None:
    body = chunked(PAGE)
    assert decode_body(body[:-5], "", "chunked") == PAGE
    assert decode_body(body[:2000], "", "chunked") == PAGE[: 2000 - 5 - 2 * 7]
    assert decode_body(b"5\r\nhello world, no chunks", "", "chunked").startswith(b"5\r\nhello")
    assert decode_body(b"5;a=b\nhello\n0\n\n", "", "chunked") == b"hello"
    assert decode_body(b"5\nhello\n8\nit is cu", "", "chunked") == b"helloit is cu"
    assert decode_body(b"8000\r\n<p>it is cut", "", "chunked") == b"<p>it is cut"
    for nothing in (b"0\r\n\r\n", b"0\r\nExpires: 0\r\n\r\n", b"0\n\n", b"0\r\n"):
        assert decode_body(nothing, "", "chunked") == b""


@pytest.mark.parametrize("line", [b"0\n", b"0\r\n", b"cafe\n", b"3\n", b"0\n\n"])
def test_a_first_line_of_hexadecimal_digits_may_be_text(line: bytes) -> None:
    body = line + b"<p>\ntea</p>"
    assert decode_body(body, "", "chunked") == body


def test_of_many_codings_the_outermost_are_undone() -> None:
    body, header = PAGE, []
    for name, encode in (("zstd", zstandard.compress), ("br", brotli.compress)) * 2:
        body, header = encode(body), [*header, name]
    assert decode_body(body, ", ".join(["identity", "none", *header])) == PAGE
    for _ in range(7):
        body = gzip.compress(body)
    with pytest.raises(ValueError, match="11 codings, more than 5"):
        decode_body(body, ", ".join([*header, *["gzip"] * 7]))


def test_a_damaged_end_keeps_what_came_before() -> None:
    coded = gzip.compress(random.Random(3).randbytes(300_000))
    kept = decode_body(coded[:200_000], "gzip")
    assert 190_000 < len(kept) < 200_000
    with pytest.raises(ValueError, match="gzip"):
        decode_body(b"\x1f\x8b" + b"\xff" * 200, "gzip")


@pytest.mark.parametrize("name", ["gzip", "deflate", "br", "zstd"])
def test_a_bomb_is_refused(name: str) -> None:
    much = b"\0" * (LARGEST_BODY + 1)
    coders = {"gzip": gzip.compress, "deflate": zlib.compress, "zstd": zstandard.compress}
    body = brotli.compress(much, quality=1) if name == "br" else coders[name](much)
    assert len(body) < 100_000
    with pytest.raises(TooLargeError):
        decode_body(body, name)
