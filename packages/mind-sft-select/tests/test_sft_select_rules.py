"""Bands, quantiles, clusters, references and recipes: small rules by themselves."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mind_core.errors import UsageError
from mind_sft_select.bands import Band, parse_pair, quantile, quantile_band
from mind_sft_select.clusters import Clusters, fit_clusters
from mind_sft_select.config import effective_recipe, make_config
from mind_sft_select.pipeline import make_plugins
from mind_sft_select.references import Reference, parse_reference
from mind_sft_select.score_stats import rank_correlation

FLOATS = st.floats(-50, 50)


def test_a_band_keeps_its_edges_and_says_what_was_missed() -> None:
    band = Band(1.0, 1.5, {"zh": (0.0, 0.5)})
    assert [band.verdict(gap, "en") for gap in (0.999, 1.0, 1.5, 1.501)] == [
        "below_band", None, None, "above_band",
    ]  # fmt: skip
    reason = band.verdict(0.7, "zh")
    assert reason == "above_band" and (reason.value, reason.threshold) == (0.7, 0.5)


@given(st.lists(FLOATS, min_size=1, max_size=60), st.floats(0, 1))
def test_quantiles_are_numpys(values: list[float], share: float) -> None:
    expected = float(np.quantile(values, share))
    assert quantile(sorted(values), share) == pytest.approx(expected, abs=1e-9)


def test_a_quantile_band_is_by_language_or_over_all() -> None:
    gaps = {"zh": [0.0, 1.0, 2.0, 3.0, 4.0], "en": [10.0, 11.0, 12.0], "und": []}
    each = quantile_band(gaps, 0.25, 0.75, per_language=True)
    assert each.by_language == {"zh": (1.0, 3.0), "en": (10.5, 11.5)}
    both = quantile_band(gaps, 0.0, 0.5, per_language=False)
    assert (both.low, both.high, both.by_language) == (0.0, 3.5, {})
    with pytest.raises(UsageError, match="not within 0"):
        quantile_band(gaps, 0.5, 1.5, per_language=True)


def test_pairs_and_references_are_read_or_refused() -> None:
    assert parse_pair("1.0,1.5", "--band") == (1.0, 1.5)
    for text in ("1", "2,1", "a,b", "1,2,3"):
        with pytest.raises(UsageError, match="--band"):
            parse_pair(text, "--band")
    reference = parse_reference("zh=3.9,en=3.1,all=3.5")
    assert [reference.of(language) for language in ("zh", "en", "fr")] == [3.9, 3.1, 3.5]
    assert parse_reference("3.2").of("zh") == 3.2
    assert parse_reference("zh=3.9").of("en") is None
    assert Reference({"zh": 1.0, "all": 2.0}, per_language=False).of("zh") == 2.0
    for text in ("zh=high", "nan", "zh=3,en=inf"):
        with pytest.raises(UsageError, match="no number"):
            parse_reference(text)
    with pytest.raises(UsageError, match="one number for all"):
        parse_reference("zh=3.9", per_language=False)


def test_clusters_are_in_rising_order_and_found_where_they_are() -> None:
    scores = [1.0, 1.1, 0.9, 5.0, 5.2, 9.0, 9.1, 9.2, 8.9]
    found = fit_clusters(scores, 3, seed=0)
    assert found.centres == pytest.approx((1.0, 5.1, 9.05), abs=1e-5)
    assert found == fit_clusters(scores, 3, seed=0)
    assert [found.of(score) for score in (0.0, 3.04, 3.06, 7.0, 99.0)] == [0, 0, 1, 1, 2]
    described = found.describe(scores)
    assert [row["records"] for row in described] == [3, 2, 4]
    assert (described[2]["from"], described[2]["to"]) == (8.9, 9.2)
    assert Clusters((1.0, 3.0)).of(2.0) == 0, "a tie goes to the lower one"
    with pytest.raises(UsageError, match="--clusters 4 does not fit 3 different scores"):
        fit_clusters([1.0, 2.0, 2.0, 3.0], 4, seed=0)


@given(st.lists(st.tuples(FLOATS, FLOATS), max_size=30))
def test_rank_correlation_is_spearmans(pairs: list[tuple[float, float]]) -> None:
    from scipy.stats import spearmanr

    found = rank_correlation([*pairs, (float("nan"), 1.0)])
    if len(pairs) < 2 or min(len({p[side] for p in pairs}) for side in (0, 1)) < 2:
        assert found is None
    else:
        expected = spearmanr([a for a, _ in pairs], [b for _, b in pairs]).statistic
        assert found == pytest.approx(float(expected), abs=1e-5)


def test_flags_change_the_recipe_and_exclude_each_other() -> None:
    flags = {"quantile": (0.25, 0.75), "scope": "all", "max": 5}
    recipe = effective_recipe(None, flags, ["entropy.long=cut"])
    assert "band" not in recipe.values
    assert recipe.values["quantile"] == [0.25, 0.75] and recipe.values["max"] == 5
    assert [step["scope"] for step in recipe.values["step"]] == ["all", "all"]
    assert recipe.values["step"][0]["long"] == "cut"
    assert effective_recipe(None, {}, ["band=[0.5, 1.0]"]).values["band"] == [0.5, 1.0]
    with pytest.raises(UsageError, match="exclude each other"):
        effective_recipe(None, {"band": (0.0, 1.0), "quantile": (0.0, 1.0)}, [])
    with pytest.raises(UsageError, match="unknown key 'bnd'"):
        effective_recipe(None, {}, ["bnd=1"])


@pytest.mark.parametrize(
    "assignment",
    ["max='x'", "max=-1", "max=true", "max=1.5", "clusters='x'", "clusters=0", "clusters=false"],
)
def test_counts_that_are_none_are_refused(assignment: str) -> None:
    recipe = effective_recipe(None, {"quantile": (0.0, 1.0)}, [assignment])
    with pytest.raises(UsageError, match="must be a whole number from 1"):
        make_config(recipe, make_plugins(), model="", device="cpu", mark=False, seed=0)


def test_quantiles_outside_of_all_shares_are_refused_before_anything_is_scored() -> None:
    recipe = effective_recipe(None, {"quantile": (0.5, 1.5)}, [])
    with pytest.raises(UsageError, match="not within 0"):
        make_config(recipe, make_plugins(), model="", device="cpu", mark=False, seed=0)


def test_a_band_and_a_quantile_take_each_others_place_in_a_recipe(tmp_path: Path) -> None:
    path = tmp_path / "share.toml"
    path.write_text('quantile = [0.25, 0.75]\n[[step]]\nscorer = "entropy"\n')
    found = effective_recipe(str(path), {"band": (0.0, 1.0)}, []).values
    assert found["band"] == [0.0, 1.0] and "quantile" not in found
    assert "band" not in effective_recipe("mindllm", {"quantile": (0.0, 1.0)}, []).values
