"""The main text of a page, its density, and pages that want to hang the parser."""

from __future__ import annotations

import sys
import time

import pytest

from mind_clean.density import density, page_characters
from mind_clean.extractors.bounds import MAX_DEPTH, bounded
from mind_clean.extractors.resiliparse import Resiliparse
from mind_clean.extractors.trafilatura import Trafilatura, library
from mind_clean.extractors.wide_characters import join_han_lines
from mind_clean.extractors.xhtml import with_end_tags
from mind_clean.main_text import MainText, visible_characters
from mind_core.errors import UsageError
from mind_core.testing import check_extractor

ZH = """<html><body><nav><a href="/">首页</a></nav><article><h1>采茶</h1>
<p>清明前后，杭州的茶农便上山采茶，一芽一叶的嫩芽
最为珍贵。</p></article><footer>版权所有</footer></body></html>"""
EN = """<html><body><nav><a href="/">Home</a></nav><article><h1>Tea</h1>
<p>Pick the leaves in spring and dry
them in the shade.</p></article><script>var x = "never";</script></body></html>"""


def test_main_text_in_both_languages() -> None:
    check_extractor(
        Resiliparse,
        [
            (ZH, ["采茶", "一芽一叶的嫩芽最为珍贵。"], ["首页", "版权"]),
            (EN, ["Tea", "and dry them in the shade."], ["Home", "never"]),
            ("<p>短文也要留下。</p>", ["短文也要留下。"], []),
            ("<p>他<b>的</b>书、<i>我</i>和<b>你</b>的</p>", ["他的书、我和你的"], []),
            ("<table><tr><td>是<td> 否 <td>…</table>", ["是", "否", "…"], ["\ufdd0"]),
            ("<img alt='Icon'><p>A picture.</p>", ["A picture."], ["Icon"]),
        ],
    )


def test_a_page_without_text_gives_nothing() -> None:
    for html in ("", "<html></html>", "<nav>Home</nav>", "<script>x</script>", "<p> \n </p>"):
        assert Resiliparse()(html, None) is None


def test_density_is_the_share_of_visible_characters() -> None:
    text = Resiliparse()(ZH, None)
    assert isinstance(text, MainText)
    page = "首页采茶清明前后，杭州的茶农便上山采茶，一芽一叶的嫩芽最为珍贵。版权所有"
    assert text.page_characters == page_characters(ZH) == len(page)
    assert density(text, ZH) == round((len(page) - len("首页版权所有")) / len(page), 4)


def test_density_of_a_plain_string_counts_the_page_itself() -> None:
    assert density("Tea", "<p>Tea</p><p>Cup</p>") == 0.5
    assert density("longer than the page", "<p>page</p>") == 1.0
    assert density("", "") == 0.0


def test_hidden_text_and_scripts_do_not_count() -> None:
    assert page_characters("<p>ab c</p><script>no</script><style>no</style><!--no-->") == 3
    assert visible_characters(" a\u3000b\u00a0c\n") == 3


def test_chinese_lines_are_joined_outside_preformatted_text() -> None:
    assert join_han_lines("<p>中文\n换行</p>") == "<p>中文换行</p>"
    assert join_han_lines("<p>中文，\r\n  换行</p>") == "<p>中文，换行</p>"
    assert join_han_lines("<p>an\nEnglish line, 中\nand 文</p>").count("\n") == 2
    html = "<p>一\n二</p><PRE>三\n四</PRE><p>五\n六</p><textarea>七\n八</textarea>九\n十"
    assert join_han_lines(html) == html.replace("一\n", "一").replace("五\n", "五").replace(
        "九\n", "九"
    )
    unclosed = "一\n二<pre>三\n四"
    assert join_han_lines(unclosed) == "一二<pre>三\n四"


def test_empty_elements_of_xhtml_hold_nothing() -> None:
    body = '<h1><a id="top"/>Tea</h1><p>Pick the leaves in spring.</p><p>Dry them.</p>'
    page = '<?xml version="1.0"?><html><head><script src="x.js"/></head>' + f"<body>{body}</body>"
    assert Resiliparse()(page, None) == "Tea\n\nPick the leaves in spring.\n\nDry them."
    assert with_end_tags(b"<?xml?><a/><br/><img src='/'/>") == b"<?xml?><a></a><br/><img src='/'/>"
    assert with_end_tags(b"<a href=http://example.com/>HTML</a>").count(b"</a>") == 1


def test_trafilatura_keeps_short_chinese_articles() -> None:
    navigation = "".join(f"<li><a href='/{n}'>第{n}个栏目</a></li>" for n in range(100))
    short = (
        "昨日夜间，本市普降大雪，积雪最深处达十二厘米。交通部门提醒市民减少外出，"
        "乘坐公共交通工具出行，注意防滑。气象台预计，明日天气转晴。"
    )
    check_extractor(
        Trafilatura,
        [
            (f"<body><ul>{navigation}</ul><article><p>{short}</p></article>", [short], ["栏目"]),
            (EN, ["in the shade."], ["Home", "never"]),
        ],
    )
    assert Trafilatura()("<html></html>", None) is None
    with pytest.raises(ValueError, match="favour is 'speed'"):
        Trafilatura(favour="speed")


def test_an_extra_that_is_not_installed_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "trafilatura", None)
    library.cache_clear()
    with pytest.raises(UsageError, match="needs a package") as caught:
        Trafilatura()
    assert "pip install trafilatura lxml_html_clean" in str(caught.value.hint)


HOSTILE = {
    "nested 100,000 deep": "<div>" * 100_000 + "text",
    "nested in lists": "<ul><li>" * 50_000 + "text",
    "nested tables": "<table><tr><td>" * 50_000 + "text",
    "formatting": "".join(f"<font size={n}>" for n in range(50_000)) + "text",
    "attributes": "<p " + " ".join(f"a{n}=1" for n in range(50_000)) + ">text",
    "NUL": "<p>te\0xt</p>" + "\0" * 100_000,
    "angle brackets": "<" * 1_000_000,
    "open comments": "<!--" * 200_000,
    "open pre": "<pre>字\n字" * 50_000,
    "line feeds": "字" + "\n" * 1_000_000 + "字",
    "one line of 20 MB": "<p>" + "文字 and text " * 1_300_000,
    "lone surrogate": "<p>te\ud800xt</p>",
    "unclosed": "<p" * 100_000,
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_page_neither_hangs_nor_crashes(name: str) -> None:
    started = time.process_time()
    text = Resiliparse()(HOSTILE[name], None)
    assert time.process_time() - started < 10  # hours without the bounds; a second with them
    assert text is None or isinstance(text, str)


def test_text_below_the_deepest_level_is_kept() -> None:
    text = Resiliparse()("<p>above</p>" + "<div>" * 5_000 + "<p>below</p>" + "</div>" * 5_000, None)
    assert text is not None
    assert "above" in text and "below" in text


def test_end_tags_that_end_nothing_hide_no_depth() -> None:
    surplus, nested = b"</div>" * 600, b"<div>" * 600
    assert bounded(surplus + nested) == surplus + nested[: MAX_DEPTH * 5] + b" " * 88
    assert bounded(surplus + nested[: MAX_DEPTH * 5]) == surplus + nested[: MAX_DEPTH * 5]


def test_ordinary_pages_are_not_touched() -> None:
    many_open_items = "<ul>" + "<li>item<p>text" * 3_000 + "</ul>"
    nested = "<div>" * MAX_DEPTH + "x" + "</div>" * MAX_DEPTH
    picture = '<img src="data:image/png;base64,' + "A" * 50_000 + '">'
    for html in (ZH, EN, many_open_items, nested, picture):
        assert bounded(html.encode()) == html.encode()
