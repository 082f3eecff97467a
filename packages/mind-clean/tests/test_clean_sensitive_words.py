"""A lexicon drops what is made of its words, and spares what only uses some."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from mind_clean.filters.sensitive_words import SensitiveWords, density_of
from mind_clean.lexicon import Word, fold, read_lexicon
from mind_clean.lexicon_matcher import LexiconMatcher, scan_for
from mind_clean.transforms.mask_sensitive_words import MaskSensitiveWords
from mind_core.errors import UsageError
from mind_core.testing import check_filter, check_transform

SPAM = "成人电影免费看，色情网站大全，骚女裸聊，成人论坛每日更新，蜜穴美穴，点击进入。"
ENGLISH_SPAM = (
    "Free porn here! Blowjob and gangbang videos, big tits, creampie, upskirt, live sexcam."
)
NOVEL = (
    "那婆子骂道：你这王八蛋！他妈的，也不看看这是什么地方。" + "他说完就走了，再也没有回来。" * 40
)


def lexicon(folder: Path, text: str) -> str:
    path = folder / "words.tsv"
    path.write_text(text, "utf-8")
    return str(path)


def found(text: str, *words: str | Word) -> list[str]:
    scan = LexiconMatcher([word if isinstance(word, Word) else Word(word) for word in words])
    return [text[hit.start : hit.end] for hit in scan.find(text)]


def test_what_is_made_of_such_words_goes_and_what_quotes_some_stays() -> None:
    check_filter(
        SensitiveWords,
        keeps=[
            NOVEL,
            "法院认定被告人在色情网站上传淫秽视频。" * 5,
            "She swore: what the fuck, this is bullshit, you asshole! "
            + "And then it rained. " * 90,
            "本市路口交通管理办法规定，出口交易须登记，支援交流活动，女性奴隶制度史。",
            "The documentation of Scunthorpe's class assessment: analysis, title, cocktail, Essex.",
        ],
        drops=[SPAM, SPAM * 30, ENGLISH_SPAM],
    )


def test_the_reason_says_which_words_and_how_much() -> None:
    reason = SensitiveWords()({"text": SPAM})
    assert reason == "sensitive_words"
    assert reason.value["distinct"] >= 6 and reason.value["density"] > 0.3
    assert "色情网站" in reason.value["words"] and len(reason.value["words"]) == 5
    assert reason.threshold == {"density": 0.01, "distinct": 3}


def test_pain_22_presence_is_not_enough_but_density_and_distinct_words_are() -> None:
    """Matching is by Aho-Corasick; one word often, or many words rarely, are no reason."""
    one_word = "蜜穴" * 50
    rarely = SPAM + "这是一段很长的普通文字，没有什么特别。" * 300
    check_filter(SensitiveWords, keeps=[one_word, rarely], drops=[SPAM])
    check_filter(SensitiveWords, keeps=[], drops=[one_word], min_distinct=1)
    check_filter(SensitiveWords, keeps=[], drops=[rarely], min_density=0.001)


def test_pain_22_words_inside_innocent_words_do_not_count(tmp_path: Path) -> None:
    text = "性能和性质都好，性别不限；性。"
    assert found(text, "性") == ["性"] * 4
    allowed = [Word(word, "allow") for word in ("性能", "性质", "性别")]
    assert found(text, "性", *allowed) == ["性"]
    name = lexicon(tmp_path, "性\tx\n性能\tallow\n性质\tallow\n性别\tallow\n")
    check_filter(
        SensitiveWords, keeps=["性能性质性别" * 9], drops=["性，性。"], lexicon=name, min_distinct=1
    )


def test_latin_words_have_borders_and_chinese_ones_need_none() -> None:
    assert found("class, ass; my ass.", "ass") == ["ass", "ass"]
    assert found("操fuck你 FUCK！ ｆｕｃｋ fucks fuck_x fuck1", "fuck") == [
        "fuck",
        "FUCK",
        "ｆｕｃｋ",
    ]
    assert found("ass卖b的b", "卖b") == ["卖b"]
    assert found("卖book", "卖b") == []
    assert found("éass asséd", "ass") == []


def test_leftmost_longest_among_what_stands_alone() -> None:
    assert found("big tits", "big", "tits", "big tits") == ["big tits"]
    assert found("big titsy", "big", "tits", "big tits") == ["big"]
    assert found("abcd", "ab", "bcd") == []
    assert found("甲乙丙丁", "甲乙", "乙丙丁") == ["甲乙"]
    assert found("甲乙丙丁", "甲乙", "甲乙丙") == ["甲乙丙"]


def test_offsets_are_code_points() -> None:
    text = "𠮷İ：色情网站ＡＢ"
    hits = scan_for("seed").find(text)
    assert [text[hit.start : hit.end] for hit in hits] == ["色情网站"]
    assert len(fold("İSTANBUL ＡＢＣ１")) == len("İSTANBUL ＡＢＣ１")
    assert fold("ＡｂＣ１！") == "abc1！"


def test_weights_and_categories(tmp_path: Path) -> None:
    name = lexicon(tmp_path, "# a comment\n甲甲\tone\t3\n乙乙\ttwo\t0.5\n丙丙\n")
    words = {word.word: word for word in read_lexicon(name)}
    assert words["甲甲"] == Word("甲甲", "one", 3.0)
    assert words["丙丙"] == Word("丙丙", "other", 1.0)
    text = "甲甲和乙乙和丙丙"
    assert density_of(scan_for(name).find(text), text) == (6 + 1 + 2) / 8
    assert [hit.word.word for hit in scan_for(name, ("one",)).find(text)] == ["甲甲"]


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("好\tx\theavy\n", "words.tsv:1: the weight is 'heavy'", "above 0"),
        ("好\n坏\tx\t-1\n", "words.tsv:2: the weight is '-1'", "above 0"),
        ("a\tb\t1\td\n", "words.tsv:1: 4 columns", "at most"),
        ("a\n \tb\n", "words.tsv:2: no word", None),
        ("# nothing\n\n", "has no words", "one word a line"),
        ("a\tallow\n", "has no words", "one word a line"),
    ],
)
def test_errors_name_the_line(tmp_path: Path, text: str, message: str, hint: str | None) -> None:
    with pytest.raises(UsageError) as caught:
        SensitiveWords(lexicon=lexicon(tmp_path, text))
    assert message in caught.value.message
    assert hint is None or hint in (caught.value.hint or "")


def test_a_file_that_is_no_utf8_or_not_there(tmp_path: Path) -> None:
    path = tmp_path / "gbk.txt"
    path.write_bytes("好\n色情\n".encode("gbk"))
    with pytest.raises(UsageError, match="gbk.txt:1: not valid UTF-8"):
        SensitiveWords(lexicon=str(path))
    with pytest.raises(UsageError, match="cannot read lexicon nowhere"):
        MaskSensitiveWords(lexicon="nowhere")
    with pytest.raises(UsageError, match="no category 'porn'") as caught:
        SensitiveWords(categories=("porn",))
    assert "pornography" in (caught.value.hint or "")


def test_plain_lines_of_any_list(tmp_path: Path) -> None:
    name = lexicon(tmp_path, "\ufeff违禁品\r\nContraband\r\n")
    assert [w.word for w in read_lexicon(name)] == ["违禁品", "contraband"]


def test_variants_find_the_other_script(tmp_path: Path) -> None:
    pytest.importorskip("opencc")
    name = lexicon(tmp_path, "色情网站\n")
    check_filter(SensitiveWords, keeps=["色情網站"], drops=[], lexicon=name, min_distinct=1)
    check_filter(
        SensitiveWords, keeps=[], drops=["色情網站"], lexicon=name, min_distinct=1, variants=True
    )


def test_masking_replaces_counts_and_notes_spans() -> None:
    check_transform(
        MaskSensitiveWords,
        [
            ("看色情网站吧", "看<|sensitive|>吧"),
            ("What the FUCK, classic", "What the <|sensitive|>, classic"),
            ("路口交通", "路口交通"),
        ],
    )
    noted = MaskSensitiveWords(spans=True)({"text": "𠮷色情网站，fuck。"})
    notes = noted["metadata"]["mind"]["clean"]
    assert notes["sensitive_words"] == {"pornography": 1, "abuse": 1}
    assert [noted["text"][s:e] for s, e, _ in notes["sensitive_spans"]] == ["<|sensitive|>"] * 2
    kept = MaskSensitiveWords(spans=True, mask=False)({"text": "𠮷色情网站，fuck。"})
    spans = kept["metadata"]["mind"]["clean"]["sensitive_spans"]
    assert [kept["text"][s:e] for s, e, _ in spans] == ["色情网站", "fuck"]
    again = MaskSensitiveWords()(noted)
    assert again is noted


def test_numbers_that_mean_nothing_are_refused() -> None:
    with pytest.raises(ValueError, match="1 or more"):
        SensitiveWords(min_distinct=0)
    with pytest.raises(ValueError, match="a share"):
        SensitiveWords(min_density=1.5)


def test_the_seed_is_small_has_its_licences_and_no_double() -> None:
    import mind_clean

    text = (Path(mind_clean.__file__).parent / "lexicons" / "seed.tsv").read_text("utf-8")
    assert "CC BY 4.0" in text and "Apache-2.0" in text and "MIT" in text
    lines = [line for line in text.split("\n") if line and line[0] != "#"]
    assert 300 < len(lines) == len({line.split("\t")[0] for line in lines}) < 1000
    words = read_lexicon("seed")
    innocent = [word.word for word in words if word.category == "allow"]
    scan = scan_for("seed")
    for word in innocent:
        assert scan.find(word) == [], word
    plain = LexiconMatcher([word for word in words if word.category != "allow"])
    for word in innocent:
        assert plain.find(word), f"{word} holds no word of the list"


def test_a_large_lexicon_costs_little(tmp_path: Path) -> None:
    """Forty thousand words; a text of nothing but hits is the worst that can come."""
    words = [chr(0x4E00 + n // 200) + chr(0x5E00 + n % 200) for n in range(40_000)]
    scan = scan_for(lexicon(tmp_path, "\n".join(words)))
    started = time.process_time()
    assert len(scan.find(words[7] * 100_000)) == 100_000
    assert scan.find("x" * 1_000_000) == []
    assert time.process_time() - started < 10
