"""One parser for every answer: the bare word on the last line, nothing guessed."""

import pytest

from mind_domain import Verdict
from mind_domain.answers import parse_answer
from mind_domain.domains.finance.classes import WORDS
from mind_domain.domains.finance.finance import Finance
from mind_domain.judges.offline import Exact
from mind_domain.near_copies import story_key


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("rise", "rise"),
        (" Rise.\n", "rise"),
        ("**FALL**", "fall"),
        ("The drug failed its trial.\nAnswer: fall", "fall"),
        ("The final answer is: flat", "flat"),
        ("ｒｉｓｅ", "rise"),  # full width
        ("not a rise", None),
        ("rise or fall", None),
        ("rise\nbecause earnings grew", None),
        ("", None),
        ("\n\n", None),
        ("上涨", None),
    ],
)
def test_english(text: str, label: str | None) -> None:
    assert parse_answer(text, WORDS["en"]) == label


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("上涨", "rise"),
        ("上涨。", "rise"),
        ("公司业绩不及预期。\n答案：下跌", "fall"),
        ("答案是：持平", "flat"),
        ("不会上涨", None),
        ("rise", None),
    ],
)
def test_chinese(text: str, label: str | None) -> None:
    assert parse_answer(text, WORDS["zh"]) == label


MORE = {label: Finance().other_words(label) for label in ("rise", "flat", "fall")}


@pytest.mark.parametrize(
    ("text", "first", "label"),
    [
        ("上漲", False, "rise"),
        ("答案：下跌。", False, "fall"),
        ("最終答案：上漲", False, "rise"),
        ("跌", False, "fall"),
        ("rise\nbecause earnings grew", True, "rise"),
        ("上漲\n理由：業績增長", True, "rise"),
        ("rise\nbecause earnings grew", False, None),
        ("because of rise\nand fall", True, None),
        ("It may rise.\nAnswer: fall", True, "fall"),
        ("rise\nAnswer: fall", True, "fall"),
        ("不会上漲", True, None),
    ],
)
def test_other_words_and_the_first_line(text: str, first: bool, label: str | None) -> None:
    words = {name: WORDS["en"][name] for name in ("rise", "flat", "fall")}
    assert parse_answer(text, words, MORE, first=first) == label


@pytest.mark.parametrize(
    ("answer", "verdict"),
    [
        ("Rise.", Verdict(1.0, "right")),
        ("It fell.\nfall", Verdict(0.0, "wrong")),
        (" \n", Verdict(0.0, "empty")),
    ],
)
def test_the_exact_judge(answer: str, verdict: Verdict) -> None:
    assert Exact()("what happens?", answer, "rise") == verdict


def test_copies_of_a_story_share_a_key() -> None:
    first = "5 Stocks to Watch: $KO, $PEP https://t.co/abc"
    assert story_key(first) == story_key("12 stocks  to watch $ xom $ brk / b URL")
    assert story_key(first) != story_key("5 Stocks to Sell: $KO")
    assert story_key("可口可乐发布２０２３年财报") == story_key(
        "可口可乐 发布 2024 年财报".replace(" ", "")
    )


def test_texts_without_words_are_no_copies() -> None:
    assert story_key("$ ko 45.2 URL") != story_key("$ xom 99 URL")
