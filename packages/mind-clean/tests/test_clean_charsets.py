"""Bytes of pages are read in the charset that they are in."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mind_clean.charsets import decode_page
from mind_core.stream import read_records
from mind_core.testing import run_tool

SIMPLIFIED = "清明前后，杭州的茶农便上山采茶，一芽一叶的嫩芽最为珍贵，采下来当天就要摊晾。"
TRADITIONAL = "清明前後，杭州的茶農便上山採茶，一芽一葉的嫩芽最為珍貴，採下來當天就要攤晾。"


def page(text: str, declared: str = "") -> str:
    meta = f'<meta charset="{declared}">' if declared else ""
    return f"<html><head>{meta}<title>t</title></head><body><p>{text}</p></body></html>"


@pytest.mark.parametrize(
    ("text", "encoding", "declared", "http", "charset"),
    [
        (SIMPLIFIED, "utf-8", "", None, "utf-8"),
        (SIMPLIFIED, "gbk", "gb2312", None, "gb18030"),
        (SIMPLIFIED, "gbk", "", "GBK", "gb18030"),
        (SIMPLIFIED, "gb18030", "", None, "gb18030"),
        (SIMPLIFIED + "镕㐂𠮷", "gb18030", "gb2312", None, "gb18030"),
        (TRADITIONAL, "big5", "big5", None, "big5hkscs"),
        (TRADITIONAL, "big5", "", None, "big5hkscs"),
        (TRADITIONAL + "啫喱", "big5hkscs", "big5", None, "big5hkscs"),
        ("naïve café – “quoted”", "cp1252", "iso-8859-1", None, "cp1252"),
        ("お茶は美味しいです。", "shift_jis", "Shift_JIS", None, "cp932"),
        (SIMPLIFIED, "utf-8-sig", "gb2312", "gbk", "utf-8"),
        (SIMPLIFIED, "utf-16", "", None, "utf-16-le"),
        # Declared wrongly: the bytes know better.
        (SIMPLIFIED, "utf-8", "gb2312", None, "utf-8"),
        (SIMPLIFIED, "utf-8", "", "iso-8859-1", "utf-8"),
        (SIMPLIFIED, "gbk", "utf-8", "utf-8", "gb18030"),
        (SIMPLIFIED, "gbk", "no-such-charset", "rot13", "gb18030"),
        ("plain", "ascii", "utf-16", None, "utf-8"),
    ],
)
def test_charsets(text: str, encoding: str, declared: str, http: str | None, charset: str) -> None:
    html = page(text, declared)
    found = decode_page(html.encode(encoding), http)
    assert (found.text, found.charset, found.undecodable) == (html, charset, 0)


@pytest.mark.parametrize("text", ["茶农", "清明前后", "采茶时节", "上山采茶去了"])
def test_gbk_on_short_input_is_not_taken_for_another(text: str) -> None:
    """Elsewhere a few bytes of GBK became Greek, Korean or Western letters."""
    html = page(text)
    assert decode_page(html.encode("gbk")).text == html


def test_what_cannot_be_read_is_counted() -> None:
    data = page(SIMPLIFIED * 5, "gbk").encode("gbk")
    cut = data.replace("珍".encode("gbk"), b"\xff\xff", 1)
    found = decode_page(cut)
    assert found.charset == "gb18030" and 1 <= found.undecodable <= 2
    assert found.text.count("采茶") == 5
    kept = page("a sign \ufffd that was there").encode()
    assert decode_page(kept).undecodable == 0


@given(st.binary(max_size=300), st.sampled_from([None, "gbk", "utf-16", "x-user-defined"]))
def test_any_bytes_are_read(data: bytes, declared: str | None) -> None:
    found = decode_page(data, declared)
    assert found.undecodable <= len(found.text)
    assert found == decode_page(data, declared)


HONG_KONG = "佢哋喺香港嘅茶餐廳飲凍奶茶，啲細路食緊蛋撻同埋菠蘿包，老闆話今日冇位，要等一陣先得。"
JAPANESE = (
    "春になると、農家の人たちは山に登って茶の若い芽を摘みます。"
    "その日のうちに蒸して、よく揉みながら乾かします。"
)
WRITTEN = (
    ("gbk", "gb2312", SIMPLIFIED), ("gb18030", "gb18030", SIMPLIFIED + "每斤三百€，㐂𠮷。"),
    ("big5", "big5", TRADITIONAL), ("big5hkscs", "big5-hkscs", HONG_KONG),
    ("shift_jis", "shift_jis", JAPANESE), ("euc_jp", "euc-jp", JAPANESE),
    ("iso2022_jp", "iso-2022-jp", JAPANESE), ("hz", "hz-gb-2312", SIMPLIFIED),
    ("utf-16-le", "utf-16", SIMPLIFIED), ("utf-16-be", "utf-16be", TRADITIONAL),
    ("utf-32-le", "utf-32", JAPANESE), ("utf-8", "utf-8", HONG_KONG),
)  # fmt: skip
WRONG = ("utf-8", "iso-8859-1", "gb2312", "big5", "shift_jis", "euc-jp")


@pytest.mark.parametrize(("encoding", "label", "text"), WRITTEN, ids=[w[0] for w in WRITTEN])
@pytest.mark.parametrize("how", ["declared", "undeclared", "one bad byte", "wrongly declared"])
def test_no_charset_is_misread(encoding: str, label: str, text: str, how: str) -> None:
    """Elsewhere pages of Hong Kong became 翠濓刁カ, and one bad byte made Korean of Chinese."""
    html = page("</p><p>".join([text] * 3))
    data = html.encode(encoding)
    if how == "one bad byte":
        middle = len(data) // 2 // 4 * 4
        data = data[:middle] + b"\xff" * (4 if "-32" in encoding else 1) + data[middle:]
        if encoding in ("utf-16-le", "utf-16-be"):
            data = data[: middle + 1] + data[middle + 2 :]
        found = decode_page(data, label)
        assert found.text.count(text[:12]) >= 2, (found.charset, found.text[60:120])
        return
    labels = {"declared": [label], "undeclared": [None], "wrongly declared": WRONG}[how]
    for said in labels:
        assert decode_page(data, said).text == html, (said, decode_page(data, said).charset)


@pytest.mark.parametrize("text", ["Größe, Füße und Köln", "déjà vu à l'été, ça et là", "Ærø på øl"])
@pytest.mark.parametrize("said", ["iso-8859-1", "windows-1252"])
def test_letters_of_the_west_stay(text: str, said: str) -> None:
    html = page(text * 3)
    assert decode_page(html.encode("cp1252"), said).text == html


def record(data: bytes, **http: str) -> dict[str, Any]:
    made = {"id": "1", "html_base64": base64.b64encode(data).decode(), "source": "crawl"}
    return {**made, "metadata": {"http": http}} if http else made


def test_pages_in_bytes_through_the_tool(tmp_path: Path) -> None:
    body = page("</p><p>".join([SIMPLIFIED] * 4)).encode("gbk")
    records = [
        record(body),
        record(body, charset="gbk", content_type="text/html; charset=gbk"),
        record(b"\x89PNG\r\n", content_type="image/png"),
        record(bytes(range(128, 256)) * 20),
        {**record(body), "metadata": {"http": {"status": 404}}},
    ]
    done = run_tool(
        "mind-clean",
        ["-z", "0", "--step", "resiliparse", "--rejects", tmp_path / "r.zst"],
        records,
    )
    assert done.code == 0, done.stderr
    for kept in done.records:
        assert list(kept)[:2] == ["id", "text"] and SIMPLIFIED in kept["text"]
        assert kept["metadata"]["mind"]["clean"]["charset"] == "gb18030"
    why = [r["metadata"]["mind"]["rejected"] for r in read_records([tmp_path / "r.zst"])]
    assert [w["reason"] for w in why] == ["not_html", "undecodable", "http_error"]
    assert why[0]["value"] == "image/png" and why[1]["threshold"] == 0.05


def test_what_is_not_base64_is_a_bad_record() -> None:
    done = run_tool("mind-clean", ["--step", "resiliparse"], [{"id": "1", "html_base64": "*"}])
    assert done.code == 1 and "html_base64" in done.stderr and "stdin:1" in done.stderr
