"""Languages are told apart offline, and an address can drop a page by itself."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from peer_texts import texts

from mind_clean.filters.han_count import HanCount
from mind_clean.filters.language import Language
from mind_clean.filters.url import Url
from mind_clean.hans_hant import language_by_script
from mind_clean.language_models import detect
from mind_clean.letters import count_letters
from mind_clean.transforms.language import DetectLanguage, Script
from mind_core.testing import ODD_TEXTS, check_filter, check_transform
from mind_core.text.languages import language_of, language_of_text
from mind_core.text.scripts import count_han

SAMPLES = {
    "zh": "这条河在城市的南边，人们一直用船运粮食。",
    "en": "The river runs to the south of the town, and boats carry grain along it.",
    "ja": "この川は町の南を流れていて、昔から船で穀物を運んできました。",
    "ko": "이 강은 도시의 남쪽을 흐르고 사람들은 배로 곡식을 날랐다.",
    "ru": "Река течёт на юг от города, и лодки возят по ней зерно.",
    "fr": "La rivière coule au sud de la ville et des bateaux y transportent le grain.",
    "de": "Der Fluss fließt südlich der Stadt, und Boote bringen das Getreide dorthin.",
}


def of_url(url: str) -> dict[str, Any]:
    return {"text": "text", "url": url}


@pytest.mark.parametrize(("language", "text"), SAMPLES.items())
def test_languages_are_told_apart(language: str, text: str) -> None:
    found = detect(text, 300)
    assert found.language == language and found.score > 0.65


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("", "und"),
        ("123 !?", "und"),
        ("國立臺灣大學於民國十七年成立。", "zh"),
        ("歌曲《さくら》很好听，是一首很有名的日本歌曲，很多人都会唱。", "zh"),
        ("佢哋係香港人嚟㗎，唔係廣州人。", "zh"),
        ("学而时习之，不亦说乎？" + "x = y + 1; " * 2, "zh"),
    ],
)
def test_hard_cases(text: str, language: str) -> None:
    assert detect(text, 300).language == language


def test_real_texts_are_in_their_language() -> None:
    for identity, language, text in texts():
        if len(text) > 100 and not identity.endswith((":0", ":1")):
            assert detect(text, 300).language == language, identity


def test_a_mixed_chinese_text_is_less_sure() -> None:
    """A score is the share that the Chinese characters carry."""
    mixed = detect(SAMPLES["zh"] + SAMPLES["en"], 300)
    assert mixed.language == "zh" and 0.5 < mixed.score < detect(SAMPLES["zh"], 300).score == 1.0


def test_a_score_is_the_share_of_what_the_own_characters_carry() -> None:
    assert detect("안녕하세 abcd", 300) == ("ko", 0.667)  # a syllable carries two letters
    assert detect("春天来了 abcdef", 300) == ("zh", 0.727)  # a Chinese character carries four
    asked = detect("안녕 abc", 300)  # less than half of the letters: the model says, not the share
    assert asked.score not in (0.571, 0.667)


def test_the_language_is_noted() -> None:
    check_transform(DetectLanguage, [(text, text) for text in SAMPLES.values()])
    for language, text in SAMPLES.items():
        record = DetectLanguage()({"text": text})
        assert language_of(record) == language
        assert record["metadata"]["mind"]["clean"]["language_score"] > 0.65
        assert DetectLanguage()(record) is record


def test_script_keeps_a_detected_language() -> None:
    """By script alone Japanese is zh and Russian en; what was detected is not undone."""
    for language, script in (("ja", "Jpan"), ("ko", "Kore"), ("ru", "Zyyy"), ("zh", "Hans")):
        detected = DetectLanguage()({"text": SAMPLES[language]})
        noted = Script()(detected)["metadata"]["mind"]["clean"]
        assert (noted["language"], noted["script"]) == (language, script)
    assert Script()({"text": SAMPLES["ja"]})["metadata"]["mind"]["clean"]["language"] == "zh"


def test_other_languages_are_no_longer_judged_as_chinese() -> None:
    japanese = {"text": SAMPLES["ja"]}
    assert HanCount()(japanese) == "few_han"
    assert HanCount()(DetectLanguage()(japanese)) is None


def test_language() -> None:
    check_filter(
        Language,
        keeps=[SAMPLES["zh"], SAMPLES["en"]],
        drops=[SAMPLES["ja"], SAMPLES["ru"], "", "AB", SAMPLES["zh"] + "x = y + 1;" * 60],
    )
    check_filter(Language, keeps=[SAMPLES["ja"]], drops=[SAMPLES["zh"]], languages=("ja",))
    reason = Language()({"text": SAMPLES["fr"]})
    assert reason is not None
    assert (reason, reason.value, reason.threshold) == ("other_language", "fr", ["zh", "en"])
    noted = {"text": SAMPLES["en"], "metadata": {"mind": {"clean": {"language": "ja"}}}}
    assert Language()(noted) is None, "a language by script alone is no detected one"
    noted["metadata"]["mind"]["clean"]["language_score"] = 0.9
    assert Language()(noted) == "other_language"


@pytest.mark.parametrize(
    ("options", "message"),
    [({"languages": ()}, "every text"), ({"min_score": 65.0}, "a share"), ({"sample": 1}, "30")],
)
def test_language_refuses(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Language(**options)
    if "sample" in options:
        with pytest.raises(ValueError, match=message):
            DetectLanguage(**options)


def test_detection_needs_no_network() -> None:
    """datatrove and data-juicer fetch their model at the first use."""
    program = (
        "import socket\n"
        "def refuse(*args, **more): raise OSError('no network')\n"
        "socket.socket = socket.create_connection = socket.getaddrinfo = refuse\n"
        "from mind_clean.language_models import detect\n"
        f"assert detect({SAMPLES['fr']!r}, 300).language == 'fr'\n"
    )
    assert socket.socket is not None
    subprocess.run([sys.executable, "-c", program], check=True, env={**os.environ, "HOME": "/none"})


@given(st.one_of(st.text(max_size=40), st.text("aé½Ⅷ_1\U0002fa1e一国國かア한ы。", max_size=9)))
def test_letters_are_those_of_the_core(text: str) -> None:
    letters = count_letters(text)
    assert letters.chinese == count_han(text)
    assert language_by_script(letters) == language_of_text(text)


@pytest.mark.parametrize("text", ODD_TEXTS, ids=range(len(ODD_TEXTS)))
def test_letters_of_odd_texts(text: str) -> None:
    assert count_letters(text).chinese == count_han(text)
    assert language_by_script(count_letters(text)) == language_of_text(text)
    assert sum(count_letters(text)) == len(text)
    assert count_letters(text).alphabetic == sum(map(str.isalpha, text))


def test_url() -> None:
    check_filter(
        Url,
        keeps=[
            "no address", of_url("https://docs.python.org/3/library/re.html"),
            of_url("http://example.com/sex-education"), of_url("https://essex.ac.uk/casinograph"),
            of_url("http://10.0.0.1/x"), of_url("https://例子.中国/页面"), {"text": "", "url": 3},
        ],
        drops=[
            of_url("http://example.com/free-porn/1"), of_url("https://best-casino.example/"),
            of_url("http://example.com/sexy-girls-dating"),
            of_url("http://example.com/" + "a" * 999),
            of_url("http://a-b-c-d-e-f.example.com/"), of_url("http:///path"),
            of_url("https://www.baijiale.example/"), of_url("http://[::1"),
        ],
    )  # fmt: skip
    check_filter(
        Url, keeps=[of_url("http://example.com/porn")], drops=[of_url("http://10.0.0.1/")],
        seed=False, bare_addresses=False,
    )  # fmt: skip


def test_url_lists_are_files(tmp_path: Path) -> None:
    blocked, allowed, words = (tmp_path / name for name in ("blocked", "allowed", "words"))
    blocked.write_text("# farms\nspam.example\n*.farm.example  # and below\n\n")
    allowed.write_text("good.spam.example\n")
    words.write_text("Coupon\n")
    rules = Url(str(blocked), str(allowed), str(words))
    assert rules(of_url("http://spam.example/")) == "blocked_host"
    assert rules(of_url("http://www.a.farm.example:80/")) == "blocked_host"
    assert rules(of_url("http://notspam.example/")) is None
    assert rules(of_url("http://good.spam.example/coupon")) is None
    reason = rules(of_url("http://ok.example/COUPON"))
    assert reason is not None and (reason, reason.value) == ("hard_word", "coupon")
    with pytest.raises(ValueError, match=r"blocked_hosts: cannot read .*missing"):
        Url(str(tmp_path / "missing"))
    with pytest.raises(ValueError, match="max_length"):
        Url(max_length=-1)
