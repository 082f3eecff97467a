"""The project's own extractor: what belongs to the main text, its structure, hostile pages."""

from __future__ import annotations

import time

import pytest

from mind_clean.density import density, page_characters
from mind_clean.extractors.blocks.extract import Blocks
from mind_clean.extractors.blocks.name_rules import BOILERPLATE_BY_NAME, MAIN_BY_NAME, weigh_names
from mind_clean.main_text import MainText
from mind_core.testing import check_extractor

NAVIGATION = (
    "<ul>" + "".join(f"<li><a href='/{n}.html'>第{n}个栏目</a></li>" for n in range(99)) + "</ul>"
)
SHORT = (
    "昨日夜间，本市普降大雪，积雪最深处达十二厘米。交通部门提醒市民减少外出，"
    "乘坐公共交通工具出行，注意防滑。气象台预计，明日天气转晴，气温回升。"
)
EN = "The Moon pulls the water on the near side of the Earth more strongly than the Earth itself. "
TEASERS = "".join(
    f"<div><h3><a href='/story/{n}'>Another story, {n}</a></h3><p>A few words, only.</p></div>"
    for n in range(6)
)


def main_text(html: str) -> str:
    return str(Blocks(choice="rules")(html, None) or "")


def test_a_short_chinese_article_survives_much_navigation() -> None:
    for page in (
        f"<body><div>{NAVIGATION}</div><div><p>{SHORT}</p></div><div>{NAVIGATION}</div></body>",
        f"<table><tr><td>{NAVIGATION}<td>{SHORT}</table>",
        f"<div class=nav>{NAVIGATION}</div><h1>大雪</h1><div class=article><p>{SHORT}</div>",
    ):
        text = main_text(page)
        assert SHORT in text
        assert "栏目" not in text


def test_what_stands_beside_the_text_goes() -> None:
    article = f"<article><h1>Tides</h1>{'<p>' + EN * 4 + '</p>'}{'<p>' + EN * 3 + '</p>'}"
    beside = {
        "<div class='share-buttons'>Tell a friend about this, will you?</div>": "friend",
        "<div id=comments><p>I do not agree with this at all, sir.</p></div>": "agree",
        f"<section><h2>Read next</h2>{TEASERS}</section>": "few words",
        "<ul><li><a href=/a>A link</a><li><a href=/b>More</a><li><a href=/c>Last</a></ul>": "Last",
        "<p hidden>Nobody sees this, honestly.</p>": "Nobody",
        "<div style='display: none'>Nor this one, dear.</div>": "Nor this",
        "<div aria-hidden=true>Nor is this read out.</div>": "read out",
        "<button>Press here, please.</button>": "Press",
    }
    for html, word in beside.items():
        for page in (f"{article}{html}</article>", f"<body>{article}</article>{html}</body>"):
            text = main_text(page)
            assert EN.strip() in text and "Tides" in text, html
            assert word not in text, html


def test_menus_without_links_and_names_go_and_what_belongs_to_the_text_stays() -> None:
    """Only the place on the page tells a menu of plain words from the text."""
    article = "<div>" + f"<p>{EN * 3}</p>" * 3 + "</div>"
    above = "<div class=a><span>Start, Contact</span></div>"
    below = "<ol><li>Help<li>Terms of use<li>Jobs with us</ol>"
    cell = f"<table><tbody><tr><td><div><p>{EN * 3}</p></div></table>"
    example = "<div class=b><h2>Example</h2><p>x</p><pre>print(1)</pre></div>"
    section = "<div class=c><div>" + f"<p>{EN * 12}</p>" * 4 + "</div></div>"
    for page, moons, words in (
        (f"<body>{above}{article}{below}</body>", 9, ()),
        (f"<body><div>{above}<div class=d>{cell * 4}</div>{below}</div></body>", 12, ()),
        (f"<body><div>{article}</div>{example}{below}</body>", 9, ("Example", "print(1)")),
        (f"<body><div>{article}</div>{section}</body>", 57, ()),
    ):
        text = main_text(page)
        assert text.count("Moon") == moons, page
        assert all(word in text for word in words), page
        assert not any(word in text for word in ("Start", "Terms", "Jobs")), page
    # A short page laid out by tables without names is kept whole.
    links = "".join(f"<a href=/{n}>Room {n}</a> " for n in range(8))
    text = main_text(f"<table><tr><td>{links}<td><table><tr><td>{SHORT * 2}</table></table>")
    assert "Room 7" in text and SHORT in text


def test_names_that_mean_something_else_cost_nothing() -> None:
    paragraphs = "".join(f"<p class=paywall>{EN * 3}</p>" for _ in range(8))
    assert main_text(f"<div class=body><p>{EN}</p>{paragraphs}</div>").count("Moon") == 25
    assert main_text(f"<div class=contentWithSidebar><p>{EN * 5}</p></div>").count("Moon") == 5
    section = f"<section id=sharing-with-a-friend><h2>Sharing</h2><p>{EN}</p></section>"
    assert "Sharing" in main_text(f"<main><h1>Tides</h1><p>{EN * 5}</p>{section}</main>")
    assert weigh_names("contentWithSidebar") == MAIN_BY_NAME
    assert (
        weigh_names("post share-bar")
        == weigh_names("relatedPosts")
        == weigh_names("nav")
        == BOILERPLATE_BY_NAME
    )
    assert weigh_names("navy") == weigh_names("downloads") == 0


def test_a_page_of_links_is_its_links() -> None:
    index = "".join(f"<li><a href='{n}.html'>Chapter {n} of the book</a></li>" for n in range(30))
    text = main_text(f"<nav><a href=/>Home</a></nav><main><h1>Contents</h1><ul>{index}</ul></main>")
    assert text.startswith("Contents") and text.count("Chapter") == 30
    assert "Home" not in text


def test_a_heading_with_nothing_below_goes_and_headings_alone_stay() -> None:
    assert main_text(f"<main><h1>Tides</h1><p>{EN * 3}<h2>Read next</h2></main>").endswith(
        "itself."
    )
    assert main_text("<h1>茶</h1><h2>水</h2>") == "茶\n\n水"
    assert Blocks()("<nav><a href=/>Home</a></nav>", None) is None


def test_structure_is_readable() -> None:
    check_extractor(
        Blocks,
        [
            ("<p>一段。</p><p>二段。</p>", ["一段。\n\n二段。"], []),
            ("<p>one<br>two<br><br>three</p>", ["one\ntwo\n\nthree"], []),
            (f"<p>{EN}<ul><li>first<li>second, <b>bold</b></ul>", ["• first\n• second, bold"], []),
            ("<table><tr><th>年<th>产量<tr><td>2023<td>12</table>", ["年 | 产量\n2023 | 12"], []),
            ("<table><tr><td>甲</td><td>乙<td>丙</table>", ["甲 | 乙 | 丙"], []),
            ("<pre>def f(x):\n    return x\n\nf(1)</pre>", ["def f(x):\n    return x\n\nf(1)"], []),
            ("<pre><span>a</span>\n  <i>b</i></pre>", ["a\n  b"], []),
            (
                "<dl><dt>茶<dd>一种饮料。<dt>水<dd>另一种。</dl>",
                ["茶\n一种饮料。\n水\n另一种。"],
                [],
            ),
            (
                "<figure><img alt=Icon><figcaption>A picture.</figcaption></figure>",
                ["A picture."],
                ["Icon"],
            ),
            (f"<h2>Code <a href='#code'>¶</a></h2><p>{EN}", ["Code"], ["¶"]),
        ],
    )
    assert Blocks(list_bullets=False)("<ul><li>one<li>two</ul>", None) == "one\ntwo"


def test_no_text_is_lost_or_broken_between_inline_tags() -> None:
    check_extractor(
        Blocks,
        [
            ("<p>他<b>的</b>书、<i>我</i>和<b>你</b>的</p>", ["他的书、我和你的"], []),
            (
                "<p>清明前后，\n   采<em>茶</em>\n人<span>上山</span>。</p>",
                ["清明前后，采茶人上山。"],
                [],
            ),
            ("<p>an\n<b>English</b>\nline, 中\nand 文</p>", ["an English line, 中 and 文"], []),
            ("<p>ends<b> here</b>and</p>", ["ends hereand"], []),
            (
                "<div>before<p>inside</p>after, the end</div>",
                ["before", "inside", "after, the end"],
                [],
            ),
            ("<p>漢<ruby>字<rt>じ</rt></ruby>だ。</p>", ["漢字だ。"], ["じ"]),
            ("<p>a &lt; b &amp;&nbsp;c&hellip;</p>", ["a < b & c…"], []),
        ],
    )


def test_broken_markup() -> None:
    for html in (
        f"<p>{EN}<p><b>{EN}<i>{EN}</p></b></div></article>",
        f"<td>{EN * 3}",
        f"{EN * 3}</html>",
    ):
        assert main_text(html).count("Moon") == 3
    for html in (
        "",
        "<html></html>",
        "<nav>Home</nav>",
        "<script>x</script>",
        "<p> \n </p>",
        "<frameset><frame></frameset>",
    ):
        assert Blocks()(html, None) is None, html


def test_the_page_is_counted_without_a_second_parse() -> None:
    page = f"<nav><a href='/'>首页</a></nav><article><p>{SHORT}</p></article><script>x</script>"
    text = Blocks()(page, None)
    assert isinstance(text, MainText)
    assert text.page_characters == page_characters(page) == len(SHORT) + 2
    assert density(text, page) == round(len(SHORT) / (len(SHORT) + 2), 4)


def test_a_density_of_something_else() -> None:
    page = f"<nav><a href='/'>首页</a></nav><article><p>{SHORT}</p></article><p>另有。</p>"
    of = {what: Blocks(density_of=what)(page, None) for what in ("page", "body", "html")}
    shares = {what: density(text or "", page) for what, text in of.items()}
    assert shares["html"] < shares["page"] < shares["body"] <= 1
    assert page_characters(page, "body") == len(SHORT) + 3
    with pytest.raises(ValueError, match="density_of is 'source'"):
        Blocks(density_of="source")


HOSTILE = {
    "nested 100,000 deep": "<div>" * 100_000 + "text",
    "nested and closed": "<div>" * 100_000 + "text" + "</div>" * 100_000,
    "text at each level": "<div>text, and more of it " * 3_900,
    "sections of a name": "<div class=nav><p>a sentence, here. " * 3_900,
    "nested in lists": "<ul><li>text" * 50_000,
    "nested tables": "<table><tr><td>text" * 50_000,
    "many mains": f"<main><p>{EN}</main>" * 20_000,
    "formatting": "".join(f"<font size={n}>" for n in range(50_000)) + "text",
    "attributes": "<p " + " ".join(f"a{n}=1" for n in range(50_000)) + ">text",
    "a long class": f"<div class='{'nav ' * 500_000}'>text</div>",
    "NUL": "<p>te\0xt</p>" + "\0" * 100_000,
    "angle brackets": "<" * 1_000_000,
    "open comments": "<!--" * 200_000,
    "open pre": "<pre>字\n字" * 50_000,
    "line feeds": "字" + "\n" * 1_000_000 + "字",
    "one line of 20 MB": "<p>" + "文字 and text " * 1_300_000,
    "empty elements": "<?xml?>" + "<a/>" * 200_000,
    "lone surrogate": "<p>te\ud800xt</p>",
    "unclosed": "<p" * 100_000,
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_page_neither_hangs_nor_crashes(name: str) -> None:
    started = time.process_time()
    text = Blocks()(HOSTILE[name], None)
    assert time.process_time() - started < 10  # under a second where nothing else runs
    assert text is None or isinstance(text, str)
