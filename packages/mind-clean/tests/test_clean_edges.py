"""Bounds hold on both sides, reasons do not depend on the order of sets, counts are exact."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import orjson
import pytest
from typer.testing import CliRunner

from mind_clean.cli import app
from mind_clean.filters.han_count import HanCount
from mind_clean.filters.language import Language
from mind_clean.filters.phrase_shares import RepeatedPhraseShare, SitePhraseShare
from mind_clean.filters.running_text import RunningText
from mind_clean.filters.sensitive_words import SensitiveWords
from mind_clean.filters.text_density import TextDensity
from mind_clean.filters.url import Url
from mind_clean.transforms.emoji import without_emoji


def noted(text: str = "text", **notes: Any) -> dict[str, Any]:
    return {"text": text, "metadata": {"mind": {"clean": notes}}}


def at(length: int, host: str = "example.org") -> dict[str, Any]:
    start = f"https://{host}/"
    return {"text": "", "url": start + "x" * (length - len(start))}


def hosted(host: str) -> dict[str, Any]:
    return {"text": "", "url": f"https://{host}/"}


BOUNDS: tuple[tuple[Any, dict[str, Any], dict[str, Any], str], ...] = (
    (Url(), at(1000), at(1001), "long_address"),
    (Url(), hosted(f"{'h' * 50}.{'h' * 45}.org"), hosted(f"{'h' * 50}.{'h' * 46}.org"),
     "long_host"),
    (Url(), hosted("a-b-c-d-e.org"), hosted("a-b-c-d-e-f.org"), "many_hyphens"),
    (Url(bare_addresses=False), hosted("1.2.3"), hosted("1.2.3.4"), "bare_address"),
    (TextDensity(), noted(density=0.75), noted(density=0.7499), "low_density"),
    (TextDensity(min=0.0), noted(density=0.0), noted(density=-0.1), "low_density"),
    (RunningText(), noted(running_text=800), noted(running_text=799, density=0.7499),
     "little_text"),
    (RunningText(), noted(running_text=200, density=0.75), noted(running_text=199, density=1.0),
     "little_text"),
    (HanCount(), noted("茶" * 100), noted("茶" * 99), "few_han"),
    (Language(), noted(language="zh", language_score=0.5),
     noted(language="zh", language_score=0.4999), "unsure_language"),
    (RepeatedPhraseShare(), noted(repeated_share=0.2), noted(repeated_share=0.2001),
     "repeated_phrases"),
    (SitePhraseShare(), noted(site_share=0.8), noted(site_share=0.8001), "site_phrases"),
)  # fmt: skip


@pytest.mark.parametrize(("rule", "passes", "drops", "reason"), BOUNDS)
def test_a_bound_itself_passes_and_the_next_value_does_not(
    rule: Any, passes: dict[str, Any], drops: dict[str, Any], reason: str
) -> None:
    assert rule(passes) is None
    assert str(rule(drops)) == reason


def test_a_lexicon_rule_is_exact_in_number_and_share(tmp_path: Path) -> None:
    lexicon = tmp_path / "words.txt"
    lexicon.write_text("甲乙\n丙丁\n戊己\n", "utf-8")
    rule = SensitiveWords(lexicon=str(lexicon), min_distinct=3, min_density=0.06)
    words = "甲乙丙丁戊己"
    assert rule(noted(words + "字" * 95)) is None  # 6 of 101 characters
    found = rule(noted(words + "字" * 94))
    assert found is not None and found.value == {
        "density": 0.06, "distinct": 3, "words": ["甲乙", "丙丁", "戊己"],
    }  # fmt: skip
    assert rule(noted("甲乙丙丁" * 9)) is None


def test_what_an_address_is_dropped_for_does_not_depend_on_the_order_of_a_set(
    tmp_path: Path,
) -> None:
    words = sorted(f"{a}{b}word" for a in "qwertzuiop" for b in "asdfghjkl")
    hard, soft = tmp_path / "hard.txt", tmp_path / "soft.txt"
    hard.write_text("\n".join(words[::2]), "utf-8")
    soft.write_text("\n".join(words[1::2]), "utf-8")
    address = {"text": "", "url": "https://example.org/" + "/".join(reversed(words))}
    open_address = Url(words=str(hard), soft_words=str(soft), seed=False, max_length=0)
    found = open_address(address)
    assert found is not None and (str(found), found.value) == ("hard_word", words[0])
    found = Url(soft_words=str(soft), seed=False, max_length=0)(address)
    assert found is not None and (str(found), found.value) == ("soft_words", words[1::2])


@pytest.mark.parametrize("sign", ["❤️", "☺️", "✌️", "❤", "👨\u200d", "❤️\u200d🔥", "✌🏽"])
def test_runs_of_emoji_take_no_time(sign: str) -> None:
    started = time.process_time()
    assert without_emoji(f"Great{sign * 20_000}!") == "Great!"
    assert without_emoji(f"so{sign * 20_000}good") == "so good"
    assert time.process_time() - started < 0.5  # 24 hearts took 3 seconds, 28 took 40


def test_counts_of_a_run_go_on_behind_the_first_batch(tmp_path: Path) -> None:
    """Every tenth of 4,000 records has an emoji, every fifth is one character too short."""
    stream, summary, rejects = (tmp_path / name for name in ("in", "summary", "rejects"))
    lines = []
    for number in range(4000):
        text = "茶" * (99 if number % 5 == 1 else 100) + "，" * 400
        lines.append(orjson.dumps({"id": f"{number}", "text": text + "😀" * (number % 10 == 0)}))
    stream.write_bytes(b"\n".join(lines))  # 6 MB: several batches
    done = CliRunner().invoke(
        app,
        [str(stream), "--step", "emoji", "--step", "han_count", "--summary", str(summary), "-q",
         "-o", str(tmp_path / "out"), "-z", "0", "--rejects", str(rejects), "-j", "2"],
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    told = orjson.loads(summary.read_bytes())
    assert (told["in"], told["kept"], told["rejected"]) == (4000, 3200, {"han_count.few_han": 800})
    assert told["details"]["emoji.changed"] == 400
    assert told["details"]["emoji.characters_removed"] == 400
    kept = [orjson.loads(line) for line in (tmp_path / "out").read_bytes().splitlines()]
    assert [r["id"] for r in kept] == [f"{n}" for n in range(4000) if n % 5 != 1]
    assert {len(r["text"]) for r in kept} == {500}
