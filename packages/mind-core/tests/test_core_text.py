"""Scripts and tokens: one definition, checked code point by code point."""

import re
import sys
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mind_core.text import tokens as module
from mind_core.text.languages import language_of_text
from mind_core.text.scripts import (
    HAN,
    HANGUL_RANGES,
    KANA_RANGES,
    character_class,
    count_han,
    is_han,
)
from mind_core.text.tokens import SINGLE_RANGES, WORD_RANGES, fold, fold_rare, tokens

ALL = [chr(code) for code in range(sys.maxunicode + 1) if not 0xD800 <= code <= 0xDFFF]


def named(start: str) -> set[str]:
    return {c for c in ALL if unicodedata.name(c, "").startswith(start)}


def inside(ranges: object) -> set[str]:
    return {chr(code) for first, last in ranges for code in range(first, last + 1)}


def test_chinese_characters_are_those_of_unicode() -> None:
    wanted = named("CJK UNIFIED IDEOGRAPH") | named("CJK COMPATIBILITY IDEOGRAPH") | {"〇"}
    found = {c for c in ALL if is_han(c)}
    assert wanted <= found
    assert all(unicodedata.category(c) == "Cn" for c in found - wanted)  # not given yet, in a block
    assert "\U00031350" in found and "\U000323af" in found and "\U000323b0" not in found
    assert {c for c in ALL if re.fullmatch(f"[{HAN}]", c)} == found


@pytest.mark.parametrize(
    ("ranges", "names"),
    [
        (KANA_RANGES, ("HIRAGANA", "KATAKANA", "HALFWIDTH KATAKANA")),
        (HANGUL_RANGES, ("HANGUL",)),
    ],
)
def test_other_scripts_hold_their_letters(ranges: object, names: tuple[str, ...]) -> None:
    letters = [c for c in inside(ranges) if unicodedata.category(c).startswith("L")]
    others = {c for c in letters if not unicodedata.name(c).startswith(names)}
    assert others <= set("ー"), others  # the sound mark that both kana share


def test_zero_is_a_chinese_character_of_a_date() -> None:
    assert count_han("二〇二四年") == 5
    assert language_of_text("二〇二四年") == "zh"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("ПРИВЕТ мир", "привет МИР"),
        ("café", "CAFE\u0301"),
        ("ﬁnance", "FINANCE"),
        ("ＡＢＣ１２３", "abc123"),
        ("ｶﾞ", "ガ"),
        ("⑫", "12"),
        ("Straße", "STRAẞE".replace("ẞ", "ß")),
        ("ÅNGSTRÖM", "ångström"),
    ],
)
def test_case_and_form_do_not_count(one: str, other: str) -> None:
    assert tokens(one) == tokens(other)


def test_a_character_of_han_or_kana_is_a_token_and_a_word_is_one() -> None:
    assert tokens("时间の流れ, is 12.5% gone") == [*"时间の流れ", "is", "12", "5", "gone"]
    assert tokens("，。… “”·《》—") == []


def test_every_character_that_changes_is_in_the_class_of_those_that_do() -> None:
    token = re.compile(f"[{character_class([*SINGLE_RANGES, *WORD_RANGES])}]")
    own = re.compile("[A-Za-z0-9Ａ-Ｚａ-ｚ０-９]")
    for c in ALL[:0x30000]:
        folded = fold(c)
        if folded != c and not own.match(c) and (token.match(c) or token.search(folded)):
            assert module._FOLDS.search(c), f"U+{ord(c):04X} becomes {folded!r}"


@given(st.text(st.sampled_from("aÀ¨é́ßﬁΣς①中〇ぁｶﾞがİıŉ ,.ＡＺ１")))
def test_folding_twice_changes_nothing_more(text: str) -> None:
    assert fold(fold(text)) == fold(text)
    assert tokens(fold_rare(text)) == tokens(text)


def test_a_class_of_ranges_is_read_back() -> None:
    assert character_class(((0x5D, 0x5D), (0x61, 0x63))) == r"\]a-c"
