"""Files that become far more than they are, and replies that never end."""

from __future__ import annotations

import gzip
import http.server
import io
import subprocess
import sys
import threading
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import zstandard

from mind_core.bounded import Bounds, read_packed, unpack, zip_members
from mind_core.errors import MindError
from mind_core.servers import read_reply

LARGE = 3 << 30


def zstd_bomb(size: int) -> bytes:
    """A frame of blocks that repeat one byte: 4 bytes for 128 KiB each."""
    start = zstandard.ZstdCompressor(write_content_size=False).compress(b"0" * (1 << 17))[:6]
    block = bytes([0x02, 0, 0x10]) + b"0"
    return start + block * (size >> 17) + bytes([0x03, 0, 0x10]) + b"0"


def zip_of(name: str, data: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, data)
    return buffer.getvalue()


def nested_zips() -> bytes:
    data = zip_of("a.txt", b"text")
    for _ in range(30):
        data = zip_of("a.zip", data)
    return data


def zip_of_many() -> bytes:
    many = io.BytesIO()
    with zipfile.ZipFile(many, "w") as archive:
        for number in range(20_000):
            archive.writestr(f"{number}.txt", b"x")
    return many.getvalue()


def lying_zip() -> bytes:
    lying = bytearray(zip_of("a.txt", b"0" * (1 << 27)))
    at = lying.rindex(b"PK\x01\x02")
    lying[at + 24 : at + 28] = (4).to_bytes(4, "little")  # the size that it says it becomes
    return bytes(lying)


BOMBS: dict[str, Callable[[], bytes]] = {
    "zstd": lambda: zstd_bomb(LARGE),
    "gzip": lambda: gzip.compress(b"0" * (1 << 26), 9) * 48,
    "zip": lambda: zip_of("a.txt", b"0" * (1 << 28)),
    "nested": nested_zips,
    "many": zip_of_many,
    "lying": lying_zip,
    "damaged": lambda: zip_of("a.txt", b"text" * 1000)[:-30],
    "zstd in zip": lambda: zip_of("a.jsonl.zst", zstd_bomb(LARGE)),
}
"""Makers, as each takes a second or two."""

READ = """
import resource, sys
resource.setrlimit(resource.RLIMIT_AS, (3 << 30, 3 << 30))
resource.setrlimit(resource.RLIMIT_CPU, (60, 60))
from mind_core.text.benchmark_files import read_texts
from mind_core.errors import MindError
from pathlib import Path
try:
    print(sum(map(len, read_texts(Path(sys.argv[1])))))
except MindError as error:
    print("refused:", error.message, error.cause)
"""


@pytest.mark.hostile("a file that becomes far more than it is")
@pytest.mark.parametrize("kind", BOMBS)
def test_a_bomb_is_refused_within_memory_and_time(tmp_path: Path, kind: str) -> None:
    path = tmp_path / ("a.zip" if kind not in ("zstd", "gzip") else "a.txt")
    path.write_bytes(BOMBS[kind]())
    done = subprocess.run(
        [sys.executable, "-c", READ, path], capture_output=True, text=True, timeout=250, check=False
    )
    assert done.stdout.startswith("refused:"), done.stdout + done.stderr


def test_what_is_no_bomb_is_read(tmp_path: Path) -> None:
    text = b"line\n" * 100_000
    for data in (text, gzip.compress(text), gzip.compress(text) * 2, zstandard.compress(text)):
        (tmp_path / "a").write_bytes(data)
        assert read_packed(tmp_path / "a").replace(text, b"") == b""
    inner = zip_of("inner.txt", text)
    outer = zip_of("b.zip", inner)
    bounds = Bounds()
    [(name, found)] = zip_members(outer, "outer", bounds)
    assert (name, found) == ("b.zip", inner)
    assert list(zip_members(found, "inner", bounds, 2)) == [("inner.txt", text)]
    with pytest.raises(MindError, match="too large"):
        list(zip_members(found, "inner", bounds, 3))
    assert bounds.total == (1 << 30) - len(inner) - len(text)


def test_bounds_are_counted_over_all_that_is_read() -> None:
    bounds = Bounds(total=100)
    packed = gzip.compress(b"x" * 60)
    assert len(unpack(packed, "a", bounds)) == 60
    with pytest.raises(MindError, match="too large"):
        unpack(packed, "b", bounds)


class Endless(http.server.BaseHTTPRequestHandler):
    """Answers without an end."""

    def do_POST(self) -> None:
        self.send_response(200)
        self.end_headers()
        try:
            while True:
                self.wfile.write(b" " * (1 << 20))
        except OSError:
            return

    def log_message(self, *_: object) -> None:
        return


@pytest.fixture
def endless() -> Iterator[str]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Endless) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}/v1"
        server.shutdown()


@pytest.mark.hostile("a reply that never ends")
def test_an_endless_reply_is_cut(endless: str) -> None:
    from mind_eval.models.http_requests import post

    with pytest.raises(MindError, match="more than 16 MiB"):
        post(endless, b"{}", 20.0, None, "item")
    assert read_reply(io.BytesIO(b"x" * 10), "it", 10) == b"x" * 10
