"""Both directions, words of regions, and what must not be converted."""

from __future__ import annotations

import pytest
from mind_transform_opencc import OpenCC, register_transforms

from mind_core.testing import check_transform


def test_traditional_becomes_simplified() -> None:
    check_transform(
        OpenCC,
        [
            ("學而時習之，不亦說乎？", "学而时习之，不亦说乎？"),
            ("臺灣的鐵道與軟體", "台湾的铁道与软体"),
            ("已经是简体字了", "已经是简体字了"),
            ("Ordinary English, naïve café.", "Ordinary English, naïve café."),
        ],
    )


def test_simplified_becomes_traditional_by_the_phrase() -> None:
    check_transform(
        OpenCC,
        [("头发发出光芒，皇后在后面", "頭髮發出光芒，皇后在後面")],
        configuration="s2t",
    )


def test_words_of_taiwan() -> None:
    assert OpenCC("s2twp")({"text": "鼠标和软件"})["text"] == "滑鼠和軟體"
    assert OpenCC("tw2sp")({"text": "滑鼠和軟體"})["text"] == "鼠标和软件"


def test_japanese_stays() -> None:
    record = {"text": "東京へ行って、図書館で勉強をしました。"}
    assert OpenCC()(record) is record


def test_what_was_done_is_noted() -> None:
    before = {"text": "語言與文字", "metadata": {"mind": {"clean": {"script": "Hant"}}}}
    after = OpenCC()(before)
    assert after["text"] == "语言与文字"
    assert after["metadata"]["mind"]["clean"] == {"script": "Hans", "converted": "t2s"}
    assert OpenCC()(after) is after


def test_an_unknown_configuration_is_refused() -> None:
    with pytest.raises(ValueError, match="s2twp"):
        OpenCC("simplified")


def test_it_registers_under_its_name() -> None:
    assert register_transforms() == {"opencc": OpenCC}
