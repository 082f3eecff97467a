"""What the transforms change, and above all what they leave alone."""

from __future__ import annotations

import time
import unicodedata

import pytest

from mind_clean.annotations import annotated
from mind_clean.hans_hant import script_of
from mind_clean.letters import variant_sets
from mind_clean.transforms.emoji import Emoji, without_emoji
from mind_clean.transforms.language import Script
from mind_clean.transforms.unicode import MAX_COMBINING, Unicode, normalised
from mind_clean.transforms.whitespace import Whitespace
from mind_core import Record
from mind_core.testing import ODD_TEXTS, check_transform


def test_unicode() -> None:
    check_transform(
        Unicode,
        [
            ("cafe\u0301", "café"),
            ("ﾊ臺灣「鐵道」Ｗｉｆｉ，①㈱〇", "ﾊ臺灣「鐵道」Ｗｉｆｉ，①㈱〇"),
            ("零\u200b宽\ufeff", "零宽"),
            ("soft\u00adware", "software"),
            ("a\r\nb\rc\u2028d\u0085e\vf", "a\nb\nc\nd\ne\nf"),
            ("\x1b[1;31mred\x1b[0m\x07", "red"),
            ("中\u200d文", "中文"),
            ("नमस्\u200dते", "नमस्\u200dते"),
            ("می\u200cخواهم", "می\u200cخواهم"),
            ("👨\u200d👩", "👨\u200d👩"),
            ("tab\tand\nline", "tab\tand\nline"),
            ("\ud800lone", "lone"),
        ],
    )


def test_a_long_run_of_marks_costs_little_and_is_cut() -> None:
    text = "a" + "\u0301\u0316" * 100_000
    started = time.process_time()
    result = normalised(text)
    assert time.process_time() - started < 5  # half a minute without the limit
    assert sum(map(bool, map(unicodedata.combining, result))) <= MAX_COMBINING
    short = "a" + "\u0316\u0301" * 5
    assert normalised(short) == unicodedata.normalize("NFC", short)


def test_emoji() -> None:
    check_transform(
        Emoji,
        [
            ("天气真好😀😀。", "天气真好。"),
            ("一家👨‍👩‍👧‍👦人", "一家人"),
            ("🇨🇳中国🏴\U000e0067\U000e007f", "中国\U000e0067\U000e007f"),
            ("赞👍🏽☝🏽", "赞"),
            ("❤️❤☺☀️☀", "☀"),
            ("good👍work", "good work"),
            ("© ® ™ ©️", "© ® ™ ©"),
            ("1️⃣2⃣#️⃣", "12#"),
            ("〇㊀㊗㊙〽🈚→☑★♀‼", "〇㊀㊗㊙〽🈚→☑★♀‼"),
            ("𠮷野家 𝑥² 🄰", "𠮷野家 𝑥² 🄰"),
        ],
    )


def test_emoji_agrees_with_unicode_names() -> None:
    """What Unicode calls a face, a hand or an animal is gone; letters and ideographs never are."""
    for code in range(0x1F600, 0x1F650):
        assert without_emoji(chr(code)) == ""
    for block in (range(0x20, 0x3000), range(0x3000, 0xA000), range(0xFF00, 0xFFEF)):
        for code in block:
            if unicodedata.category(chr(code))[0] in "LN":
                assert without_emoji(chr(code)) == chr(code), hex(code)


def test_whitespace() -> None:
    check_transform(
        Whitespace,
        [
            ("　　第一段。  \n\n\n\n　　第二段。", "第一段。\n\n第二段。"),
            ("茶农 上山 。", "茶农上山。"),
            ("使用 Python 编程", "使用 Python 编程"),
            ("第一条 为了 保护", "第一条 为了保护"),
            ("甲　　乙", "甲　乙"),
            ("two  spaces\u00a0here", "two spaces here"),
            ("    if x:\n        y  =  1", "    if x:\n        y  =  1"),
            ("\tcode\t\taligned", "\tcode\t\taligned"),
            (" \t\tcell", "cell"),
            ("a\t \tb", "a\tb"),
            ("\n\n\n", ""),
        ],
    )


def test_spaces_between_han_can_stay() -> None:
    check_transform(
        Whitespace, [("床前明月光 疑是地上霜", "床前明月光 疑是地上霜")], between_han=False
    )


def test_a_long_run_of_blanks_costs_little() -> None:
    text = "字" + " " * 2_000_000 + "x" + "\u3000" * 2_000_000 + "y" + "\n" * 2_000_000 + "z"
    started = time.process_time()
    assert Whitespace().tidy(text) == "字 x\u3000y\n\nz"
    assert time.process_time() - started < 5


@pytest.mark.parametrize(
    ("text", "language", "script"),
    [
        ("语言与文字的历史", "zh", "Hans"),
        ("語言與文字的歷史", "zh", "Hant"),
        ("白日依山", "zh", "Hani"),
        ("学而时习之，不亦说乎", "zh", "Hans"),
        ("Writing in English", "en", "Latn"),
        ("Русский текст", "en", "Zyyy"),
        ("12:30", "und", "Zyyy"),
        ("", "und", "Zyyy"),
    ],
)
def test_script(text: str, language: str, script: str) -> None:
    assert script_of(text, language) == script
    record = Script()({"text": text})
    assert record["metadata"]["mind"]["clean"] == {"language": language, "script": script}
    assert Script()(record) is record


def test_the_two_character_sets_are_disjoint() -> None:
    simplified, traditional = variant_sets()
    assert len(simplified) == 2380
    assert len(traditional) == 8678
    assert not simplified & traditional
    assert {"国", "语", "为"} <= simplified
    assert {"國", "語", "為"} <= traditional


@pytest.mark.parametrize("text", ["Nothing to do.", "没有什么可做的。"])
def test_an_unchanged_record_is_the_same_object(text: str) -> None:
    record = {"id": "1", "text": text}
    for transform in (Unicode(), Emoji(), Whitespace()):
        assert transform(record) is record


def test_the_transforms_in_order_settle_after_one_pass() -> None:
    for text in ODD_TEXTS:
        once = Whitespace().tidy(without_emoji(normalised(text)))
        assert Whitespace().tidy(without_emoji(normalised(once))) == once


def test_notes_copy_the_way_and_share_the_rest() -> None:
    record: Record = {"metadata": {"tags": ["a"], "mind": {"clean": {"density": 1.0}}}}
    result = annotated(record, script="Latn")
    assert record == {"metadata": {"tags": ["a"], "mind": {"clean": {"density": 1.0}}}}
    assert result["metadata"]["mind"]["clean"] == {"density": 1.0, "script": "Latn"}
    assert result["metadata"]["tags"] is record["metadata"]["tags"]
    odd = annotated({"metadata": "odd"}, a=1)
    assert odd == {"metadata": {"value": "odd", "mind": {"clean": {"a": 1}}}}
