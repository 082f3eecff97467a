"""Recipes: printed ones can be fed back, misspelt ones are told."""

from pathlib import Path

import pytest

from mind_core.errors import UsageError
from mind_core.recipe import Recipe, load_recipe, merged, parse_recipe

TEXT = """
title = "two steps"
[[step]]
transform = "unicode"
[[step]]
filter = "length"
min = 10
[train]
steps = 5
"""
KINDS = ("transform", "filter")


def test_steps_in_order_with_their_options() -> None:
    recipe = parse_recipe(TEXT, "t")
    assert list(recipe.steps(KINDS)) == [
        ("transform", "unicode", {}),
        ("filter", "length", {"min": 10}),
    ]


def test_a_printed_recipe_can_be_fed_back() -> None:
    recipe = parse_recipe(TEXT, "t")
    recipe.set("length.words=['的', \"a\"]", KINDS)
    assert parse_recipe(recipe.to_toml(), "again").values == recipe.values


@pytest.mark.parametrize(
    ("raw", "value"),
    [
        ("0.8", 0.8),
        ("3", 3),
        ("true", True),
        ("plain words", "plain words"),
        ("[1]", [1]),
        ("", ""),
    ],
)
def test_set_reads_toml_values(raw: str, value: object) -> None:
    recipe = parse_recipe(TEXT, "t")
    recipe.set(f"length.min={raw}", KINDS)
    assert list(recipe.steps(KINDS))[1][2]["min"] == value
    recipe.set(f"train.steps={raw}")
    assert recipe.values["train"]["steps"] == value


@pytest.mark.parametrize("assignment", ["length", "=3", "length..min=3", "lenght.min=3"])
def test_set_refuses_what_it_cannot_place(assignment: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_recipe(TEXT, "t").set(assignment, KINDS)
    assert caught.value.hint


@pytest.mark.parametrize(
    "text",
    ["[[step]]\nfiltre = 'x'", "[[step]]\nfilter='a'\ntransform='b'", "step = 3"],
)
def test_a_step_names_exactly_one_component(text: str) -> None:
    with pytest.raises(UsageError):
        list(parse_recipe(text, "t").steps(KINDS))


def test_broken_toml_is_told_with_its_position() -> None:
    with pytest.raises(UsageError) as caught:
        parse_recipe("a = 1\nb = oops\n", "t")
    assert "line" in str(caught.value.cause)


def test_unknown_keys_suggest_near_ones() -> None:
    with pytest.raises(UsageError) as caught:
        parse_recipe("[trian]\nsteps=3", "t").check_keys({"train": None})
    assert "did you mean train" in str(caught.value.hint)


def test_unknown_recipes_are_told(tmp_path) -> None:
    with pytest.raises(UsageError, match="no recipe 'nothing'"):
        load_recipe("nothing", "mind_core")
    with pytest.raises(UsageError, match="cannot read"):
        load_recipe(str(tmp_path / "x.toml"), "mind_core")
    (tmp_path / "x.toml").write_text(TEXT)
    assert load_recipe(str(tmp_path / "x.toml"), "mind_core").values["title"] == "two steps"


def test_merging_is_deep_and_leaves_the_base_alone() -> None:
    base = Recipe("b", {"train": {"steps": 1, "lr": 2}})
    result = merged(base, {"train": {"steps": 5, "lr": None}, "seed": 1})
    assert result.values == {"train": {"steps": 5, "lr": 2}, "seed": 1}
    assert base.values == {"train": {"steps": 1, "lr": 2}}


def test_a_recipe_that_is_no_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "gbk.toml").write_bytes('name = "中文"'.encode("gbk"))
    with pytest.raises(UsageError, match="not UTF-8"):
        load_recipe(str(tmp_path / "gbk.toml"), "mind_core")
    (tmp_path / "deep.toml").write_text("a = " + "[" * 50_000)
    with pytest.raises(UsageError, match=r"nested too deeply|not TOML"):
        load_recipe(str(tmp_path / "deep.toml"), "mind_core")
