"""Texts read in the wrong charset are mended where their bytes are still there, else dropped."""

from __future__ import annotations

import json

import pytest

from mind_clean.filters.garbled import Garbled, garbled_share
from mind_clean.transforms.mojibake import repaired
from mind_core.testing import check_filter, run_tool

HANS = (
    "清明前后，山里的茶农便背着竹篓上山采茶。一芽一叶的嫩芽最为珍贵，采下来当天就要摊在竹匾上。\n"
    "到了晚上，灶里烧起松木，一个人看火，一个人用手在锅里翻叶子，谁也不说话。"
)
HANT = (
    "清明前後，山裡的茶農便背著竹簍上山採茶。一芽一葉的嫩芽最為珍貴，採下來當天就要攤在竹匾上。\n"
    "到了晚上，灶裡燒起松木，一個人看火，一個人用手在鍋裡翻葉子，誰也不說話。"
)
JAPANESE = (
    "茶摘みは春の初め、山の斜面で手で行われる。芽はその日のうちに竹のざるに広げて乾かす。\n"
    "夜になると松の薪で釜を熱し、一人が火を見て、一人が素手で葉を返す。"
)
ENGLISH = "Don’t ask – “the first tea”, they say, is for guests …"
NO_BREAK = "\u00a0"
CONTROLS = (0x81, 0x8D, 0x8F, 0x90, 0x9D)


def windows(data: bytes) -> str:
    return "".join(chr(b) if b in CONTROLS else bytes((b,)).decode("cp1252") for b in data)


@pytest.mark.parametrize(
    ("text", "charset"),
    [(HANS, "gb18030"), (HANT, "big5hkscs"), (JAPANESE, "cp932"), (JAPANESE, "euc_jp")],
)
def test_east_asian_read_as_latin_is_mended(text: str, charset: str) -> None:
    assert repaired(text.encode(charset).decode("latin-1")) == text
    assert repaired(windows(text.encode(charset))) == text
    assert repaired(f"sound line\n{windows(text.encode(charset))}") == f"sound line\n{text}"


@pytest.mark.parametrize("charset", ["gb18030", "cp932"])
@pytest.mark.parametrize("text", ["中国人民的生活水平提高", "我们在这里采茶，大家都很高兴"])
def test_utf_8_read_as_east_asian_is_mended_where_nothing_was_lost(text: str, charset: str) -> None:
    misread = text.encode().decode(charset, "replace")
    if "\ufffd" in misread:
        text = text[:-1]
        misread = text.encode().decode(charset, "replace")
    if "\ufffd" not in misread:
        assert repaired(misread) == text
    else:
        assert garbled_share(repaired(misread)) > 0.9


def test_english_marks_read_as_gbk_are_mended() -> None:
    misread = "They say it鈥檚 for guests, and don鈥檛 ask.\nWe鈥檒l see: that鈥檚 how it鈥檚 done."
    assert repaired(misread) == (
        "They say it’s for guests, and don’t ask.\nWe’ll see: that’s how it’s done."
    )


def test_what_was_lost_is_marked_and_bounded() -> None:
    browser = HANS.encode().decode("gb18030", "replace")  # loses what ends in the byte 80
    again = repaired(browser)
    assert garbled_share(again) > 0.05 or again.count("\ufffd") <= 0.05 * len(again)


DAMAGED = {
    "UTF-8 as GBK, bytes dropped": HANS.encode().decode("gbk", "ignore"),
    "the same, as ?": HANS.encode().decode("gbk", "replace").replace("\ufffd", "?"),
    "UTF-8 as Big5": HANT.encode().decode("big5hkscs", "replace"),
    "UTF-8 as Shift_JIS": JAPANESE.encode().decode("cp932", "replace"),
    "Shift_JIS as Windows-1252, lost": JAPANESE.encode("cp932").decode("cp1252", "replace"),
    "lost": "\ufffd" * 30,
    "lost, as GBK": ("茶" * 20 + "\ufffd" * 20).encode().decode("gbk", "replace"),
    "a title": "涓浗浜烘皯",
    "memory": "烫烫烫烫烫烫屯屯屯屯 ok",
}


@pytest.mark.parametrize("name", DAMAGED)
def test_what_cannot_be_mended_is_dropped(name: str) -> None:
    reason = Garbled()({"text": repaired(DAMAGED[name])})
    assert reason == "mojibake", (name, repaired(DAMAGED[name]))


SOUND = [
    HANS, HANT, JAPANESE, ENGLISH,
    "锟斤拷是一种常见的乱码，由替换字符按国标码解码而来。" + HANS,
    "涓涓细流，汇成江河。浜松市在静冈县。鐨黄的纸上写着字。" + HANS,
    "Ñandú, São João, Übergröße, naïve café",
    f"Schedule\n{NO_BREAK * 12} 12pm{NO_BREAK * 9}",
    "ÀÁÂÃÄÅ is a row of letters; “quoted” text – with marks… goes on for long enough to be a text",
    "Tiếng Việt có nhiều dấu, và đây là một câu dài hơn một chút.",
    "한국어 문장은 한글로 쓴다. 차는 봄에 손으로 딴다.",
]  # fmt: skip


@pytest.mark.parametrize("text", SOUND)
def test_sound_texts_stay(text: str) -> None:
    assert repaired(text) == text
    assert Garbled()({"text": text}) is None


def test_a_page_that_is_garbled_in_part_is_measured() -> None:
    lost = "锟斤拷" * 4
    text = f"{HANS}\n{lost}"
    share = len(lost) / len("".join(text.split()))
    assert garbled_share(text) == pytest.approx(share)
    check_filter(Garbled, [HANS * 3 + "锟斤拷"], [text])
    with pytest.raises(ValueError, match="max is 2"):
        Garbled(2)


def test_the_recipe_mends_and_drops() -> None:
    records = [
        {"id": "mended", "text": windows(HANS.encode("gb18030")) * 3},
        {"id": "dropped", "text": DAMAGED["UTF-8 as GBK, bytes dropped"] * 3},
    ]
    arguments = ["-z", "0", "--mark", "--without", "site_phrases"]
    done = run_tool("mind-clean", arguments, [*map(dict, records)])
    assert done.code == 0, done.stderr
    marks = {r["id"]: json.dumps(r["metadata"]["mind"]["clean"].get("marks")) for r in done.records}
    assert "mojibake" in marks["dropped"] and "mojibake" not in marks["mended"]
