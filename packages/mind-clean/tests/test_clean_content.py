"""Formulas, exponents, tables, lists and code keep what a page says by its elements."""

from __future__ import annotations

import re

import pytest
from content_cases import CASES, FORMULAS, Case

from mind_clean.extractors.blocks.extract import Blocks
from mind_clean.extractors.content import signs
from mind_clean.extractors.content.lists import _written

AROUND = "<p>A first sentence of the article, long enough to be one, with a comma.</p>"
LINE = AROUND.removeprefix("<p>").removesuffix("</p>")


def text_of(piece: str, **options: str | bool) -> str:
    extract = Blocks(**options)  # type: ignore[arg-type]
    text = extract(f"<html><body><article>{AROUND}{piece}{AROUND}</article></body></html>", None)
    assert text is not None
    assert text.startswith(LINE) and text.endswith(LINE), text
    return text[len(LINE) : -len(LINE)].strip("\n")


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_what_elements_say_is_in_the_text(case: Case) -> None:
    text = text_of(case.html)
    assert case.holds in text, text
    assert not [wrong for wrong in case.lacks if wrong in text], text
    assert not set(text) & set(signs.ALL), ascii(text)


def test_there_are_as_many_cases_as_were_asked_for() -> None:
    assert len(CASES) >= 40 and len({case.name for case in CASES}) == len(CASES)


def test_formulas_in_the_other_form_or_none() -> None:
    displayed = FORMULAS[1].html
    assert r"\(a_n \to 0\)" in text_of(FORMULAS[0].html, math="backslash")
    assert r"\[y=kx\]" in text_of(displayed, math="backslash")
    assert "$" not in text_of(displayed, math="none")


MARKDOWN = (
    ("<h2>Cups &amp; pots</h2>", "## Cups & pots"),
    ("<p>a <b>bold</b> word, an <em>odd</em> one</p>", "a **bold** word, an *odd* one"),
    ("<p>type <code>ls -l</code> now</p>", "type `ls -l` now"),
    ("<p>see <a href='https://t.example/a b'>the page of tea leaves</a> for that, as it is</p>",
     "[the page of tea leaves](https://t.example/a%20b)"),
    ("<ul><li>tea<ul><li>green</ul></ul>", "- tea\n  - green"),
    ("<ol><li>one<li>two</ol>", "1. one\n2. two"),
    ("<pre><code class='language-python'>def f():\n    pass</code></pre>",
     "```python\ndef f():\n    pass\n```"),
    ("<pre>a\n\n  b</pre>", "```\na\n\n  b\n```"),
    ("<table><tr><th>k<th>v<tr><td>a<td></table>", "| k | v |\n| --- | --- |\n| a |  |"),
)  # fmt: skip


@pytest.mark.parametrize(("html", "wanted"), MARKDOWN)
def test_markdown(html: str, wanted: str) -> None:
    text = text_of(html, format="markdown")
    assert wanted in text, text
    assert not set(text) & set(signs.ALL), ascii(text)


def test_markdown_without_addresses_and_tables_alone() -> None:
    assert "](" not in text_of(MARKDOWN[3][0], format="markdown", links=False)
    text = text_of("<h2>T</h2>" + MARKDOWN[8][0], tables="markdown")
    assert "## T" not in text and "| --- |" in text


def test_characters_that_mark_here_do_no_harm_on_a_page() -> None:
    page = f"<p>odd {signs.BOLD}signs{signs.LINK_END}{signs.ADDRESS}{signs.DIGITS[9]} here, 茶</p>"
    for form in ("text", "markdown"):
        text = text_of(page + "<ol><li>one</ol>", format=form)
        assert re.search(r"odd signs(?:\]\(\))? here, 茶", text) and not set(text) & set(signs.ALL)


@pytest.mark.parametrize(("name", "value"), [("format", "html"), ("math", "tex"), ("tables", "no")])
def test_a_word_that_means_nothing_is_refused(name: str, value: str) -> None:
    with pytest.raises(ValueError, match=f"{name} is '{value}', not one of"):
        Blocks(**{name: value})  # type: ignore[arg-type]


def test_items_are_numbered_as_their_list_says() -> None:
    romans = {1: "i", 9: "ix", 161: "clxi", 444: "cdxliv", 555: "dlv", 1994: "mcmxciv",
              3999: "mmmcmxcix", 4000: "4000", 0: "0", -1: "-1"}  # fmt: skip
    letters = {1: "a", 26: "z", 27: "aa", 702: "zz", 703: "aaa", 0: "0"}
    for kind, wanted in (("i", romans), ("a", letters), ("1", {7: "7"})):
        for number, text in wanted.items():
            assert _written(number, kind) == text
            assert _written(number, kind.upper()) == text.upper()
