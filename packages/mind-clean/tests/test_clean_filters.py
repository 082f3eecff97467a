"""The paper's two thresholds, at their edges."""

from __future__ import annotations

from typing import Any

import pytest

from mind_clean.filters.han_count import HanCount
from mind_clean.filters.text_density import TextDensity
from mind_core.testing import check_filter


def dense(density: Any, text: str = "text") -> dict[str, Any]:
    return {"text": text, "metadata": {"mind": {"clean": {"density": density}}}}


def test_text_density() -> None:
    check_filter(
        TextDensity,
        keeps=[
            dense(0.75),
            dense(1),
            {"text": "never measured"},
            dense("odd"),
            {"text": "", "metadata": 3},
        ],
        drops=[dense(0.7499), dense(0), dense(0.0, "中文")],
    )
    check_filter(TextDensity, keeps=[dense(0.5)], drops=[dense(0.49)], min=0.5)
    reason = TextDensity()(dense(0.2))
    assert reason is not None
    assert (reason, reason.value, reason.threshold) == ("low_density", 0.2, 0.75)


def test_han_count() -> None:
    check_filter(
        HanCount,
        keeps=[
            "茶" * 100,
            "English is not counted.",
            "",
            {"text": "Untranslated", "metadata": {"lang": "zh-CN"}},
        ],
        drops=["茶" * 99, "茶，。" * 99, "茶" * 50 + "tea " * 10, "國" * 99],
    )
    check_filter(HanCount, keeps=["天地玄"], drops=["天地"], min=3)


def test_the_language_that_was_noted_decides() -> None:
    noted = {"text": "茶", "metadata": {"mind": {"clean": {"language": "en"}}}}
    check_filter(HanCount, keeps=[noted], drops=[])


def test_pages_can_be_chosen_by_declaration() -> None:
    declared = {"text": "Untranslated", "metadata": {"lang": "zh-TW"}}
    chinese = {"text": "茶", "metadata": {"lang": "en"}}
    check_filter(HanCount, keeps=[chinese], drops=[declared], pages="declared")
    check_filter(HanCount, keeps=["English"], drops=[declared, chinese], pages="either")
    with pytest.raises(ValueError, match="declared"):
        HanCount(pages="edition")


@pytest.mark.parametrize("share", [75, -0.1, 1.01, float("nan")])
def test_a_density_is_a_share(share: float) -> None:
    with pytest.raises(ValueError, match=r"a share, 0 to 1; 75 % is 0\.75"):
        TextDensity(min=share)
    assert TextDensity(min=0).min == 0 and TextDensity(min=1).min == 1


def test_a_count_is_not_negative() -> None:
    with pytest.raises(ValueError, match="0 or more"):
        HanCount(min=-1)
