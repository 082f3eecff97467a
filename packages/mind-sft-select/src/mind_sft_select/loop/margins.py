"""Margins of right choices under a tuned model: the second metric of a loop.

Accuracy of a model of a few million parameters is chance. How much likelier the right answer is
than the wrong ones moves before (DataDecide, Magnusson et al. 2025), so that is what arms are
compared by; accuracy stands beside it with its chance.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mind_core import MindError
from mind_core.errors import UsageError
from mind_sft_select.loop.plan_file import LoopPlan

Floats = NDArray[np.float64]
MARGINS = "margins"
"""Key of a cell's result."""


@dataclass(frozen=True)
class ChoiceMargin:
    """One item of a benchmark under one model.

    `margin` is the log-probability of the right choice in nats per byte of it, less the mean of the
    wrong ones; `right` is 1.0 if no wrong choice has as much, `chance` one over the choices.
    """

    key: str
    language: str
    margin: float
    right: float
    chance: float

    def as_row(self) -> list[Any]:
        """Return it as JSON."""
        return [self.key, self.language, round(self.margin, 6), self.right, round(self.chance, 6)]


def margin_of(totals: Sequence[float], choices: Sequence[str], gold: int) -> tuple[float, float]:
    """Return the margin of the right choice and whether it is the likeliest by byte.

    `totals` are log-probabilities in nats [C] of the `choices`.
    """
    rates = [t / max(1, len(c.encode())) for t, c in zip(totals, choices, strict=True)]
    wrong = [rate for place, rate in enumerate(rates) if place != gold]
    return rates[gold] - sum(wrong) / len(wrong), float(all(rates[gold] > rate for rate in wrong))


def open_benchmarks(plan: LoopPlan) -> list[Any]:
    """Open the plan's benchmarks in cloze form without examples; [] where it names none.

    Raises `UsageError` for one that is not known or offers no choices, `MindError` for data that
    are not there.
    """
    if not plan.benchmarks:
        return []
    from mind_eval.cli_app import make_plugins
    from mind_eval.evaluation import open_benchmark
    from mind_eval.prompts.spec import MULTIPLE_CHOICE, spec_of
    from mind_eval.suites import HOOK, KIND, make_benchmarks, suite_recipe

    plugins, recipe = make_plugins(), suite_recipe(None, plan.benchmarks, 0, None)
    for step in recipe.values["step"]:
        # Where a benchmark asks for letters as well; others have the whole choices anyway.
        if "cloze" in getattr(plugins.find(HOOK, step[KIND]).factory(), "forms", ()):
            step["form"] = "cloze"
    made = make_benchmarks(recipe, plugins)
    for name, one in made.items():
        if spec_of(one, name).kind != MULTIPLE_CHOICE:
            raise UsageError(
                f"benchmarks: {name} has no choices",
                hint="a margin needs them: mmlu, ceval, piqa, hellaswag …",
            )
    root = plan.base / plan.benchmark_data if plan.benchmark_data else None
    opened = [
        open_benchmark(name, one, root, plan.seed, False, recipe) for name, one in made.items()
    ]
    for loaded in opened:
        # The first items of a benchmark are of one subject.
        loaded.builder.spread = True
    return opened


def measure_margins(plan: LoopPlan, model: Any) -> list[ChoiceMargin]:
    """Measure the margins of the first `benchmark_items` items, spread over each benchmark.

    Raises `MindError` where a score is not finite.
    """
    from mind_eval.distributed import Ranks
    from mind_eval.finite import check_finite
    from mind_eval.metrics.items import choice_gold
    from mind_eval.metrics.likelihoods import place_of
    from mind_eval.response_cache import ResponseCache
    from mind_eval.runner import RequestRunner

    found = []
    for one in open_benchmarks(plan):
        # Without a folder: each cell has another model, whose answers nobody asks for again.
        engine = RequestRunner(model, ResponseCache(None), Ranks(), 8192)
        items = one.builder.build(engine.encoder.fits, plan.benchmark_items)
        for keyed in engine.ask(one.spec, items):
            asked, key = keyed.asked, f"{one.name}/{keyed.asked.id}"
            totals = [total for total, _ in engine.answers(keyed)]
            for total in totals:
                check_finite(total, key, model.fingerprint)
            gold = place_of(asked.choices, choice_gold(asked, one.spec))
            margin, right = margin_of(totals, asked.choices, gold)
            language = str(one.benchmark.rules["language"])
            found.append(ChoiceMargin(key, language, margin, right, 1 / len(asked.choices)))
    if plan.benchmarks and not found:
        raise MindError("the benchmarks of the plan have no items", hint="see benchmark_data")
    return found


def columns(rows: Sequence[Sequence[Any]]) -> tuple[list[str], Floats, Floats, Floats]:
    """Return languages, margins [I], right ones [I] and chances [I] of a cell's rows."""
    margins, right, chance = (np.array([row[i] for row in rows], np.float64) for i in (2, 3, 4))
    return [str(row[1]) for row in rows], margins, right, chance
