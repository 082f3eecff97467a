"""bzip2 and xz are bounded, read to their end, and noticed where they are cut."""

import bz2
import lzma
import zlib
from pathlib import Path

import pytest

from mind_core.compressions import AT_ONCE, content_of
from mind_core.errors import MindError
from mind_core.zstd_frames import TruncatedStream

LINES = b"".join(b'{"id": "%d", "text": "abc"}\n' % n for n in range(9000))
COMPRESS = {"bzip2": bz2.compress, "xz": lzma.compress}


def read(folder: Path, data: bytes) -> bytes:
    (folder / "in").write_bytes(data)
    with (folder / "in").open("rb") as source:
        return b"".join(content_of(source, "in"))


@pytest.mark.parametrize("name", COMPRESS)
def test_streams_one_after_another_are_one(tmp_path: Path, name: str) -> None:
    data = COMPRESS[name](LINES)
    assert read(tmp_path, data) == LINES
    assert read(tmp_path, data + data) == LINES * 2
    assert read(tmp_path, COMPRESS[name](b"") + data) == LINES
    if name == "xz":
        assert read(tmp_path, data + bytes(8) + data + bytes(1 << 19)) == LINES * 2


@pytest.mark.parametrize("name", COMPRESS)
def test_what_is_cut_or_damaged_is_told(tmp_path: Path, name: str) -> None:
    data = COMPRESS[name](LINES)
    for cut in (7, len(data) // 2, len(data) - 1):
        with pytest.raises(TruncatedStream):
            read(tmp_path, data[:cut])
    broken = bytearray(data)
    broken[len(data) // 2] ^= 0x55
    with pytest.raises(MindError, match=f"damaged {name} data"):
        read(tmp_path, bytes(broken))
    with pytest.raises(MindError, match=f"damaged {name} data"):
        read(tmp_path, data + b"something else")


@pytest.mark.parametrize("name", COMPRESS)
def test_no_more_than_a_mebibyte_at_once(tmp_path: Path, name: str) -> None:
    (tmp_path / "bomb").write_bytes(COMPRESS[name](bytes(32 << 20)))
    with (tmp_path / "bomb").open("rb") as source:
        sizes = [len(chunk) for chunk in content_of(source, "bomb")]
    assert sum(sizes) == 32 << 20
    assert max(sizes) <= AT_ONCE


def test_a_dictionary_of_gigabytes_is_refused(tmp_path: Path) -> None:
    data = bytearray(lzma.compress(b"{}\n"))
    header = bytes(data[12 : 12 + (data[12] + 1) * 4 - 4])
    at = header.index(b"\x21\x01") + 2
    header = header[:at] + b"\x28" + header[at + 1 :]  # 4 GiB - 1
    data[12 : 12 + len(header) + 4] = header + zlib.crc32(header).to_bytes(4, "little")
    with pytest.raises(MindError, match="damaged xz data") as caught:
        read(tmp_path, bytes(data))
    assert "limit" in str(caught.value.cause)
