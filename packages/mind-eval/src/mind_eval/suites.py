"""Suites: recipes that name benchmarks with their options; flags change them for one run."""

from __future__ import annotations

from collections.abc import Sequence

from mind_core.plugins import Plugins
from mind_core.recipe import STEP, Recipe, load_recipe
from mind_eval.benchmarks.benchmark import Benchmark

HOOK = "register_benchmarks"
KIND = "benchmark"
DEFAULT_SUITE = "mindllm-ci"
NO_SUITE = "none"


def suite_recipe(
    suite: str | None, names: Sequence[str], shots: int | None, form: str | None
) -> Recipe:
    """Put together what is to be run: a suite by name or file, or single benchmarks, with flags."""
    if names:
        recipe = Recipe("command line", {STEP: [{KIND: name} for name in names]})
    elif suite == NO_SUITE:
        recipe = Recipe(NO_SUITE, {STEP: []})
    else:
        recipe = load_recipe(suite or DEFAULT_SUITE, "mind_eval")
    recipe.check_keys({STEP: None})
    for step in recipe.values.get(STEP, []):
        if shots is not None:
            step["shots"] = shots
        if form is not None:
            step["form"] = form
    return recipe


def make_benchmarks(recipe: Recipe, plugins: Plugins) -> dict[str, Benchmark]:
    """Make each benchmark of a suite; raise `UsageError` for an unknown name or option."""
    return {name: plugins.make(HOOK, name, options) for _, name, options in recipe.steps([KIND])}
