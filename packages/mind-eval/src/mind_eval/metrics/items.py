"""Score one item: right or wrong by each metric, from log-probabilities or from a text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mind_core import MindError
from mind_eval.metrics.extract import EXTRACTORS, plain_number
from mind_eval.metrics.latex.comparisons import DEFAULT, comparison
from mind_eval.metrics.likelihoods import (
    CHOICES,
    PAIRS,
    SMALL,
    Likelihood,
    chosen_metrics,
    pair_metrics,
    picked,
    small_metrics,
)
from mind_eval.prompts.builder import Asked
from mind_eval.prompts.spec import CHOICE, GREEDY, Spec

TRANSLATION = ("bleu", "chrf")
UNPARSED = "unparsed"
MEASURED = {
    CHOICE: (*CHOICES, *PAIRS[1:], *SMALL),
    GREEDY: ("acc", "perplexity"),
    "generate_until": ("exact_match", "exact_match_flexible", UNPARSED, *TRANSLATION),
}


def check_metrics(spec: Spec) -> None:
    """Raise `MindError` for a metric that a kind of task does not have."""
    for metric in spec.metrics:
        if metric not in MEASURED[spec.kind]:
            raise MindError(
                f"task {spec.name}: there is no metric {metric!r} for {spec.kind}",
                hint=f"known: {', '.join(MEASURED[spec.kind])}; --task has all of lm-eval's",
            )
    extractor = spec.metadata.get("extract", "whole")
    if extractor not in EXTRACTORS:
        raise MindError(
            f"task {spec.name}: there is no extractor {extractor!r}",
            hint=f"known: {', '.join(EXTRACTORS)}",
        )


def choice_gold(asked: Asked, spec: Spec) -> Any:
    """Return the right choice: where the choices stand in the prompt, `doc_to_text` names it."""
    return spec.text(asked.doc) if len(asked.prompts) > 1 else asked.gold


def written_metrics(spec: Spec, gold: Any, text: str) -> tuple[dict[str, float], str | None]:
    """Score a written answer, and return what was taken for it."""
    name = str(spec.metadata.get("extract", "whole"))
    found = EXTRACTORS[name](text)
    metrics = {
        "exact_match": float(found is not None and is_right(spec, str(gold), found)),
        UNPARSED: float(found is None),
    }
    if "exact_match_flexible" in spec.metrics:
        last = EXTRACTORS["number_last"](text)
        metrics["exact_match_flexible"] = float(last is not None and last == plain_number(gold))
    return metrics, found


def is_right(spec: Spec, gold: str, found: str) -> bool:
    """Tell whether what was found is the right answer: a formula, a number, or the very text."""
    name = str(spec.metadata.get("extract", "whole"))
    if name == "formula":
        return comparison(str(spec.metadata.get("math", DEFAULT)))(gold, found)
    return found == (plain_number(gold) if name.startswith("number") else gold.strip())


def item_metrics(
    spec: Spec, asked: Asked, answers: Sequence[Likelihood], text: str | None
) -> tuple[Mapping[str, float], Any]:
    """Score an item: its metrics, and what the model chose or was taken to say."""
    if spec.kind == CHOICE:
        gold = choice_gold(asked, spec)
        best = picked(answers)
        if gold is None:
            return {}, best
        metrics = chosen_metrics(asked.choices, gold, answers)
        if any(name in PAIRS[1:] for name in spec.metrics):
            metrics |= pair_metrics(int(gold), answers, asked.tokens)
        if SMALL[0] in spec.metrics:
            metrics |= small_metrics(asked.choices, gold, answers)
        return metrics, best
    if spec.kind == GREEDY:
        total, greedy = answers[0]
        return {"acc": float(greedy), "perplexity": total}, greedy
    assert text is not None, "it was asked to write"
    if any(metric in TRANSLATION for metric in spec.metrics):
        return {UNPARSED: float(not text.strip())}, text.strip()
    return written_metrics(spec, asked.gold, text)
