"""`loop`: the whole rule on a tiny model, its statistics, and going on from where it stood."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import numpy as np
import pytest

from mind_core import MindError, Record
from mind_core.errors import UsageError
from mind_core.records import encode
from mind_sft_select.choosing import Chosen
from mind_sft_select.loop import arms
from mind_sft_select.loop.arms import band_arm, baseline_arms, cell_name, tokens_by_language
from mind_sft_select.loop.compare import compare, holm, paired, rule_verdict
from mind_sft_select.loop.data import macro_weights
from mind_sft_select.loop.differential_arm import differential_arm, standing
from mind_sft_select.loop.estimate import estimate_lines
from mind_sft_select.loop.margins import margin_of
from mind_sft_select.loop.plan_file import SCALES, LoopPlan, read_plan
from mind_sft_select.loop.run import _same_plan, run_loop
from mind_sft_select.loop.state import Loop

TOPICS = ("水", "温度", "地理", "历史", "boiling water", "the capital", "a poem", "numbers")


def instructions(first: int, count: int) -> list[Record]:
    made = []
    for n in range(first, first + count):
        topic = TOPICS[n % 8]
        answer = (
            f"{topic}是很常见的。第{n}种说法。" if n % 8 < 4 else f"It is about {topic}, case {n}."
        )
        made.append({"id": f"r{n}", "instruction": f"{topic} {n}?", "output": answer * (1 + n % 4)})
    return made


@pytest.fixture(scope="module")
def plan_file(model_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("loop")
    (folder / "a.jsonl").write_bytes(b"".join(map(encode, instructions(0, 160))))
    (folder / "b.jsonl").write_bytes(b"".join(map(encode, instructions(1000, 40))))
    texts = [{"text": f"{t}是很常见的。" if i < 4 else f"About {t}."} for i, t in enumerate(TOPICS)]
    (folder / "held.jsonl").write_bytes(b"".join(map(encode, texts)))
    (folder / "plan.toml").write_text(
        f'model = "{model_folder}"\ndata = ["a.jsonl"]\nheldout = ["held.jsonl"]\n'
        'evaluation = ["b.jsonl"]\nclusters = 4\nby = "quantile"\nseeds = 2\nbaseline_seeds = 2\n'
        'budget = 150\nsteps = 2\nbatch = 2\nbenchmarks = ["mmlu"]\nbenchmark_items = 6\n'
        'baselines = ["random", "random-length", "lowest", "differential"]\n'
        "band = [-9.0, 9.0]\nlr = 1e-3\n"
    )
    return folder / "plan.toml"


def test_a_loop_runs_to_its_page_and_does_nothing_twice(plan_file: Path, tmp_path: Path) -> None:
    plan, said = read_plan(plan_file), []
    result = run_loop(plan, tmp_path / "out", said.append)
    assert len([line for line in said if line.startswith("tuning")]) == 8 * 2 + 5 * 2
    assert set(result["arms"]) == {
        *(f"cluster-{n:02d}" for n in range(8)), "band", "random", "random-length", "lowest",
        "differential",
    }  # fmt: skip
    for arm in result["arms"].values():
        assert all(110 <= spent <= 150 for spent in arm["tokens"]), "equal answer tokens"
        assert arm["seeds"] == 2 and all(np.isfinite(arm["loss"]))
    assert set(result["fits"]) == {"en", "zh"}
    for fit in result["fits"].values():
        assert fit["verdict"] in ("peak", "edge", "no effect", "cannot tell")
    assert {(r["baseline"], r["language"]) for r in result["differences"]} == {
        (b, w) for b in ("random", "random-length", "lowest", "differential") for w in ("en", "zh")
    }
    assert result["verdict"] in ("confirmed", "contradicted", "not decided at this size")
    items = result["evaluation_items"]
    assert items["fit"] + items["compare"] == 40 and min(items.values()) > 10
    page = (tmp_path / "out" / "page.md").read_text("utf-8")
    assert f"**{result['verdict']}**" in page and "Jaccard" in page and "random-length" in page
    for name in ("histogram-zh.svg", "curve-zh.svg", "loop.json", "manifest.json"):
        assert (tmp_path / "out" / name).is_file()
    for arm in result["choices"].values():
        figures = arm["en"]
        assert figures["items"] == 6 and figures["chance"] == 0.25
        assert len(figures["margin"]) == 2 and all(np.isfinite(figures["margin"]))
    assert {row["baseline"] for row in result["margin_differences"]} == {
        "random", "random-length", "lowest", "differential"
    }  # fmt: skip
    assert "## Choices" in page and "## Where the band stands among differentials" in page
    for figures in result["differential"].values():
        assert -1 <= figures["spearman"] <= 1 and 0 <= figures["band_rank"] <= 1
    before = (tmp_path / "out" / "loop.json").read_bytes()
    again: list[str] = []
    run_loop(plan, tmp_path / "out", again.append)
    assert not again and (tmp_path / "out" / "loop.json").read_bytes() == before
    (cell,) = (tmp_path / "out" / "cells").glob("random-seed1-*")
    (cell / "cell.json").unlink()
    run_loop(plan, tmp_path / "out", again.append)
    assert len(again) == 1 and again[0].startswith("tuning random, seed 1")
    assert (tmp_path / "out" / "loop.json").read_bytes() == before
    plan_file.write_text(plan_file.read_text().replace("steps = 2", "steps = 3"))
    with pytest.raises(UsageError, match="begun with another plan: steps"):
        run_loop(read_plan(plan_file), tmp_path / "out", again.append)
    plan_file.write_text(plan_file.read_text().replace("steps = 3", "steps = 2"))


def test_a_dry_run_says_runs_tokens_and_minutes(plan_file: Path) -> None:
    lines = "\n".join(estimate_lines(read_plan(plan_file)))
    assert "16 runs of clusters" in lines and "10 of baselines and the band" in lines
    assert "minutes" in lines and "384 tokens a run" in lines and "6 items of mmlu" in lines


def test_a_cost_is_runs_times_tokens_by_the_measured_rate(
    plan_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mind_train.bench.bench", lambda *_: {"tokens_per_second": 1000.0})
    plan = dataclasses.replace(read_plan(plan_file), clusters=3, seeds=3, baseline_seeds=5)
    runs, size, cost, _ = estimate_lines(plan)
    assert runs == "18 runs of clusters (two languages), 25 of baselines and the band"
    assert size == "2 steps of 2 × 96 tokens: 384 tokens a run"
    assert cost.startswith("about 0.3 minutes of training at 1,000 tokens/s")  # 16.5 s


def test_the_sizes_of_a_plan_are_those_of_the_scale_cpu_and_one_is_enough(plan_file: Path) -> None:
    defaults = {field.name: field.default for field in dataclasses.fields(LoopPlan)}
    for name, value in SCALES["cpu"].items():
        assert defaults[name] == (tuple(value) if isinstance(value, list) else value), name
    least = dataclasses.replace(
        read_plan(plan_file),
        limit=1,
        items=1,
        seeds=1,
        baseline_seeds=1,
        budget=1,
        steps=1,
        batch=1,
    )
    least.check()
    for name in ("limit", "items", "seeds", "baseline_seeds", "budget", "steps", "batch"):
        with pytest.raises(UsageError, match=f"^{name} is 0$"):
            dataclasses.replace(least, **{name: 0}).check()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("steps = 2", "stepps = 2"), "no key 'stepps'"),
        (("steps = 2", "steps = 0"), "steps is 0"),
        (("steps = 2", 'steps = "x"'), "steps is 'x'"),
        (('evaluation = ["b.jsonl"]', 'evaluation = ["a.jsonl"]'), "data and evaluation"),
        (('heldout = ["held.jsonl"]', ""), "has no 'heldout'"),
        (('data = ["a.jsonl"]', 'data = ["none.jsonl"]'), "cannot read"),
        (('"lowest"', '"best"'), "'best' is not known"),
        (('"random", ', ""), "differential without random"),
        (("benchmark_items = 6", "benchmark_items = 0"), "benchmark_items is 0"),
    ],
)
def test_a_plan_that_cannot_be_run_is_refused(
    plan_file: Path, change: tuple[str, str], message: str
) -> None:
    path = plan_file.with_name("wrong.toml")
    path.write_text(plan_file.read_text().replace(*change))
    with pytest.raises((UsageError, MindError), match=message):
        read_plan(path)


@pytest.mark.parametrize(("name", "message"), [("mmlv", "mmlv"), ("gsm8k", "gsm8k has no choices")])
def test_a_benchmark_without_choices_is_refused_before_anything_is_written(
    plan_file: Path, tmp_path: Path, name: str, message: str
) -> None:
    path = plan_file.with_name("choices.toml")
    path.write_text(plan_file.read_text().replace('"mmlu"', f'"{name}"'))
    with pytest.raises(UsageError, match=message):
        run_loop(read_plan(path), tmp_path / "out", print)
    assert not (tmp_path / "out").exists()


def test_the_margin_is_the_right_choice_less_the_mean_of_the_wrong_ones_by_byte() -> None:
    # per byte: -1, -2, -3; "水水" has six bytes
    assert margin_of([-2.0, -4.0, -18.0], ["ab", "cd", "水水"], 0) == (pytest.approx(1.5), 1.0)
    assert margin_of([-2.0, -4.0, -18.0], ["ab", "cd", "水水"], 2) == (pytest.approx(-1.5), 0.0)
    assert margin_of([-2.0, -2.0], ["ab", "cd"], 0) == (0.0, 0.0), "a tie is not right"


def loop_of(tokens: list[int], words: list[str], budget: int = 20) -> Loop:
    """A loop over records of so many tokens and such languages, entropies falling."""
    pool = SimpleNamespace(
        number=lambda name: np.array(tokens if name == "tokens" else range(len(tokens), 0, -1)),
        words={"language": words},
        languages=lambda: sorted(set(words)),
        in_language=lambda language: np.array([word == language for word in words]),
    )
    plan = SimpleNamespace(budget=budget, baseline_seeds=2, baselines=["random", "lowest"])
    data = SimpleNamespace(pool=pool, item_languages=["en", "zh"] if "zh" in words else ["en"])
    return cast(Loop, SimpleNamespace(plan=plan, data=data))


def test_the_differential_arm_takes_the_lowest_of_what_was_not_learned() -> None:
    values = np.array([-3.0, -2.0, np.nan, 0.5, -1.0])
    loop = loop_of([10] * 5, ["en"] * 5)
    assert differential_arm(loop, values, range(5), {0: [0, 3]}) == {0: [1, 4]}
    assert differential_arm(loop, values, [0, 3, 4], {0: [1], 1: [3, 4]}) == {0: [0], 1: [0, 4]}
    chosen = cast(Chosen, SimpleNamespace(kept=[0, 4]))
    found = standing(loop, values, chosen)["en"]
    # ranks of -3, -2, 0.5, -1 among four: 0, 1/3, 1, 2/3; entropies 5, 4, 2, 1
    assert found["records"] == 4 and found["median"] == -1.5
    assert found["band_rank"] == pytest.approx(1 / 3, abs=1e-4)
    assert found["spearman"] == pytest.approx(-0.8)


def test_the_band_and_its_baselines_have_as_many_tokens_in_each_language(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    loop = loop_of([10] * 12, ["en"] * 2 + ["zh"] * 8 + ["en"] * 2, budget=100)
    monkeypatch.setattr(arms, "candidates", lambda _: list(range(12)))
    band = band_arm(loop, cast(Chosen, SimpleNamespace(kept=[0, *range(2, 9)])))
    assert [len(places) for places in band.values()] == [8, 8], "the only one of en, all of zh"
    found = baseline_arms(loop, band)
    for name in ("random", "lowest"):
        for places in found[name].values():
            assert tokens_by_language(loop, places) == {"en": 10, "zh": 70}
    assert found["lowest"][0] == [3, 4, 5, 6, 7, 8, 9, 11]
    # Without a band, baselines have the budget's parts.
    found = baseline_arms(loop, {0: []})
    assert tokens_by_language(loop, found["random"][0]) == {"en": 40, "zh": 50}
    rich = cast(Chosen, SimpleNamespace(kept=list(range(12))))
    loop.plan.budget = 60  # type: ignore[misc]
    assert tokens_by_language(loop, band_arm(loop, rich)[0]) == {"en": 30, "zh": 30}


def test_seeds_are_added_to_a_loop_and_another_plan_is_not(tmp_path: Path) -> None:
    plan = LoopPlan("run", ("a",), ("b",), ("c",))
    _same_plan(plan, tmp_path)
    _same_plan(dataclasses.replace(plan, seeds=4, baseline_seeds=9), tmp_path)
    with pytest.raises(UsageError, match="begun with another plan: lr"):
        _same_plan(dataclasses.replace(plan, lr=1.0), tmp_path)
    assert cell_name("band", 0, [1, 2]) != cell_name("band", 0, [1, 3])
    assert cell_name("cluster-01", 0, [1]) == "cluster-01-seed0"


def test_macro_weights_give_languages_and_strata_the_same_say() -> None:
    entropies = np.array([1.0] * 8 + [9.0] * 2 + [5.0, 6.0])
    languages = ["en"] * 10 + ["zh"] * 2
    weights = macro_weights(entropies, languages)
    assert weights.sum() == pytest.approx(12)
    assert weights[:8].sum() == pytest.approx(weights[8:10].sum())
    assert weights[:10].sum() == pytest.approx(weights[10:].sum())


def test_holm_is_holms() -> None:
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.9, 0.5]) == [1.0, 1.0] and holm([]) == []


def losses(shift: float, seeds: int = 5, items: int = 200, seed: int = 0) -> np.ndarray:
    base = 5 + np.random.default_rng(1).standard_normal(items)
    rng = np.random.default_rng(seed)
    return (
        base + shift + 0.01 * rng.standard_normal((seeds, 1))
        + 0.1 * rng.standard_normal((seeds, items))
    )  # fmt: skip


def test_paired_differences_cover_the_truth() -> None:
    covered = 0
    for number in range(60):
        band, other = losses(-0.02, seed=number), losses(0.0, seed=1000 + number)
        mean, error, _ = paired(band, other, np.ones(200))
        covered += abs(mean + 0.02) <= 2.8 * error  # t of four degrees of freedom
    assert covered >= 55


def test_the_rule_is_confirmed_contradicted_or_not_decided() -> None:
    languages = ["zh", "en"] * 100
    weights = np.ones(200)
    for shift, verdict in ((-0.2, "confirmed"), (0.2, "contradicted"),
                           (0.0, "not decided at this size")):  # fmt: skip
        arms = {"band": losses(shift, seed=1), "random": losses(0.0, seed=2),
                "random-length": losses(0.0, seed=3), "longest": losses(-0.5, seed=4)}  # fmt: skip
        found = compare(arms, languages, weights)
        assert len(found) == 6
        name, detectable = rule_verdict(found)
        assert name == verdict and 0 < detectable < 0.1
    assert json.dumps([row.as_dict() for row in found])
    equal = {"band": [950, 960], "random": [1000, 990], "random-length": [1000, 1000]}
    assert rule_verdict(found, equal)[0] == "not decided at this size"
    # A band of few records loses by its size, which says nothing of the rule.
    worse = compare({**arms, "band": losses(0.2, seed=1)}, languages, weights)
    assert rule_verdict(worse, equal)[0] == "contradicted"
    small = {**equal, "band": [300, 310]}
    verdict, detectable = rule_verdict(worse, small)
    assert verdict.startswith("not tested") and not np.isfinite(detectable)
    assert rule_verdict([])[0] == "not tested: the band holds no record"
    lacking = rule_verdict(found, equal, {"en": 0, "zh": 960})
    assert lacking == ("not tested: the band holds no record of en", np.inf)
