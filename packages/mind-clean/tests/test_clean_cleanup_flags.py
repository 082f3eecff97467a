"""A step that trusts the signs of a text does what it would do without them."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from unittest import mock

import pytest

from mind_clean.transforms import (
    cleanup_flag_loop,
    cleanup_flags,
    emoji,
    mojibake,
    unicode,
    whitespace,
)
from mind_core.stream import read_records

DATA = Path(__file__).parents[3] / "tests" / "data" / "pages"
PIECES = (
    " ", "  ", "\t", "\n", "\n\n\n", "\u3000", "\u00a0", "\u2009", "a", "茶", "，", "。", "（",
    "\U00020000", "\U0001f600", "\u2764\ufe0f", "1\ufe0f\u20e3", "\u00a9", "é", "\u200b", "\ufeff",
    "\r", "\u2028", "\x07", "\U000e0041", "\U0001f1e8", "â€™", "ÖÐ¹ú", "第 3 章", "\u200d",
)  # fmt: skip
STEPS: tuple[tuple[object, Callable[[str], str]], ...] = (
    (emoji, emoji.without_emoji),
    (unicode, unicode.normalised),
    (whitespace, whitespace.Whitespace().tidy),
    (whitespace, whitespace.Whitespace(between_han=False).tidy),
    (mojibake, mojibake.repaired),
)


def texts() -> list[str]:
    chance = random.Random(7)
    made = ["".join(chance.choices(PIECES, k=chance.randrange(12))) for _ in range(20_000)]
    real = [r["html"][:3000] for path in sorted(DATA.glob("*.zst")) for r in read_records([path])]
    return [*made, *real[:300]]


@pytest.mark.parametrize(("module", "step"), STEPS)
def test_signs_spare_no_work_that_is_due(module: object, step: Callable[[str], str]) -> None:
    given = texts()
    with mock.patch.object(module, "cleanup_flags", cleanup_flag_loop.search):
        trusting = [step(text) for text in given]
    with mock.patch.object(module, "cleanup_flags", lambda _: cleanup_flags.ALL):
        looking = [step(text) for text in given]
    assert trusting == looking
    # The first texts are not looked at by the loop, and the others are as it says.
    found = cleanup_flags.DeferredLoops(characters=10)
    assert [found.are_worth_loading(text) for text in ("12345", "67890", "1")] == [
        False,
        False,
        True,
    ]
    assert sum(before != after for before, after in zip(given, looking, strict=True)) > 100
