"""What is read from others within bounds: packed files, replies of servers."""

from __future__ import annotations

import gzip
import http.client
import io
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import zstandard

from mind_core import bounded
from mind_core.bounded import Bounds, is_zip, read_member, read_packed, zip_members
from mind_core.errors import MindError
from mind_core.servers import MAX_REPLY, read_reply, read_reply_lines, retry_after

Pack = Callable[[bytes], bytes]
PACKERS = [gzip.compress, zstandard.ZstdCompressor().compress]


@contextmanager
def refused(cause: str) -> Iterator[None]:
    """Expect an error with these words in its cause."""
    with pytest.raises(MindError, match="too large") as caught:
        yield
    assert cause in str(caught.value.cause)


def zipped(**files: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return buffer.getvalue()


@pytest.mark.parametrize("pack", PACKERS, ids=["gzip", "zstd"])
def test_a_packed_file_is_its_content_up_to_its_bounds(pack: Pack, tmp_path: Path) -> None:
    path = tmp_path / "rows"
    path.write_bytes(pack(b"a" * 5000))
    bounds = Bounds(total=5000)
    assert read_packed(path, bounds) == b"a" * 5000 and bounds.total == 0
    with pytest.raises(MindError, match="too large"):
        read_packed(path, Bounds(total=4999))
    path.write_bytes(b"a" * 5000)
    assert read_packed(path, Bounds(total=5000)) == b"a" * 5000
    with pytest.raises(MindError, match="too large"):
        read_packed(path, Bounds(total=4999))


@pytest.mark.parametrize("pack", PACKERS, ids=["gzip", "zstd"])
def test_a_ratio_counts_beyond_what_any_file_may_become(
    pack: Pack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bounded, "_FREE", 20_000)
    small, large = pack(b"a" * 20_000), pack(b"a" * 400_000)
    assert len(bounded.unpack(small, "it", Bounds(ratio=2))) == 20_000
    with refused("more than 2 times"):
        bounded.unpack(large, "it", Bounds(ratio=2))
    noise = zstandard.ZstdCompressor().compress(bytes(range(256)) * 300)
    assert len(bounded.unpack(noise, "it", Bounds(ratio=1000))) == 76_800
    just = Bounds(ratio=1000)
    just.spend(1, 21, 21_000, "it")  # equal to the ratio is within it
    with refused("1,000 times its 21 bytes"):
        just.spend(1, 21, 21_001, "it")


def test_members_depth_and_bytes_of_zip_files_are_counted() -> None:
    inner = zipped(b=b"2", a=b"1")
    assert is_zip(inner) and is_zip(zipped()) and not is_zip(gzip.compress(b""))
    bounds = Bounds(members=2, total=2)
    assert list(zip_members(inner, "z", bounds)) == [("a", b"1"), ("b", b"2")]
    assert (bounds.members, bounds.total) == (0, 0)
    with refused("members"):
        list(zip_members(inner, "z", Bounds(members=1)))
    assert list(zip_members(inner, "z", Bounds(depth=2), depth=2))
    with refused("more than 2 deep"):
        list(zip_members(inner, "z", Bounds(depth=2), depth=3))
    with refused("1 GiB"):
        list(zip_members(inner, "z", Bounds(total=1)))
    with zipfile.ZipFile(io.BytesIO(inner)) as archive:
        assert read_member(archive, "b", "z", Bounds()) == b"2"
        with pytest.raises(MindError, match="damaged"):
            read_member(archive, "c", "z", Bounds())
    with pytest.raises(MindError, match="damaged"):
        list(zip_members(inner[:-30], "z", Bounds()))


class Reply(io.BytesIO):
    """A body of which some bytes never came, as http.client says it."""

    length: int | None = None


def test_a_reply_is_whole_and_within_its_bound() -> None:
    assert read_reply(Reply(b"x" * 10), "it", 10) == b"x" * 10
    with pytest.raises(MindError, match="answers with more"):
        read_reply(Reply(b"x" * 11), "it", 10)
    with pytest.raises(MindError, match="more than 16 MiB"):
        read_reply(Reply(b"x" * (MAX_REPLY + 1)), "it")
    cut = Reply(b"half")
    cut.length = 4
    with pytest.raises(http.client.IncompleteRead) as caught:
        read_reply(cut, "it")
    assert (caught.value.partial, caught.value.expected) == (b"half", 4)
    whole = Reply(b"all")
    whole.length = 0
    assert read_reply(whole, "it") == b"all"


def test_the_lines_of_a_reply_count_together() -> None:
    assert list(read_reply_lines(io.BytesIO(b"ab\ncd\n"), "it", 6)) == [b"ab\n", b"cd\n"]
    with pytest.raises(MindError, match="answers with more"):
        list(read_reply_lines(io.BytesIO(b"ab\ncd\ne"), "it", 6))


def test_a_server_says_how_long_to_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mind_core.servers.time.time", lambda: 784111777.0)
    assert retry_after("7") == 7.0 and retry_after("-1") == 0.0
    assert retry_after("Sun, 06 Nov 1994 08:49:47 GMT") == 10.0
    assert retry_after("Sun, 06 Nov 1994 08:49:17 GMT") == 0.0
    assert retry_after(None) is retry_after("") is retry_after("soon") is None


def test_a_member_of_a_zip_file_counts_from_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounded, "_FREE", 20_000)
    monkeypatch.setattr(bounded, "_AT_ONCE", 6_000)
    whole = zipped(a=b"a" * 20_000, b=b"b" * 20_000)
    assert [len(data) for _, data in zip_members(whole, "z", Bounds(ratio=1))] == [20_000] * 2
    with refused("more than 1 times"):
        list(zip_members(zipped(a=b"a" * 20_001), "z", Bounds(ratio=1)))
