"""The paper's two thresholds, at their edges."""

from __future__ import annotations

from typing import Any

import pytest

from mind_clean.filters.han_count import HanCount
from mind_clean.filters.running_text import RunningText
from mind_clean.filters.text_density import TextDensity
from mind_core.testing import check_filter, run_tool


def dense(density: Any, text: str = "text") -> dict[str, Any]:
    return {"text": text, "metadata": {"mind": {"clean": {"density": density}}}}


def test_text_density() -> None:
    check_filter(
        TextDensity,
        keeps=[
            dense(0.75),
            dense(1),
            {"text": "never measured"},
            dense("odd"),
            {"text": "", "metadata": 3},
        ],
        drops=[dense(0.7499), dense(0), dense(0.0, "中文")],
    )
    check_filter(TextDensity, keeps=[dense(0.5)], drops=[dense(0.49)], min=0.5)
    reason = TextDensity()(dense(0.2))
    assert reason is not None
    assert (reason, reason.value, reason.threshold) == ("low_density", 0.2, 0.75)


def measured(letters: Any, density: Any = 0.1) -> dict[str, Any]:
    notes = {"running_text": letters, "density": density}
    return {"text": "text", "metadata": {"mind": {"clean": notes}}}


def test_running_text() -> None:
    check_filter(
        RunningText,
        keeps=[measured(800), measured(200, 0.75), {"text": "never measured"}, measured("odd")],
        drops=[measured(799), measured(799, "odd"), measured(199, 1.0), measured(0)],
    )
    check_filter(RunningText, keeps=[measured(100, 0.9)], drops=[measured(99)], min=100)
    reason = RunningText()(measured(7))
    assert reason is not None
    assert (reason, reason.value, reason.threshold) == ("little_text", 7, 800)


MENU = "<ul>" + "<li><a href='/a'>A page of the site, 站内的一页</a></li>" * 150 + "</ul>"
ENGLISH = (
    "<p>{0}. The farmers go up the hill before the feast, and pick the leaves one by one, "
    "as long as they are small.</p>"
)
CHINESE = "<p>{0}年清明前后，杭州的茶农便上山采茶，一芽一叶的嫩芽最为珍贵，采下来当天就要摊晾。</p>"


def article(paragraph: str) -> str:
    text = "".join(map(paragraph.format, range(12)))
    return f"<nav>{MENU}</nav><article>{text}</article><div class='more'>{MENU}</div>"


ARTICLES = {"en": article(ENGLISH), "zh": article(CHINESE)}


@pytest.mark.parametrize(("recipe", "kept"), [("mindllm", ["en", "zh"]), ("mindllm-strict", [])])
def test_an_article_among_menus_is_kept_and_a_link_farm_is_not(
    recipe: str, kept: list[str]
) -> None:
    """Three times as much menu as text: a share of the page cannot tell it from a link farm."""
    pages = {**ARTICLES, "farm": f"<h1>Links</h1>{MENU}", "shell": "<div id='app'>Loading</div>"}
    records = [{"id": name, "html": html} for name, html in pages.items()]
    done = run_tool("mind-clean", ["-z", "0", "--recipe", recipe], records)
    assert done.code == 0, done.stderr
    assert [record["id"] for record in done.records if record["id"] in ARTICLES] == kept
    assert recipe == "mindllm-strict" or len(done.records) == len(kept), done.records


@pytest.mark.parametrize("extractor", ["blocks", "resiliparse"])
def test_running_text_of_any_extractor_tells_text_from_links(extractor: str) -> None:
    records = [{"id": "en", "html": ARTICLES["en"]}, {"id": "farm", "html": f"<h1>L</h1>{MENU}"}]
    done = run_tool("mind-clean", ["-z", "0", "--step", extractor], records)
    found = {r["id"]: r["metadata"]["mind"]["clean"]["running_text"] for r in done.records}
    assert found["en"] >= 800 > 10 * found.get("farm", 0), found


def test_han_count() -> None:
    check_filter(
        HanCount,
        keeps=[
            "茶" * 100,
            "English is not counted.",
            "",
            {"text": "Untranslated", "metadata": {"lang": "zh-CN"}},
        ],
        drops=["茶" * 99, "茶，。" * 99, "茶" * 50 + "tea " * 10, "國" * 99],
    )
    check_filter(HanCount, keeps=["天地玄"], drops=["天地"], min=3)


def test_the_language_that_was_noted_decides() -> None:
    noted = {"text": "茶", "metadata": {"mind": {"clean": {"language": "en"}}}}
    check_filter(HanCount, keeps=[noted], drops=[])


def test_pages_can_be_chosen_by_declaration() -> None:
    declared = {"text": "Untranslated", "metadata": {"lang": "zh-TW"}}
    chinese = {"text": "茶", "metadata": {"lang": "en"}}
    check_filter(HanCount, keeps=[chinese], drops=[declared], pages="declared")
    check_filter(HanCount, keeps=["English"], drops=[declared, chinese], pages="either")
    with pytest.raises(ValueError, match="declared"):
        HanCount(pages="edition")


@pytest.mark.parametrize("share", [75, -0.1, 1.01, float("nan")])
def test_a_density_is_a_share(share: float) -> None:
    with pytest.raises(ValueError, match=r"a share, 0 to 1; 75 % is 0\.75"):
        TextDensity(min=share)
    assert TextDensity(min=0).min == 0 and TextDensity(min=1).min == 1


def test_a_count_is_not_negative() -> None:
    with pytest.raises(ValueError, match="0 or more"):
        HanCount(min=-1)
