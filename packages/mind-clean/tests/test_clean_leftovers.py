"""Mojibake and left-over markup go; Chinese punctuation, code and mathematics stay."""

from __future__ import annotations

import time

import ftfy.bad_codecs  # noqa: F401 - registers sloppy-windows-1252
import pytest

from mind_clean.transforms.markup import Markup, without_markup
from mind_clean.transforms.mojibake import Mojibake, repaired
from mind_core.testing import check_transform


def misread(text: str, written: str, read: str) -> str:
    return text.encode(written).decode(read)


@pytest.mark.parametrize("read", ["latin-1", "windows-1252"])
def test_utf8_that_was_misread_is_repaired(read: str) -> None:
    for text in ("naïve café – “quoted” £5", "Deutsche Börse, señor", "€20 for the déjà vu…"):
        assert (
            repaired(misread(text, "utf-8", read if read == "latin-1" else "sloppy-" + read))
            == text
        )


def test_chinese_utf8_read_as_latin_1() -> None:
    text = "中文网页的文字，全部读错了。"
    assert repaired(misread(text, "utf-8", "latin-1")) == text


def test_pain_21_gbk_read_as_latin_1_is_repaired_also_when_short() -> None:
    text = "中国人民的生活水平不断提高"
    check_transform(
        Mojibake,
        [
            (misread(text, "gbk", "latin-1"), text),
            (misread("我们的上海", "gbk", "latin-1"), "我们的上海"),
            (f"Title: {misread(text, 'gbk', 'latin-1')} (2003)", f"Title: {text} (2003)"),
            (f"good line 好\n{misread(text, 'gbk', 'latin-1')}", f"good line 好\n{text}"),
        ],
    )


@pytest.mark.parametrize(
    "text",
    [
        "全角ＡＢＣ１２３，：；！？“引号”‘单’—— ……《书》「」",
        "Voilà « oui », l'été où naïveté; Ça và? Ñandú, São João, Übergröße",
        "ÀÁÂÃÄÅÆÇÈÉÊËÌÍÎÏÐÑÒÓÔÕÖØÙÚÛÜÝÞ",
        "ÄÖÜäöüß ÆØÅæøå ÁÉÍÓÚ",
        "臺灣「鐵道」①㈱〇",
        "x² ± 3° · µm ½ ©®™",
        "“Don’t” — she said – it’s “fine”",
        '    x = StrConv("ÉÏº£ÊÐABC", vbFromUnicode)',
        "Ελληνικά και Русский текст, tiếng Việt",
        "plain ascii",
    ],
)
def test_what_is_right_stays(text: str) -> None:
    record = {"text": text}
    assert Mojibake()(record) is record


def test_ftfy_changes_nothing_but_the_encoding() -> None:
    damaged = misread("caf\u00e9", "utf-8", "latin-1")
    check_transform(
        Mojibake,
        [
            (f"{damaged}，“全角”ＡＢ &amp; ﬁ", "café，“全角”ＡＢ &amp; ﬁ"),
            (f"{damaged}\r\nnext", "café\r\nnext"),
        ],
    )


def test_leftover_markup_goes() -> None:
    check_transform(
        Markup,
        [
            ("<p>第一段。</p><p>第二段。</p>", "\n第一段。\n\n第二段。\n"),
            ("一行<br/>两行<BR>三行", "一行\n两行\n三行"),
            ('点击<a href="http://a.b/">这里</a>查看', "点击这里查看"),
            ("an <b>important</b> word", "an important word"),
            ('<font color=red size="2">红</font>色', "红色"),
            ("面积 70 m<sup>2</sup>，水 H<sub>2</sub>O", "面积 70 m^2，水 H_2O"),
            ("&ldquo;你好&rdquo;&nbsp;&nbsp;世界&hellip;", "“你好”  世界…"),
            ("you&apos;re AT&amp;T, Tom &amp; Jerry", "you're AT&T, Tom & Jerry"),
            ("&amp;lt;br&amp;gt;一&lt;br&gt;二", "\n一\n二"),
            ("&lt;p&gt;文字&lt;/p&gt;", "\n文字\n"),
            ("前<!-- 注释\n多行 -->后", "前后"),
            ("前\n<script>\nvar a = 1;\n</script>\n后", "前\n\n后"),
            ("<STYLE>\np { color: red }\n</STYLE>text", "text"),
            (".nav { color: red; margin: 0 auto; }\n正文", "正文"),
            ("正文\nvar _hmt = _hmt || [];\n结尾", "正文\n结尾"),
            ("text\n(adsbygoogle = window.adsbygoogle || []).push({});\nend", "text\nend"),
            ('<img src="a.png" alt="图">图一', "图一"),
        ],
    )


@pytest.mark.parametrize(
    "text",
    [
        "若 a < b 且 c > d，则 a<b 或 b>c。",
        "x<y>z, i<n; i>0, List<String> and Map<K, V>, Vec<u8>",
        "#include <stdio.h>",
        "std::vector<int> a; if (a<b && c>d) {}",
        "f(p) = <p, q> 与 <a|b>",
        "The <div> element and the <b> tag; use &nbsp; as an entity.",
        "使用 <b> 标签，把 < 写成 &lt; 来转义。",
        "    <p>indented code</p>",
        "```\n<p>fenced</p>\n```",
        "`<br>` and `&amp;`",
        'print("<b>bold</b>")',
        "Write & as &amp; here",
        "Learn HTML:\n<p>One paragraph</p>\n<a href='x'>a link</a>",
        "<!DOCTYPE html>\n<html><body><p>a page</p></body></html>",
        "set A = {x: x > 0}, {a: 1, b: 2}",
        "function f(x) { return x; }",
        "邮箱 <li@example.com>，<https://example.com>",
        "R&D; Q&A; 1 &lt 2",
        "<unk> and <|endoftext|> <s>",
        "$ cat < in > out",
        "if x < 3: y > 4",
        "A <- B; C -> D; <= >= <>",
    ],
)
def test_code_mathematics_and_manuals_stay(text: str) -> None:
    record = {"text": text}
    assert Markup()(record) is record


@pytest.mark.parametrize(
    "unit",
    [
        "<",
        "<a ",
        "<p>",
        "&",
        "&lt;",
        "&amp;",
        "<!--",
        "<!---->",
        "<script></script>",
        "<script>",
        "{",
        "a{",
        "a:b;",
        "Ã",
        "ÖÐ",
        "{color:",
    ],
)
def test_hostile_texts_cost_no_more_than_their_length(unit: str) -> None:
    """Eight times the text may take 24 times as long; a quadratic rule takes 64 times."""

    def seconds(size: int) -> float:
        text = "中 " + unit * (size // len(unit))
        started = time.process_time()
        repaired(without_markup(text))
        return time.process_time() - started

    # The best of three: other work on the machine makes single runs several times as long.
    small, large = (min(seconds(size) for _ in range(3)) for size in (30_000, 240_000))
    assert large < 24 * max(small, 0.01), f"{small:.3f} s, then {large:.3f} s for 8 times the text"


def test_pairs_of_letters_are_chinese_where_frequent_characters_are_among_them() -> None:
    def misread_line(text: str) -> str:
        return text.encode("gb2312").decode("latin-1")

    assert repaired(misread_line("我们的国家在那里")) == "我们的国家在那里"
    assert repaired(misread_line("的一是在不了有和")) == "的一是在不了有和"
    rare = misread_line("铂锌镊钯锗钒铌")
    assert repaired(rare) == rare, "no character of these is frequent"
