"""What people read of a run: tables of tokenizers, counts of languages, tokens and cuts."""

from __future__ import annotations

from typing import Any

import pytest

from mind_core.summary import Summary
from mind_tok.pipeline import _cut, _languages, _tokens
from mind_tok.sampling import Sample
from mind_tok.table import as_comparison, as_table


def row(language: str, source: str, characters: int, rate: float | None) -> dict[str, Any]:
    return {
        "language": language, "source": source, "documents": 1200, "bytes": 3 * characters,
        "characters": characters, "tokens": 700, "bytes_per_token": rate,
        "tokens_per_character": rate, "coverage": None if rate is None else 0.98765,
    }  # fmt: skip


def report(rate: float | None, different: int) -> dict[str, Any]:
    first = {"position": "f:3", "character": 1234, "text": "a ", "decoded": "a"}
    return {
        "tokenizer": {"component": "bpe", "vocab_size": 32000},
        "vocabulary": {
            "kinds": {"text": 31000, "byte": 256}, "unused": 1500, "unused_share": 0.0484,
            "unused_examples": [{"id": 7, "text": "x", "used": 0}],
            "longest": [{"id": 31999, "text": "long", "used": 4321}],
        },
        "groups": [row("zh", "a" * 41, 5000, rate)], "languages": [row("zh", "", 5000, rate)],
        "total": row("", "", 5000, rate),
        "round_trip": {"different": different, "documents": 1200, "first": first},
    }  # fmt: skip


def cells(text: str) -> list[list[str]]:
    return [line.split() for line in text.splitlines()]


def test_a_tokenizer_is_described_with_its_groups_and_totals() -> None:
    shown = as_table(report(1.23456, 0))
    assert shown.startswith("bpe tokenizer of 32,000 entries: 31,000 text, 256 byte\n\n")
    numbers = ["1,200", "15,000", "5,000", "700", "1.235", "1.235", "98.765%"]
    found = cells(shown)
    assert [line[2:] for line in found[3:6]] == [numbers] * 3
    assert [line[:2] for line in found[3:6]] == [
        ["zh", "a" * 39 + "…"], ["zh", "(all)"], ["(all)", "(all)"]
    ]  # fmt: skip
    assert "unused: 1,500 of the text entries (4.8%)\n        7  'x'  0x\n" in shown
    assert "longest:\n    31999  'long'  4,321x\n" in shown
    assert shown.endswith("\nround trip: exact in all 1,200 documents\n")


def test_texts_that_differ_and_rates_of_nothing_are_shown() -> None:
    shown = as_table(report(None, 1100))
    assert cells(shown)[5][-3:] == ["-", "-", "-"]
    assert "1,100 of 1,200 documents differ; the first one at f:3, character 1,234:\n" in shown
    assert shown.endswith("  text     'a '\n  decoded  'a'\n")


def test_tokenizers_stand_side_by_side() -> None:
    shown = cells(as_comparison(["one", "two"], [report(0.5, 0), report(None, 1100)]))
    assert shown[0] == ["tokens", "per", "character"]
    assert shown[1] == ["language", "source", "characters", "one", "two"]
    rows = {tuple(line[:2]): line for line in shown}
    assert rows["entries", "32,000"][2:] == ["32,000"]
    assert rows["zh", "(all)"][2:] == rows["(all)", "(all)"][2:] == ["5,000", "0.500", "-"]
    assert rows["zh", "a" * 39 + "…"][2:] == ["5,000", "0.500", "-"]
    assert shown[-4] == ["bytes", "a", "token", "0.500", "-"]
    assert shown[-3] == ["coverage", "98.765%", "-"]
    assert shown[-2] == ["unused", "4.8%", "4.8%"]
    assert shown[-1] == ["texts", "that", "differ", "0", "1,100"]


def test_tokens_of_each_split_add_up() -> None:
    train = {"a": {"zh": {"tokens": 1000}, "en": {"tokens": 2}}, "b": {"zh": {"tokens": 3}}}
    counts = {"train": train, "validation": {"a": {"zh": {"tokens": 4}}}}
    assert _tokens(counts) == "1,005 train tokens, 4 validation tokens"
    assert _tokens({}) == "no tokens"


def test_cut_messages_are_told_if_there_are_any() -> None:
    summary = Summary("mind-tok")
    assert _cut(summary) == ""
    summary.details |= {"cut_messages": 1200, "cut_conversations": 1100}
    assert _cut(summary) == "; 1,200 unanswered messages cut from 1,100"


@pytest.mark.parametrize(("count", "end"), [(4, "l1 (1.0)"), (5, "l1 (1.0) and 1 more")])
def test_the_four_largest_languages_are_named(count: int, end: str) -> None:
    sample = Sample(1)
    sample.drawn = {
        f"l{n}": {"documents": 1, "bytes": n * 1_000_000} for n in range(5 - count, 5)
    }  # fmt: skip
    named = _languages(sample)
    assert named.startswith("l4 (4.0)") and end in named
