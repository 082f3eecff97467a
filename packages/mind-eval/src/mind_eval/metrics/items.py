"""Score one item: right or wrong by each metric, from log-probabilities or from a text."""

from __future__ import annotations

import re
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
from mind_eval.metrics.written import (
    FILTERS,
    LETTERS,
    OVERLAPS,
    choice_named,
    choice_place,
    matched,
    same_text,
)
from mind_eval.prompts.builder import Instance
from mind_eval.prompts.spec import CUT, GENERATE_UNTIL, LOGLIKELIHOOD, MULTIPLE_CHOICE, Spec

SPBLEU = "spbleu"
TRANSLATION = ("bleu", "chrf", SPBLEU)
FORMULAS = ("formula", "formula_line")
"""Extractors of what is compared as formulas."""

UNPARSED, FROM_TEXT, PATTERN = "unparsed", "accuracy_from_text", "regex"
MEASURED = {
    MULTIPLE_CHOICE: (*CHOICES, *PAIRS[1:], *SMALL),
    LOGLIKELIHOOD: ("acc", "perplexity"),
    GENERATE_UNTIL: (
        "exact_match",
        "exact_match_flexible",
        *OVERLAPS,
        FROM_TEXT,
        PATTERN,
        UNPARSED,
        CUT,
        *TRANSLATION,
    ),
}


def check_metrics(spec: Spec) -> None:
    """Raise `MindError` for a metric that a kind of task does not have."""
    for metric in spec.metrics:
        if spec.scorer is None and metric not in MEASURED[spec.kind]:
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
    for name in spec.metadata.get("filters", ()):
        if name not in FILTERS:
            raise MindError(
                f"task {spec.name}: there is no filter {name!r}",
                hint=f"known: {', '.join(FILTERS)}",
            )
    if PATTERN in spec.metrics:
        _check_pattern(spec)


def _check_pattern(spec: Spec) -> None:
    try:
        re.compile(str(spec.metadata[PATTERN]))
    except (KeyError, re.error) as error:
        raise MindError(
            f"task {spec.name}: the metric {PATTERN!r} needs metadata.{PATTERN}, a pattern",
            cause=error,
            hint="its first group, or the whole match, is compared with the answer",
        ) from error


def choice_gold(asked: Instance, spec: Spec) -> Any:
    """Return the right choice: where the choices stand in the prompt, `doc_to_text` names it."""
    return spec.text(asked.doc) if len(asked.prompts) > 1 else asked.gold


def written_metrics(
    spec: Spec, gold: Any, text: str, choices: Sequence[str] = ()
) -> tuple[dict[str, float], str | None]:
    """Score a written answer, and return what was taken for it.

    Of several right answers the best counts. `choices` are those that the question offered.
    """
    for name in spec.metadata.get("filters", ()):
        text = FILTERS[name](text)
    # A reference is one text, or several of which any will do.
    golds = [str(one) for one in gold] if isinstance(gold, (list, tuple)) else [str(gold)]
    found = EXTRACTORS[str(spec.metadata.get("extract", "whole"))](text)
    metrics = {
        "exact_match": float(found is not None and any(is_right(spec, one, found) for one in golds))
    }
    if "exact_match_flexible" in spec.metrics:
        last = EXTRACTORS["number_last"](text)
        metrics["exact_match_flexible"] = float(last in [plain_number(one) for one in golds])
    for name in OVERLAPS.keys() & set(spec.metrics):
        metrics[name] = max(OVERLAPS[name](one, found or "") for one in golds)
    if PATTERN in spec.metrics:
        found = matched(str(spec.metadata[PATTERN]), text)
        metrics[PATTERN] = float(any(same_text(one, found or "") for one in golds))
    if FROM_TEXT in spec.metrics:
        # From the whole text, whatever the extractor found: a letter may stand anywhere.
        place = choice_named(text, len(choices), choices)
        found = None if place is None else LETTERS[place]
        wanted = [choice_place(one, choices) for one in golds]
        metrics[FROM_TEXT] = float(place is not None and place in wanted)
    metrics[UNPARSED] = float(found is None)
    return metrics, found


def is_right(spec: Spec, gold: str, found: str) -> bool:
    """Tell whether what was found is the right answer: a formula, a number, or the very text."""
    name = str(spec.metadata.get("extract", "whole"))
    if name in FORMULAS:
        return comparison(str(spec.metadata.get("math", DEFAULT)))(gold, found)
    if name.startswith("number"):
        return found == plain_number(gold)
    if spec.metadata.get("normalise"):
        return bool(same_text(gold, found))
    return found == gold.strip()


def item_metrics(
    spec: Spec, asked: Instance, answers: Sequence[Likelihood], text: str | None
) -> tuple[Mapping[str, float], Any]:
    """Score an item: its metrics, and what the model chose or was taken to say."""
    if spec.kind == MULTIPLE_CHOICE:
        gold = choice_gold(asked, spec)
        best = picked(answers)
        # Its right answer is kept back: only what the model picked is of use.
        if gold is None:
            return {}, best
        metrics = chosen_metrics(asked.choices, gold, answers)
        if any(name in PAIRS[1:] for name in spec.metrics):
            metrics |= pair_metrics(int(gold), answers, asked.tokens)
        if SMALL[0] in spec.metrics:
            metrics |= small_metrics(asked.choices, gold, answers)
        return metrics, best
    if spec.kind == LOGLIKELIHOOD:
        total, greedy = answers[0]
        # lm-eval's name; of an item it is the log-probability.
        return {"acc": float(greedy), "perplexity": total}, greedy
    assert text is not None, "it was asked to write"
    if any(metric in TRANSLATION for metric in spec.metrics):
        return {UNPARSED: float(not text.strip())}, text.strip()
    return measured(spec, asked.doc, asked.gold, text)


def measured(
    spec: Spec, doc: Mapping[str, Any], gold: Any, text: str
) -> tuple[Mapping[str, float], Any]:
    """Score a written answer by the benchmark's own rules, or by the metrics that all share."""
    if spec.scorer is None:
        return written_metrics(spec, gold, text, doc.get("choices", ()))
    for name in spec.metadata.get("filters", ()):
        text = FILTERS[name](text)
    return spec.scorer(dict(doc), text), text.strip()
