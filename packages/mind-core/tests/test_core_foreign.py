"""A file of another format is named, with the one line that turns it."""

import bz2
import gzip
import io
import lzma
import tarfile
import zipfile
from pathlib import Path

import orjson
import pytest
import zstandard

from mind_core.errors import MindError
from mind_core.foreign import SIGNATURES, _way, check_not_foreign, looks_like_gbk
from mind_core.stream import read_records

TEXT = "中国人民银行今天发布了公告，市场反应平稳。"
LINES = b"".join(orjson.dumps({"id": str(n), "text": TEXT}) + b"\n" for n in range(100))


def tar() -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("a.jsonl"), io.BytesIO())
    return buffer.getvalue()


def zipped() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("a.jsonl", LINES)
    return buffer.getvalue()


FILES = {
    "Parquet": (b"PAR1" + bytes(64), "decompress"),
    "ORC": (b"ORC" + bytes(64), "read_orc"),
    "Arrow": (b"ARROW1\0\0", ".arrow"),
    "xz": (lzma.compress(LINES), "xzcat"),
    "bzip2": (bz2.compress(LINES), "bzcat"),
    "zip archive": (zipped(), "unzip -p"),
    "7z": (b"7z\xbc\xaf\x27\x1c" + bytes(9), "7z x -so"),
    "tar archive": (tar(), "tar xOf"),
    "UTF-16": (LINES.decode().encode("utf-16"), "iconv -f utf-16 -t utf-8"),
    "in UTF-16": (LINES.decode().encode("utf-16-le"), "iconv -f utf-16le"),
    "UTF-32": (LINES.decode().encode("utf-32"), "iconv -f utf-32"),
    "GBK": (LINES.decode().encode("gbk"), "iconv -f gb18030 -t utf-8"),
    "WARC": (b"WARC/1.0\r\nWARC-Type: warcinfo\r\n", "mind-clean --from warc"),
    "WET": (b"WARC/1.0\r\nWARC-Type: conversion\r\n", ".wet.gz"),
    "HTML": (b"<!DOCTYPE html><p>", "jq -Rsc"),
    "PDF": (b"%PDF-1.7\n", "pdftotext"),
    "pickle": (b"\x80\x04\x95" + bytes(9), "can run code"),
    "zstd twice": (zstandard.compress(LINES), "zstdcat"),
}


@pytest.mark.parametrize("wrap", [bytes, gzip.compress, zstandard.compress])
@pytest.mark.parametrize("name", FILES)
def test_a_foreign_format_is_named_by_its_first_bytes(tmp_path: Path, name: str, wrap) -> None:
    content, way = FILES[name]
    if wrap is bytes and name in ("zstd twice", "xz", "bzip2", "Parquet"):
        return  # read as they are
    path = tmp_path / "a file"
    path.write_bytes(wrap(content))
    with pytest.raises(MindError) as caught:
        list(read_records([path]))
    assert name in f"{caught.value.message} {caught.value.cause}"
    assert way in str(caught.value.hint)
    assert "jq -c '.[]?'" not in str(caught.value.hint)


@pytest.mark.parametrize(
    ("name", "way"),
    [
        ("https://example.org/a b.zst", "curl -fL 'https://example.org/a b.zst'"),
        ("s3://bucket/key", "aws s3 cp s3://bucket/key -"),
        ("allenai/c4", "hf download --repo-type dataset allenai/c4"),
        ("nothing", "check the path"),
    ],
)
def test_what_is_no_file_is_told(name: str, way: str) -> None:
    with pytest.raises(MindError, match="cannot read") as caught:
        list(read_records([name]))
    assert way in str(caught.value.hint)


def test_gbk_is_told_from_utf_8_that_is_cut() -> None:
    assert looks_like_gbk(TEXT.encode("gbk"))
    assert looks_like_gbk(("{" + TEXT + "abc").encode("gb18030"))
    assert not looks_like_gbk(TEXT.encode()[:-1])
    assert not looks_like_gbk(TEXT.encode())
    assert not looks_like_gbk(bytes(range(256)))
    assert not looks_like_gbk(b"plain")
    # Three pairs of four are enough, two of three are not.
    common, rare = "中".encode("gbk"), b"\xf0\xf0"
    assert looks_like_gbk(common * 3 + rare)
    assert not looks_like_gbk(common * 2 + rare)


def test_lines_of_our_own_are_not_foreign(tmp_path: Path) -> None:
    for start in (b"", b"\n\n", b"\xef\xbb\xbf", b" "):
        (tmp_path / "in").write_bytes(start + LINES)
        assert len(list(read_records([tmp_path / "in"]))) == 100


@pytest.mark.parametrize(
    ("turn", "file", "pipe"),
    [
        ("", "turn it into JSON Lines, one object on a line", None),
        ("xzcat", "`xzcat 'a b' | …`", "`… | xzcat | …`"),
        ("parquet", "decompress 'a b' first", "give the file"),
        ("orc", "pandas.read_orc(sys.argv[1])", None),
        ("arrow", "call the file .arrow", None),
        ("avro", "`Dataset.to_json`", None),
        ("warc", "`mind-clean --from warc 'a b'`", "`mind-clean --from warc FILE`"),
        ("pdftotext", "`pdftotext 'a b' - | jq", "`pdftotext FILE - | jq"),
        ("pickle", "have whoever made it write JSON Lines", None),
        ("html", "| mind-clean …`", None),
        ("wiki", "`wikiextractor --json -o - 'a b' | …`", "-o - FILE | …`"),
    ],
)
def test_the_way_can_be_pasted_into_a_shell(turn: str, file: str, pipe: str | None) -> None:
    assert file in _way(turn, "a b")
    assert (pipe or file) in _way(turn, "stdin")
    assert turn in {known for _, _, known in SIGNATURES}


def test_a_tar_archive_is_known_by_its_257th_byte() -> None:
    with pytest.raises(MindError, match="tar archive") as caught:
        check_not_foreign(tar()[:262], "a b")
    assert caught.value.hint == "`tar xOf 'a b' | …` takes its files"
    check_not_foreign(tar()[:261], "a b")
