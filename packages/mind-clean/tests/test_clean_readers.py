"""Records of other tools and web archives come in as ours."""

from __future__ import annotations

import gzip
import io
import json
from pathlib import Path
from typing import Any

import pytest
import zstandard

from mind_clean.readers.warc import LARGEST_PAGE
from mind_core.formats.warc_bytes import pieces_of
from mind_core.formats.warc_records import records_of
from mind_core.testing import ToolResult, run_tool

CASES: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    (
        "datatrove",
        {"text": "正文", "id": "1", "metadata": {"url": "https://a.example/", "language": "zh"}},
        {"id": "1", "text": "正文", "url": "https://a.example/", "source": "datatrove",
         "metadata": {"url": "https://a.example/", "language": "zh"}},
    ),
    (
        "cc_net",
        {"url": "http://a.example/x", "date_download": "2019-01-01T00:00:00Z", "digest": "sha1:A",
         "length": 2, "nlines": 1, "source_domain": "a.example", "title": "题",
         "raw_content": "正文", "language": "zh", "language_score": 0.9, "perplexity": 300.5},
        {"id": "sha1:A", "text": "正文", "url": "http://a.example/x", "source": "a.example",
         "added": "2019-01-01T00:00:00Z",
         "metadata": {"length": 2, "nlines": 1, "title": "题", "language": "zh",
                      "language_score": 0.9, "perplexity": 300.5}},
    ),
    (
        "wudao",
        {"id": 12, "uniqueKey": "k", "titleUkey": "t", "dataType": "新闻", "title": "题",
         "content": "正文"},
        {"id": "k", "text": "正文", "source": "wudao",
         "metadata": {"id": 12, "titleUkey": "t", "dataType": "新闻", "title": "题"}},
    ),
    (
        "mnbvc",
        {"文件名": "a.txt", "是否重复文件": False, "段落数": 2,
         "段落": [{"行号": 1, "是否重复": False, "md5": "x", "内容": "第一段"},
                  {"行号": 2, "是否重复": False, "md5": "y", "内容": "第二段"}]},
        {"id": "a.txt", "text": "第一段\n第二段", "source": "mnbvc",
         "metadata": {"是否重复文件": False, "段落数": 2}},
    ),
    (
        "wanjuan",
        {"id": "w", "content": "Text", "title": "T", "language": "en", "date": "2020-01-01",
         "toxic_score": 0.1},
        {"id": "w", "text": "Text", "source": "wanjuan", "created": "2020-01-01",
         "metadata": {"title": "T", "language": "en", "toxic_score": 0.1}},
    ),
    (
        "chinesewebtext",
        {"title": "题", "score": 0.9, "text": "正文", "url": "https://b.example/",
         "source_domain": "b.example"},
        {"id": "https://b.example/", "text": "正文", "source": "b.example",
         "metadata": {"title": "题", "score": 0.9}},
    ),
]  # fmt: skip


def read(shape: str, *records: Any, **options: Any) -> ToolResult:
    return run_tool("mind-clean", ["-z", "0", "-q", "--from", shape, "--step", "emoji"], [*records])


@pytest.mark.parametrize(("shape", "theirs", "ours"), CASES, ids=[case[0] for case in CASES])
def test_shapes(shape: str, theirs: dict[str, Any], ours: dict[str, Any]) -> None:
    done = read(shape, theirs)
    assert done.code == 0, done.stderr
    assert done.records == [ours]


@pytest.mark.parametrize(
    ("shape", "record"),
    [("cc_net", {"text": "x"}), ("mnbvc", {"段落": [{"行号": 1}]}), ("wudao", {"content": 5})],
)
def test_a_record_of_another_shape_is_a_bad_one(shape: str, record: dict[str, Any]) -> None:
    done = read(shape, record)
    assert done.code == 1
    assert "stdin:1" in done.stderr and "--from" in done.stderr


def test_a_misspelt_shape_is_named() -> None:
    done = read("ccnet", {"text": "x"})
    assert done.code == 2 and "cc_net" in done.stderr


def response(
    url: str, body: bytes, content_type: str = "text/html; charset=gbk", more: bytes = b""
) -> bytes:
    http = b"HTTP/1.1 200 OK\r\nContent-Type: %s\r\nContent-Length: %d\r\n%s\r\n" % (
        content_type.encode(), len(body), more,
    )  # fmt: skip
    block = http + body
    head = (
        f"WARC/1.0\r\nWARC-Type: response\r\nWARC-Record-ID: <urn:uuid:{url[-1]}>\r\n"
        f"WARC-Target-URI: {url}\r\nWARC-Date: 2023-10-24T00:00:00Z\r\n"
        f"Content-Type: application/http; msgtype=response\r\nContent-Length: {len(block)}\r\n\r\n"
    )
    return head.encode() + block + b"\r\n\r\n"


SENTENCE = "清明前后，杭州的茶农便上山采茶，一芽一叶的嫩芽最为珍贵，采下来当天就要摊晾。"


TEXT = (
    SENTENCE
    + "谷雨之后的茶更浓，价钱却便宜得多，山下的茶馆里一年到头都有人喝，老人尤其爱喝。"
    + SENTENCE.replace("清明", "立夏")
)


def archive(*, cut: int = 0) -> bytes:
    page = f"<html><body><article><p>{TEXT}</p></article></body></html>".encode("gbk")
    out = io.BytesIO()
    for number in range(3):
        out.write(gzip.compress(response(f"https://tea.example/{number}", page)))
    return out.getvalue()[: -cut or None]


def test_a_web_archive(tmp_path: Path) -> None:
    path = tmp_path / "a.warc.gz"
    path.write_bytes(archive())
    done = run_tool("mind-clean", ["-z", "0", "--from", "warc", path])
    assert done.code == 0, done.stderr
    assert [record["url"] for record in done.records] == [
        f"https://tea.example/{number}" for number in range(3)
    ]
    assert SENTENCE in done.records[0]["text"]
    piped = run_tool("mind-clean", ["-z", "0", "--from", "warc", "-j", "2"], archive())
    assert piped.stdout == done.stdout


def test_codings_and_sizes_of_an_archive(tmp_path: Path) -> None:
    page = f"<html><body><article><p>{TEXT}</p></article></body></html>".encode("gbk")
    coded = gzip.compress(page)
    chunk = b"%x\r\n%s\r\n0\r\n\r\n" % (len(coded), coded)
    both = b"Content-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n"
    video = b"\0" * (LARGEST_PAGE + 1)
    path = tmp_path / "a.warc"
    path.write_bytes(
        response("https://tea.example/0", chunk, more=both)
        + response("https://tea.example/1", page, more=both)
        + response("https://tea.example/2", video, "video/mp4")
        + response("https://tea.example/3", video)
        + response("https://tea.example/4", coded, more=b"Content-Encoding: x-gzip\r\n")
    )
    rejects = tmp_path / "rejects.jsonl"
    done = run_tool("mind-clean", ["-z", "0", "--from", "warc", path, "--rejects", rejects])
    assert done.code == 0, done.stderr
    assert [record["url"][-1] for record in done.records] == ["0", "1", "4"]
    assert all(SENTENCE in record["text"] for record in done.records)
    with zstandard.open(rejects, "rt") as lines:
        dropped = [json.loads(line)["metadata"]["mind"]["rejected"] for line in lines]
    assert [d["reason"] for d in dropped] == ["not_html", "too_large"]


PAGE = f"<html><body><article><p>{TEXT}</p></article></body></html>".encode("gbk")
RECORDS = [response(f"https://tea.example/{number}", PAGE) for number in range(4)]
MEMBERS = [gzip.compress(record, 1, mtime=0) for record in RECORDS]


def broken(member: bytes) -> bytes:
    return member[:60] + bytes(byte ^ 0x5A for byte in member[60:80]) + member[80:]


def sized(record: bytes, more: int) -> bytes:
    """Return a record that says another length than it has."""
    start, found, rest = record.partition(b"Content-Type: application/http")
    head, _, block = rest.partition(b"\r\n\r\n")
    length = int(head.rpartition(b" ")[2])
    said = head.rpartition(b" ")[0] + b" %d" % (length + more)
    return start + found + said + b"\r\n\r\n" + block


ZERO, ONE, TWO, THREE = MEMBERS
DAMAGED: dict[str, tuple[bytes, str, int]] = {
    "a damaged member": (ZERO + broken(ONE) + TWO + THREE, "023", 1),
    "two damaged members": (ZERO + broken(ONE) + TWO + broken(THREE), "02", 2),
    "a damaged first member": (broken(ZERO) + ONE + TWO, "12", 1),
    "a checksum that is wrong": (ZERO + ONE[:-8] + bytes(8) + TWO, "02", 1),
    "bytes between members": (ZERO + b"no member at all" + TWO, "02", 1),
    "zeros between members": (ZERO + bytes(700) + TWO, "02", 0),
    "zeros at the end": (ZERO + ONE + bytes(5000), "01", 0),
    "cut in a member": (ZERO + ONE + TWO[:-100], "01", 1),
    "cut in the last checksum": (ZERO + ONE + TWO[:-5], "012", 1),
    "one member of all, cut": (gzip.compress(b"".join(RECORDS), 1)[:-30], "01", 1),
    "plain, cut": (b"".join(RECORDS[:3])[:-300], "01", 1),
    "plain, cut in a header": (RECORDS[0] + RECORDS[1][:50], "0", 1),
    "a length that is too large": (RECORDS[0] + sized(RECORDS[1], 900) + RECORDS[2], "02", 1),
    "too large for the file": (RECORDS[0] + sized(RECORDS[1], 90000) + RECORDS[2], "02", 1),
    "a length that is too small": (RECORDS[0] + sized(RECORDS[1], -200) + RECORDS[2], "02", 1),
    "a length that is none": (RECORDS[0] + RECORDS[1].replace(b"Content-Length: ", b"Length: ")
                              + RECORDS[2], "02", 1),
    "lines of something else": (RECORDS[0] + b"what is this\r\n" * 50 + RECORDS[2], "02", 1),
    "no line ends between": (RECORDS[0].rstrip() + b"\r\n" + RECORDS[2], "02", 0),
}  # fmt: skip


@pytest.mark.parametrize("name", DAMAGED)
def test_reading_goes_on_behind_what_is_damaged(name: str) -> None:
    content, kept, bad = DAMAGED[name]
    records = [*records_of(pieces_of(io.BytesIO(content), "a.warc"), LARGEST_PAGE)]
    whole = [r.headers["warc-target-uri"][-1] for r in records if not r.damage]
    assert "".join(whole) == kept, [(r.headers.get("warc-target-uri"), r.damage) for r in records]
    assert sum(bool(record.damage) for record in records) == bad


@pytest.mark.parametrize("size", [1, 7, 100])
def test_damage_is_the_same_however_the_file_is_read(size: int) -> None:
    class Slow(io.BytesIO):
        def read(self, wanted: int | None = -1, /) -> bytes:
            return super().read(min(size, wanted or size))

    for name, (content, kept, bad) in DAMAGED.items():
        if name == "a checksum that is wrong":
            continue  # all of the content came before it
        records = [*records_of(pieces_of(Slow(content), "a.warc"), LARGEST_PAGE)]
        whole = [r.headers["warc-target-uri"][-1] for r in records if not r.damage]
        damage = [record.damage for record in records if record.damage]
        assert ("".join(whole), len(damage)) == (kept, bad), (name, damage)


def test_what_is_damaged_is_named_and_skipped_if_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "cut.warc.gz"
    path.write_bytes(DAMAGED["a damaged member"][0])
    output = tmp_path / "out.zst"
    done = run_tool("mind-clean", ["-o", output, "--from", "warc", path])
    assert done.code == 1 and "cut.warc.gz:2" in done.stderr and "--skip-bad all" in done.stderr
    assert not output.exists()
    summary = tmp_path / "s.json"
    more = ["--skip-bad", "all", "--rejects", tmp_path / "r.zst", "--summary", summary]
    done = run_tool("mind-clean", ["-z", "0", "--from", "warc", path, *more])
    assert done.code == 0, done.stderr
    assert [record["url"][-1] for record in done.records] == ["0", "2", "3"]
    assert json.loads(summary.read_bytes())["bad"] == {"damaged_record": 1}


def test_texts_of_an_archive_and_pages_that_are_elsewhere(tmp_path: Path) -> None:
    text = f"{SENTENCE}\n{TEXT}".encode()
    wet = (f"WARC/1.0\r\nWARC-Type: conversion\r\nWARC-Target-URI: https://wet.example/\r\n"
           f"Content-Type: text/plain\r\nContent-Length: {len(text)}\r\n\r\n")  # fmt: skip
    moved = RECORDS[1].replace(b"HTTP/1.1 200 OK", b"HTTP/1.1 301 No")
    path, rejects = tmp_path / "a.warc", tmp_path / "r.jsonl"
    path.write_bytes(wet.encode() + text + b"\r\n\r\n" + moved + RECORDS[2])
    done = run_tool("mind-clean", ["-z", "0", "--from", "warc", path, "--rejects", rejects])
    assert done.code == 0, done.stderr
    assert [r["url"] for r in done.records] == ["https://wet.example/", "https://tea.example/2"]
    assert done.records[0]["text"].startswith(SENTENCE)
    with zstandard.open(rejects, "rt") as lines:
        dropped = [json.loads(line)["metadata"]["mind"]["rejected"] for line in lines]
    assert [(d["reason"], d["value"]) for d in dropped] == [("http_redirect", 301)]


def test_what_is_no_archive_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "page.html"
    path.write_bytes(b"<html>no archive</html>\n" * 20)
    done = run_tool("mind-clean", ["--from", "warc", path])
    assert done.code == 1 and "page.html" in done.stderr and "hint:" in done.stderr


def test_an_address_holds_characters_that_end_lines_elsewhere() -> None:
    address = "http://x.example/a\u2028b\x85c"
    head = f"WARC/1.1\r\nWARC-Type: response\r\nWARC-Target-URI: {address}\r\nContent-Length: 2"
    content = head.encode() + b"\r\n\r\nhi\r\n\r\n"
    (record,) = records_of(pieces_of(io.BytesIO(content), "a.warc"), LARGEST_PAGE)
    assert record.headers["warc-target-uri"] == address and record.body == b"hi"
