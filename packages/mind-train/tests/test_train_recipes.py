"""What a recipe leaves out is written out; what is typed comes before the environment."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mind_core import MindError, cli
from mind_train.cli import app
from mind_train.components import load_plugins
from mind_train.config import TrainOptions, effective_recipe, whole
from mind_train.models.mindllm import MindLLMConfig
from mind_train.pipeline import plan_lines, prepare_pretrain

Print = Callable[..., dict[str, Any]]


@pytest.fixture
def printed(capfd: pytest.CaptureFixture[str]) -> Print:
    """Give the values that --print-recipe prints."""

    def call(*arguments: str, verb: str = "pretrain") -> dict[str, Any]:
        with pytest.raises(SystemExit) as ended:
            cli.run(app, "mind-train", [verb, "--print-recipe", *arguments])
        out, err = capfd.readouterr()
        assert ended.value.code == 0, err
        return tomllib.loads(out)

    return call


def test_the_seed_that_is_typed_comes_first(
    printed: Print, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    recipe = tmp_path / "mine.toml"
    recipe.write_text("seed = 2\n[train]\nsteps = 3\n")
    given = ("--recipe", str(recipe))
    assert printed(*given)["seed"] == 2
    monkeypatch.setenv("MIND_SEED", "9")
    assert printed(*given)["seed"] == 9
    assert printed(*given, "--set", "seed=5")["seed"] == 5
    assert printed(*given, "--seed", "6")["seed"] == 6
    assert printed(*given, "--seed", "6", "--set", "seed=5")["seed"] == 6


def test_the_printed_recipe_is_whole(printed: Print) -> None:
    values = printed()
    assert set(values["train"]) == set(TrainOptions.__dataclass_fields__)
    assert values["optimizer"] == {
        "name": "adamw", "lr": 1e-3, "beta1": 0.9, "beta2": 0.95, "eps": 1e-8, "weight_decay": 0.1,
    }  # fmt: skip
    assert values["schedule"] == {"name": "cosine", "warmup": 30, "floor": 0.1}
    assert "preset" not in values["model"] and "vocab" not in values["model"]
    model = {key: value for key, value in values["model"].items() if key != "architecture"}
    assert model | MindLLMConfig.presets["tiny"] == model
    assert MindLLMConfig(420, **model) == MindLLMConfig(420, **MindLLMConfig.presets["tiny"])
    assert "model" not in printed(verb="sft")
    assert printed("--recipe", "mindllm-3b")["model"]["vocab"] == 125_700


@pytest.mark.parametrize("name", ["tiny-cpu", "sft-cpu", "mindllm-1.3b", "mindllm-3b"])
def test_a_whole_recipe_stays_as_it_is(name: str, tmp_path: Path) -> None:
    plugins = load_plugins()
    once = whole(effective_recipe(name, [], None), plugins)
    path = tmp_path / "once.toml"
    path.write_text(once.to_toml())
    assert whole(effective_recipe(str(path), [], None), plugins).to_toml() == once.to_toml()


def test_a_preset_that_would_change_nothing_is_refused(tmp_path: Path) -> None:
    plugins = load_plugins()
    path = tmp_path / "tiny.toml"
    path.write_text(whole(effective_recipe("tiny-cpu", [], None), plugins).to_toml())
    with pytest.raises(MindError, match="'50m' would change no size") as caught:
        whole(effective_recipe(str(path), ["model.preset='50m'"], None), plugins)
    assert caught.value.hint
    larger = whole(effective_recipe("tiny-cpu", ["model.preset='50m'"], None), plugins)
    assert larger.values["model"]["dim"] == 640


def test_a_runs_recipe_is_the_whole_one_and_continues_it(
    shards: Path,
    small_run: Callable[..., list[str]],
    printed: Print,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:
    run = tmp_path / "run"
    changes = [f"--set={c}" for c in ["model={}", *small_run(steps=2)]]
    for options in (changes, ["--recipe", str(run / "recipe.toml")]):
        with pytest.raises(SystemExit) as ended:
            cli.run(app, "mind-train", ["pretrain", str(shards), "-o", str(run), "-q", *options])
        assert ended.value.code == 0, capfd.readouterr().err
    assert "is complete" in capfd.readouterr().err
    assert tomllib.loads((run / "recipe.toml").read_text()) == printed(*changes)


def test_a_rate_that_is_too_high_for_the_model_is_said(shards: Path) -> None:
    def notes(*changes: str) -> list[str]:
        recipe = effective_recipe("tiny-cpu", ["train.steps=1", *changes], None)
        job = prepare_pretrain(recipe, load_plugins(), shards)
        return [line for line in plan_lines(job) if "optimizer.lr" in line]

    deep = ("model.layers=8", "optimizer.lr=1e-3")
    assert notes() == notes("model.layers=8", "optimizer.lr=3e-4") == []
    assert "0.001 is high" in notes(*deep)[0]
    neo = ["model={}", "model.architecture='gpt-neo'", "model.preset='15m'", "model.context=256"]
    assert notes(*neo, "optimizer.lr=1e-3") == []
