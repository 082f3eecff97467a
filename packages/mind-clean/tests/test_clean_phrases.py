"""Step 5: phrases in a row, and phrases of a whole site."""

from __future__ import annotations

import re
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mind_clean.transforms.line_hashes import site_keys
from mind_clean.transforms.periodic_runs import repetitions
from mind_clean.transforms.repeated_phrases import RepeatedPhrases
from mind_clean.transforms.site_phrases import SitePhrases
from mind_core import Record
from mind_core.stream import read_records
from mind_core.testing import ToolResult, check_transform, run_tool
from mind_core.text.scripts import HAN

NOTICE = "版权所有 © 2019 示例网 未经许可不得转载"
MENU = "Home page of our shop"


def clean(*arguments: str | Path, records: Any, **options: Any) -> ToolResult:
    return run_tool("mind-clean", ["-z", "0", *arguments], records, **options)


def test_phrases_in_a_row_are_said_once() -> None:
    check_transform(
        RepeatedPhrases,
        [
            ("点击立即购买立即购买立即购买享受优惠", "点击立即购买享受优惠"),
            ("Click here! Click here! Click here! Thanks.", "Click here! Thanks."),
            ("正文。\n立即注册\n立即注册\n立即注册\n立即注册\n结束。", "正文。\n立即注册\n结束。"),
            ("两次两次可以，两次两次可以。", "两次两次可以，两次两次可以。"),
            ("----------------", "----------------"),
            ("哈哈哈哈哈哈哈哈哈哈哈哈", "哈哈哈哈哈哈哈哈哈哈哈哈"),
            ("ffff:ffff:ffff:ffff:ffff:ffff", "ffff:ffff:ffff:ffff:ffff:ffff"),
            ("null null null null null", "null null null null null"),
            ("0x00, 0x00, 0x00, 0x00, 0x00,", "0x00, 0x00, 0x00, 0x00, 0x00,"),
            ("| --- | --- | --- | --- |", "| --- | --- | --- | --- |"),
            ("归去来兮，田园将芜胡不归", "归去来兮，田园将芜胡不归"),
        ],
    )


def test_the_share_that_went_is_noted_and_can_drop_the_page() -> None:
    advert = "好消息。" + "免费领取优惠券" * 30
    made = RepeatedPhrases()({"id": "1", "text": advert})
    assert made["text"] == "好消息。免费领取优惠券"
    assert made["metadata"]["mind"]["clean"]["repeated_share"] == pytest.approx(
        1 - 11 / 214, abs=1e-4
    )
    steps = ["--step", "repeated_phrases", "--step", "repeated_phrase_share"]
    done = clean(*steps, records=[{"id": "ad", "text": advert}, {"id": "ok", "text": "正文"}])
    assert [record["id"] for record in done.records] == ["ok"]
    only_noted = RepeatedPhrases(remove=False)({"id": "1", "text": advert})
    assert only_noted["text"] == advert
    assert only_noted["metadata"] == made["metadata"]


def plain_repetitions(text: str, shortest: int, longest: int, times: int) -> list[Any]:
    """The same by looking at every character: what the fast way must equal."""
    found = []
    for period in range(shortest, min(longest, len(text) // times) + 1):
        start = None
        for place in range(len(text) - period + 1):
            same = place < len(text) - period and text[place] == text[place + period]
            if same and start is None:
                start = place
            elif not same and start is not None:
                if place - start >= (times - 1) * period:
                    found.append((start, place + period, period))
                start = None
    return sorted(found, key=lambda run: (run[0], run[2]))


@given(
    st.lists(st.tuples(st.text("ab中文 ,", min_size=1, max_size=9), st.integers(1, 6)), max_size=8),
    st.integers(3, 5),
)
def test_repetitions_equal_the_plain_way(parts: list[tuple[str, int]], times: int) -> None:
    text = "".join(part * count for part, count in parts)
    assert repetitions(text, 4, 50, times) == plain_repetitions(text, 4, 50, times)


@settings(deadline=None)
@given(
    st.lists(
        st.tuples(st.text("ab\udc80\U0001f600", min_size=1, max_size=12), st.integers(1, 30)),
        max_size=4,
    ),
    st.integers(4, 12),
    st.integers(12, 100),
)
def test_long_repetitions_equal_the_plain_way(
    parts: list[tuple[str, int]], shortest: int, longest: int
) -> None:
    text = "".join(part * count for part, count in parts)
    found = repetitions(text, shortest, longest, 3)
    assert found == plain_repetitions(text, shortest, longest, 3)


def test_more_repetitions_than_there_is_room_for_at_first_are_found() -> None:
    text = ("a" * 299 + "b") * 12
    found = repetitions(text, 4, 100, 3)
    assert len(found) > 1024
    assert found == plain_repetitions(text, 4, 100, 3)


def test_a_repetition_at_the_edge_of_a_chunk_is_found() -> None:
    for place in range((1 << 14) - 60, (1 << 14) + 5, 7):
        text = "".join(chr(0x4E00 + n % 20000) for n in range(place)) + "请点击这里" * 3
        assert len(RepeatedPhrases().once(text)) == place + 5


@pytest.mark.parametrize(
    "text",
    ["ab" * 500_000, "a" * 1_000_000, "请点击" * 300_000, "xyzw vuts " * 100_000, "\n" * 1_000_000],
    ids=["ab", "a", "han", "words", "lines"],
)
def test_hostile_repetitions_take_bounded_time(text: str) -> None:
    started = time.process_time()
    RepeatedPhrases().once(text)
    assert time.process_time() - started < 10  # a tenth of a second where nothing else runs


@pytest.mark.parametrize(
    "text", ["a" * 300_000, ("a" * 99 + "b") * 3000, "ab" * 150_000], ids=["a", "aaab", "ab"]
)
def test_the_longest_phrases_allowed_take_bounded_time(text: str) -> None:
    phrases = RepeatedPhrases(max_length=1000)
    phrases.prepare()
    started = time.process_time()
    phrases.once(text)
    assert time.process_time() - started < 10  # a tenth of a second where nothing else runs


def site_page(number: int, host: str = "shop.example", own: str = "") -> Record:
    topic = own or chr(0x4E00 + number) * 9
    text = f"{MENU}\n第{number}篇讲的是第{number}件事：{topic}。\n{NOTICE}{number % 7}"
    return {"id": f"{host}-{number}", "text": text, "url": f"https://www.{host}:80/{number}"}


def test_what_all_pages_of_a_site_say_goes(tmp_path: Path) -> None:
    pages = [site_page(n) for n in range(20)] + [site_page(n, "small.example") for n in range(5)]
    done = clean("--step", "site_phrases", "--summary", tmp_path / "s.json", records=pages)
    assert done.code == 0, done.stderr
    texts = {record["id"]: record for record in done.records}
    first = texts["shop.example-3"]
    assert first["text"] == pages[3]["text"].split("\n")[1]
    assert first["metadata"]["mind"]["clean"]["site_share"] > 0.3
    assert texts["small.example-3"] == pages[23], "five pages prove nothing"
    summary = orjson.loads((tmp_path / "s.json").read_bytes())
    assert (summary["in"], summary["kept"]) == (25, 25)
    assert summary["details"]["site_phrases.changed"] == 20


def test_a_page_that_says_little_else_can_be_dropped(tmp_path: Path) -> None:
    pages = [site_page(n) for n in range(20)]
    pages.append({"id": "empty", "text": f"{MENU}\n{NOTICE}0", "url": "https://shop.example/e"})
    pages.append(
        {"id": "short", "text": f"{MENU}\n短。\n{NOTICE}0", "url": "https://shop.example/s"}
    )
    steps = ["--step", "site_phrases", "--step", "site_phrase_share"]
    done = clean(
        *steps, "--set", "site_phrase_share.max=0.8", "--rejects", tmp_path / "r.zst",
        records=pages,
    )  # fmt: skip
    assert len(done.records) == 20
    why = {r["id"]: r["metadata"]["mind"]["rejected"] for r in read_records([tmp_path / "r.zst"])}
    assert (why["empty"]["step"], why["empty"]["reason"]) == ("site_phrases", "no_text")
    assert (why["short"]["step"], why["short"]["reason"]) == ("site_phrase_share", "site_phrases")
    assert why["short"]["value"] > 0.8 == why["short"]["threshold"]


@pytest.mark.parametrize(
    ("option", "unchanged"),
    [
        ('spare=["shop.example"]', True),
        ('spare=["example"]', True),
        ('spare=["op.example"]', False),
        ("min_pages=21", True),
        ("min_share=1.0", False),
        ("remove=false", False),
        ('site="source"', True),
        ('memory="64K"', False),
    ],
)
def test_site_options(option: str, unchanged: bool) -> None:
    pages = [site_page(n) for n in range(20)]
    done = clean("--step", "site_phrases", "--set", f"site_phrases.{option}", records=pages)
    assert (done.records == pages) is unchanged, option
    if option == "remove=false":
        assert [r["text"] for r in done.records] == [p["text"] for p in pages]


def test_phrases_inside_a_line() -> None:
    pages = [
        site_page(n, own=f"{'一二三四五六七八九'[n % 9]}。欢迎关注我们的公众号。")
        for n in range(20)
    ]
    by_line = clean("--step", "site_phrases", records=pages).records
    assert "公众号" in by_line[0]["text"]
    by_phrase = clean(
        "--step", "site_phrases", "--set", "site_phrases.unit=phrase", records=pages
    ).records
    assert "公众号" not in by_phrase[0]["text"]


def test_code_stays() -> None:
    pages = [
        {"id": str(n), "url": f"https://docs.example/{n}",
         "text": f"Page {chr(97 + n)} is on it.\nelse:\n    return the same old value\nEnd Sub"}
        for n in range(20)
    ]  # fmt: skip
    assert clean("--step", "site_phrases", records=pages).records == pages


@pytest.mark.parametrize("jobs", [1, 3])
def test_one_process_equals_a_chain_of_all_steps(tmp_path: Path, jobs: int) -> None:
    """The two walks of site_phrases see the same records in both."""
    page = "<article>" + "<p>{}：清明前后，杭州的茶农便上山采茶，一芽一叶的嫩芽最为珍贵。</p>" * 4
    end = f"<p>{NOTICE}</p></article>"
    pages = [
        {"id": str(n), "url": f"https://tea.example/{n}", "source": "tea",
         "html": page.format(*(chr(0x4E00 + 9 * n + k) * 3 for k in range(4))) + end}
        for n in range(30)
    ]  # fmt: skip
    whole = clean("-j", str(jobs), records=pages)
    assert NOTICE not in whole.records[0]["text"]
    recipe = clean("--print-recipe", records=[]).stdout.decode()
    import tomllib

    steps = [
        next(step[kind] for kind in ("extractor", "transform", "filter") if kind in step)
        for step in tomllib.loads(recipe)["step"]
    ]
    stream: Any = b"".join(orjson.dumps(page) + b"\n" for page in pages)
    for step in steps:
        done = run_tool("mind-clean", ["--step", step, "-q"], stream)
        assert done.code == 0, done.stderr
        stream = done.stdout
    plain = run_tool("mind-clean", ["-z", "0", "--step", "emoji"], stream).stdout
    assert plain == whole.stdout


HAN_RUN = re.compile(f"(?:[{HAN}][^{HAN}]*+){{4}}")
THREE_WORDS = re.compile(r"(?<![^\W\d_])(?:[^\W\d_]{2,}+[\W\d_]++){2}[^\W\d_]{2}")


def plain_key(piece: str) -> str | None:
    """What makes two phrases the same, None for no phrase: what the kernel must equal."""
    if piece[:1] in (" ", "\t", "") or not (HAN_RUN.search(piece) or THREE_WORDS.search(piece)):
        return None
    return re.sub("[0-9０-９]+", "0", "".join(piece.split()).casefold())


def assert_keys_are_plain(text: str) -> None:
    keys, ends = site_keys("site", text)
    assert ends.tolist()[-1] == len(text)
    pieces = [text[start:end] for start, end in pairwise([0, *ends.tolist()])]
    assert pieces == [*(line + "\n" for line in text.split("\n")[:-1]), text.split("\n")[-1]]
    plain = [plain_key(piece) for piece in pieces]
    assert [key > 0 for key in keys[1:].tolist()] == [known is not None for known in plain]
    pairs = {(key, known) for key, known in zip(keys[1:].tolist(), plain, strict=True) if key}
    assert len({key for key, _ in pairs}) == len(pairs) == len({known for _, known in pairs})


@given(
    st.lists(st.text("aBß1１ _\t中文字符,\u3000ŉİé\udc80", max_size=25), max_size=8).map("\n".join)
)
def test_keys_of_lines_equal_the_plain_way(text: str) -> None:
    assert_keys_are_plain(text)


def test_keys_know_every_character() -> None:
    everything = [*range(0x20000), *range(0x20000, 0x40000, 97), *range(0x40000, 0x110000, 997)]
    for pattern in ("one two t{}", "one two three{}", "one{0}{0}two three", "中文字{}"):
        lines = [pattern.format(chr(c)) for c in everything if c != 10]
        assert_keys_are_plain("\n".join(lines))


def test_keys_tell_sites_apart() -> None:
    line = "Home page of our shop\n"
    keys = {int(site_keys(site, line)[0][1]) for site in ("a.example", "b.example", "", "\n")}
    assert len(keys) == 4
    keys = {int(site_keys(site, "")[0][0]) for site in ("a.example", "b.example", "", "\n")}
    assert len(keys) == 4
    assert site_keys("ab", "c一二三四")[0][1] != site_keys("a", "bc一二三四")[0][1]


@given(
    st.lists(st.text("ab。中文！.? |·›\n", max_size=30), max_size=5).map(
        lambda parts: "".join(parts)
    )
)
def test_phrases_inside_lines_are_those_of_the_plain_way(text: str) -> None:
    ends = SitePhrases(unit="phrase")._ends(text)
    assert ends is not None
    found = [text[start:end] for start, end in pairwise([0, *ends.tolist()]) if end > start]
    borders = "(?<=[。！？；…|｜\n])|(?<=[.!?;] )|(?<= [-–—·•»›>] )"
    assert found == [part for part in re.split(borders, text) if part]
