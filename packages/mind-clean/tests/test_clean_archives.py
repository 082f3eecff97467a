"""Archives as programs write them: wget, warcprox, warcio; whole, cut, and by their index."""

from __future__ import annotations

import gzip
import io
import json
import zlib
from pathlib import Path
from typing import Any

import brotli
import pytest
import zstandard

from mind_clean.http_codings import decode_body
from mind_core.testing import ToolResult, run_tool

HERE = Path(__file__).parent / "archives"
WGET, WARCPROX, INDEX = HERE / "wget.warc.gz", HERE / "warcprox.warc.gz", HERE / "wget.cdx"
PAGES = ["", "zh.html", "gbk.html", "gzip.html", "br.html", "deflate.html", "chunked.html"]
KEPT = {
    WGET: [*PAGES, "zh.html", "notes.txt"],  # wget follows the redirection to the second
    WARCPROX: [*PAGES, "notes.txt"],  # which warcprox writes as a `revisit`, without a body
}


def cleaned(*arguments: object, shape: str = "warc") -> ToolResult:
    return run_tool("mind-clean", ["-z", "0", "--from", shape, *arguments])


def names(done: ToolResult) -> list[str]:
    assert done.code == 0, done.stderr
    return [record["url"].split("/", 3)[3] for record in done.records]


def dropped(path: Path) -> list[tuple[str, str]]:
    with zstandard.open(path, "rt") as lines:
        records = [json.loads(line) for line in lines]
    return [(r.get("url", ""), r["metadata"]["mind"]["rejected"]["reason"]) for r in records]


@pytest.mark.parametrize("archive", KEPT, ids=lambda path: path.stem)
def test_archives_of_wget_and_warcprox(archive: Path, tmp_path: Path) -> None:
    rejects = tmp_path / "r.zst"
    done = cleaned(archive, "--rejects", rejects)
    assert names(done) == KEPT[archive]
    texts = {record["url"].split("/", 3)[3]: record["text"] for record in done.records}
    assert "没有背过竹篓上山的人才稀罕它。" in texts["zh.html"]
    assert texts["gbk.html"].startswith("茶馆\n\n谷雨之后")
    for name in ("", "gzip.html", "br.html", "deflate.html", "chunked.html"):
        assert "carried a basket up the slope." in texts[name], name
    reasons = dropped(rejects)
    assert [reason for url, reason in reasons if "/moved" in url] == ["http_redirect"]
    assert [reason for url, reason in reasons if "/gone" in url] == ["http_error"]
    own = [reason for url, reason in reasons if url.startswith("metadata:")]
    assert own == ["not_html"] * (2 if archive is WGET else 0)


def test_a_text_that_was_served_as_text_keeps_its_lines() -> None:
    [notes] = [r for r in cleaned(WGET, "--step", "blocks").records if "notes" in r["url"]]
    lines = notes["text"].split("\n")
    assert lines[2] == "A basket of leaves in April: p < 40, where p is the price in yuan."
    assert lines[3] == "In May:                      p > 12 & p < 20."
    assert notes["metadata"]["mind"]["clean"]["density"] == 1.0


def test_an_archive_cut_anywhere_gives_what_is_whole() -> None:
    content = WARCPROX.read_bytes()
    whole = cleaned(WARCPROX, "--step", "blocks")
    for share in (0.15, 0.5, 0.85):
        cut = content[: int(share * len(content))]
        done = run_tool("mind-clean", ["--from", "warc", "--step", "blocks", "-z", "0"], cut)
        assert done.code == 1 and "--skip-bad all" in done.stderr and not done.records
        arguments = ["-z", "0", "--from", "warc", "--step", "blocks", "--skip-bad", "all"]
        done = run_tool("mind-clean", arguments, cut)
        assert done.code == 0 and done.records == whole.records[: len(done.records)]
        assert len(done.records) >= int(share * len(whole.records)) - 1


def test_an_index_of_wget_gives_its_pages() -> None:
    whole, indexed = cleaned(WGET), cleaned(INDEX, shape="cdx")
    assert names(indexed) == KEPT[WGET]
    assert indexed.stdout == whole.stdout


def members(path: Path) -> list[tuple[int, int]]:
    """Return where each gzip member of an archive begins, and its length."""
    content, places, at = path.read_bytes(), [], 0
    while at < len(content):
        member = zlib.decompressobj(31)
        member.decompress(content[at:])
        length = len(content) - at - len(member.unused_data)
        places.append((at, length))
        at += length
    return places


def test_only_the_ranges_of_an_index_are_read(tmp_path: Path) -> None:
    """The archive is 40 GB of nothing but one range, and it says what is a record there."""
    offset, length = members(WARCPROX)[3]
    part = WARCPROX.read_bytes()[offset : offset + length]
    far = 40 << 30
    folder = tmp_path / "crawl"
    folder.mkdir()
    with (folder / "big.warc.gz").open("wb") as file:
        file.seek(far)
        file.write(part + b"\x1f\x8b\x08 and what follows is damaged" * 9)
    said = {"url": "http://x.example/", "status": "200", "length": str(length), "offset": str(far)}
    path = "crawl-data/CC-MAIN/big.warc.gz"
    forms = {
        "a.cdxj": f"example,x)/ 20261130 {json.dumps({**said, 'filename': path})}\n",
        "b.json": json.dumps({"urlkey": "example,x)/", **said, "filename": path}) + "\n",
        "c.cdx": f"x)/ 20261130 http://x.example/ text/html 200 A - - {length} {far} {path}\n",
        "d.cdx": f" CDX N V S g\nx {far} {length} {path}\n",
        "e.csv": "url,warc_filename,warc_record_offset,warc_record_length\n"
        f"http://x.example/,{path},{far},{length}\n",
    }
    kept = set()
    for name, content in forms.items():
        (tmp_path / name).write_text(content)
        done = cleaned(tmp_path / name, "--archives", folder, "--step", "blocks", shape="cdx")
        assert done.code == 0 and len(done.records) == 1, (name, done.stderr)
        kept.add(done.stdout)
    assert len(kept) == 1 and "山里的茶".encode() in kept.pop()


def test_what_an_index_names_wrongly_is_a_bad_record(tmp_path: Path) -> None:
    offset, length = members(WARCPROX)[3]
    request = members(WARCPROX)[2]
    good = {"filename": WARCPROX.name, "offset": offset, "length": length}
    lines = [
        good,
        {**good, "offset": offset + 1},
        {**good, "offset": 1 << 40},
        {**good, "filename": "no.warc.gz"},
        {**good, "filename": f"../{tmp_path.name}/secret"},
        {**good, "offset": "-"},
        {"offset": 1},
        {**good, "offset": request[0], "length": request[1]},
        {**good, "length": length - 300},
        good,
    ]
    index, rejects, summary = tmp_path / "i.jsonl", tmp_path / "r.zst", tmp_path / "s.json"
    (tmp_path / "secret").write_bytes(WARCPROX.read_bytes())
    index.write_text("\n".join(map(json.dumps, lines)) + "\n")
    arguments = [index, "--archives", HERE, "--skip-bad", "all", "--rejects", rejects]
    done = cleaned(*arguments, "--summary", summary, shape="cdx")
    assert done.code == 0 and len(done.records) == 2, done.stderr
    assert json.loads(summary.read_bytes())["bad"] == {
        "damaged_record": 3, "missing_archive": 2, "wrong_index_line": 2,
    }  # fmt: skip
    assert [reason for _, reason in dropped(rejects) if reason == "not_html"] == ["not_html"]
    done = cleaned(index, "--archives", HERE, shape="cdx")
    assert done.code == 1 and f"{index}:2" in done.stderr, done.stderr
    assert cleaned(WGET, "--archives", HERE).code == 2


def test_an_index_is_a_job_too(tmp_path: Path) -> None:
    arguments = [INDEX, "--archives", HERE, "--into", tmp_path / "job", "-q"]
    done = cleaned(*arguments, "--without", "site_phrases", shape="cdx")
    assert done.code == 0, done.stderr
    [output] = (tmp_path / "job" / "output").rglob("*.jsonl*")
    one = cleaned(INDEX, "--without", "site_phrases", shape="cdx")
    with output.open("rb") as file:
        content = file.read()
    if output.suffix == ".zst":
        content = zstandard.ZstdDecompressor().decompressobj().decompress(content)
    assert content == one.stdout


BODY = ("<html><p>" + "清明前后，茶农上山采茶。Tea is picked by hand. " * 40).encode()
_RAW = zlib.compressobj(wbits=-15)
CODERS = {
    "": BODY,
    "gzip": gzip.compress(BODY),
    "deflate": zlib.compress(BODY),
    "raw deflate": _RAW.compress(BODY) + _RAW.flush(),
    "br": brotli.compress(BODY),
    "zstd": zstandard.compress(BODY),
}
COMBINATIONS = [
    (coding, chunks, lies)
    for coding in CODERS
    for chunks in (False, True)
    for lies in (False, True)
]


def chunked(body: bytes) -> bytes:
    parts = [body[at : at + 300] for at in range(0, len(body), 300)]
    return b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in [*parts, b""])


def test_bodies_are_what_warcio_and_fastwarc_read() -> None:
    """Six codings, chunked or not, said truly or of a body that came decoded already."""
    warcio = pytest.importorskip("warcio.archiveiterator")
    fastwarc = pytest.importorskip("fastwarc.warc")
    wrong: dict[str, set[str]] = {"warcio": set(), "fastwarc": set()}
    for coding, in_chunks, lies in COMBINATIONS:
        header = coding.removeprefix("raw ")
        body = BODY if lies else CODERS[coding]
        body = chunked(body) if in_chunks and not lies else body
        ours = decode_body(body, header, "chunked" if in_chunks else "")
        assert ours == BODY, (coding, in_chunks, lies)
        http = "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n"
        http += f"Content-Encoding: {header}\r\n" * bool(coding)
        http += "Transfer-Encoding: chunked\r\n" * in_chunks
        block = http.encode() + b"\r\n" + body
        archive = (
            b"WARC/1.0\r\nWARC-Type: response\r\nWARC-Target-URI: http://x.example/\r\n"
            b"Content-Type: application/http; msgtype=response\r\n"
            b"Content-Length: %d\r\n\r\n%s\r\n\r\n"
        ) % (len(block), block)
        name = f"{coding or 'none'}{', chunked' * in_chunks}{', lies' * lies}"
        for tool, read in (("warcio", by_warcio), ("fastwarc", by_fastwarc)):
            if read({"warcio": warcio, "fastwarc": fastwarc}[tool], archive) != ours:
                wrong[tool].add(name)
    for tool, failed in wrong.items():
        assert failed <= THEY_FAIL[tool], (tool, failed - THEY_FAIL[tool])


def by_warcio(module: Any, archive: bytes) -> bytes | None:
    try:
        for record in module.ArchiveIterator(io.BytesIO(archive)):
            return bytes(record.content_stream().read())
    except Exception:
        return None
    return None


def by_fastwarc(module: Any, archive: bytes) -> bytes | None:
    try:
        for record in module.ArchiveIterator(io.BytesIO(archive), auto_decode="all"):
            return bytes(record.reader.read())
    except Exception:
        return None
    return None


DECODED = {
    f"{coding}{chunks}, lies"
    for coding in ("gzip", "deflate", "raw deflate", "br", "zstd")
    for chunks in ("", ", chunked")
}
THEY_FAIL = {
    "warcio": {"br", "br, chunked", "br, lies", "br, chunked, lies", "zstd", "zstd, chunked"},
    "fastwarc": DECODED | {"none, chunked, lies", "raw deflate", "raw deflate, chunked"},
}
"""What warcio 1.8.1 (without brotlicffi) and fastwarc 2.0.1 do not read of the 24."""
