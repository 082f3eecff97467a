"""Suites: recipes that name benchmarks with their options; flags change them for one run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mind_core.errors import UsageError
from mind_core.plugins import Plugins
from mind_core.recipe import STEP, Recipe, load_recipe
from mind_eval.benchmarks.benchmark import Benchmark
from mind_eval.metrics.latex.comparisons import DEFAULT, comparison
from mind_eval.prompts.chat import check_layout

HOOK = "register_benchmarks"
KIND = "benchmark"
DEFAULT_SUITE = "mindllm-ci"
NO_SUITE = "none"
AVERAGES = "averages"
MATH, METRICS, SPM = "math", "metrics", "spm"
NEW_TOKENS = "max_new_tokens"
"""The most tokens that a model writes: of a suite, or in a step of one benchmark."""

CHAT = "chat"
SETS = {"standard": False, "small": True}


def suite_recipe(
    suite: str | None,
    names: Sequence[str],
    shots: int | None,
    form: str | None,
    math: str | None = None,
    metrics: str | None = None,
    own: Mapping[str, Any] | None = None,
    max_new_tokens: int | None = None,
    chat: str | None = None,
    spm: str | None = None,
) -> Recipe:
    """Put together what is to be run: a suite by name or file, or single benchmarks, with flags."""
    if names:
        recipe = Recipe("command line", {STEP: [{KIND: name} for name in names]})
    elif suite == NO_SUITE:
        recipe = Recipe(NO_SUITE, {STEP: []})
    else:
        recipe = load_recipe(suite or DEFAULT_SUITE, "mind_eval")
    recipe.check_keys(dict.fromkeys((STEP, AVERAGES, MATH, METRICS, SPM, NEW_TOKENS, CHAT)))
    if chat is not None:
        recipe.values[CHAT] = chat
    chat_of(recipe)
    if math is not None:
        recipe.values[MATH] = math
    if metrics is not None:
        recipe.values[METRICS] = metrics
    if spm is not None:
        recipe.values[SPM] = spm
    small_of(recipe)
    spm_of(recipe)
    comparison(math_of(recipe))  # an unknown one, or one that is not installed, is refused here
    if own is not None:
        recipe.values[STEP] = [*recipe.values.get(STEP, []), dict(own)]
    for step in recipe.values.get(STEP, []):
        if shots is not None:
            step["shots"] = shots
        if form is not None and step.get(KIND) != "own":  # it has its form already
            step["form"] = form
        # A flag is for all: a limit of a single step must not come before it.
        if max_new_tokens is not None:
            step.pop(NEW_TOKENS, None)
    if max_new_tokens is not None:
        recipe.values[NEW_TOKENS] = max_new_tokens
    limits_of(recipe)
    return recipe


def math_of(recipe: Recipe) -> str:
    """Name the way in which a suite compares formulas."""
    return str(recipe.values.get(MATH, DEFAULT))


def spm_of(recipe: Recipe) -> str | None:
    """Name the file of the SentencePiece model whose pieces spBLEU counts; None for no spBLEU.

    Raises `MindError` for a file that is none.
    """
    if (file := recipe.values.get(SPM)) is None:
        return None
    from mind_eval.metrics.translation import pieces_of

    pieces_of(str(file))
    return str(file)


def small_of(recipe: Recipe) -> bool:
    """Tell whether a suite wants the metrics for small models as well.

    Raises `UsageError` for another set of metrics.
    """
    name = str(recipe.values.get(METRICS, "standard"))
    if name not in SETS:
        raise UsageError(f"there is no --metrics {name!r}", hint=f"known: {', '.join(SETS)}")
    return SETS[name]


def chat_of(recipe: Recipe) -> str | None:
    """Name the layout of conversations of a suite; None for plain text.

    Raises `UsageError` for another layout.
    """
    return check_layout(recipe.values.get(CHAT))


def limits_of(recipe: Recipe) -> dict[str, int]:
    """Give the most tokens to write by benchmark, where a suite says; a step goes before the whole.

    Raises `UsageError` for what is no positive whole number.
    """
    found = {}
    for _, name, options in recipe.steps([KIND]):
        limit = options.get(NEW_TOKENS, recipe.values.get(NEW_TOKENS))
        if limit is None:
            continue
        if not isinstance(limit, int) or isinstance(limit, bool) or limit < 1:
            raise UsageError(
                f"suite {recipe.name}: {NEW_TOKENS} = {limit!r} of {name} is no number of tokens",
                hint=f"{NEW_TOKENS} = 1024",
            )
        found[name] = limit
    return found


def averages_of(recipe: Recipe) -> dict[str, list[str]]:
    """Give the groups of benchmarks that a suite averages."""
    groups = recipe.values.get(AVERAGES, {})
    if not isinstance(groups, dict) or not all(isinstance(m, list) for m in groups.values()):
        raise UsageError(f"suite {recipe.name}: [averages] maps a name to a list of benchmarks")
    return groups


def make_benchmarks(recipe: Recipe, plugins: Plugins) -> dict[str, Benchmark]:
    """Make each benchmark of a suite; raise `UsageError` for an unknown name or option.

    A form is for those benchmarks that have it: what is written has one only.
    """
    made = {}
    refused = None
    steps = list(recipe.steps([KIND]))
    for _, name, options in steps:
        options = {key: value for key, value in options.items() if key != NEW_TOKENS}
        forms = getattr(plugins.find(HOOK, name).factory(), "forms", ())
        # Of several benchmarks those with one form keep it; a single one has to have what was
        # asked.
        if options.get("form") not in (None, *forms) and len(forms) == 1 and len(steps) > 1:
            refused = options.pop("form")
        made[name] = plugins.make(HOOK, name, options)
    if refused is not None and all(one.form != refused for one in made.values()):
        raise UsageError(f"no benchmark of the suite has the form {refused!r}")
    return made


def check_limit(recipe: Recipe, benchmarks: Mapping[str, Benchmark]) -> None:
    """Raise `UsageError` for a limit of new tokens where no benchmark has the model write."""
    if recipe.values.get(NEW_TOKENS) is None:
        return
    from mind_eval.prompts.spec import GENERATE_UNTIL, read_spec

    if all(read_spec(one.yaml, name).kind != GENERATE_UNTIL for name, one in benchmarks.items()):
        raise UsageError(
            "--max-new-tokens: the model writes in none of these benchmarks",
            hint="it does in gsm8k, math, bbh, flores, and in --own without choices",
        )
