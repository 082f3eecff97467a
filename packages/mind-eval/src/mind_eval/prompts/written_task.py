"""Let lm-eval measure our tasks in which the model writes: our extraction, our BLEU and chrF."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from mind_eval.metrics.items import TRANSLATION, UNPARSED, measured
from mind_eval.metrics.translation import corpus_scores
from mind_eval.prompts.spec import GENERATE_UNTIL, Spec

Pair = tuple[str, str, str, str]
"""What was written, what was wanted, the subject, the target language."""


def with_our_metrics(config: Mapping[str, Any], spec: Spec) -> dict[str, Any]:
    """Return a task's config whose metrics are ours; other kinds of task are lm-eval's own."""
    if spec.kind != GENERATE_UNTIL:
        return dict(config)
    metrics = [
        {**one, "aggregation": corpus(one["metric"])} if one["metric"] in TRANSLATION else one
        for one in config["metric_list"]
    ]

    def process(doc: Mapping[str, Any], results: Sequence[str]) -> dict[str, Any]:
        gold, text = spec.target(doc), results[0]
        if any(name in TRANSLATION for name in spec.metrics):
            pair = (text.strip(), str(gold), str(doc.get("subject")), str(doc["target_language"]))
            # A corpus score has no value of one item: the pair is handed on to the aggregation.
            made: dict[str, Any] = dict.fromkeys(TRANSLATION, pair)
            made[UNPARSED] = float(not text.strip())
        else:
            made = dict(measured(spec, doc, gold, text)[0])
        return {name: made[name] for name in spec.metrics}

    return {**config, "metric_list": metrics, "process_results": process}


def corpus(name: str) -> Callable[[Sequence[Pair]], float]:
    """Return an aggregation: the mean over subjects of a corpus score."""

    def aggregate(pairs: Sequence[Pair]) -> float:
        groups: dict[tuple[str, str], list[Pair]] = {}
        for pair in pairs:
            groups.setdefault(pair[2:], []).append(pair)
        values = [
            corpus_scores([p[0] for p in group], [p[1] for p in group], language)[name]["value"]
            for (_, language), group in groups.items()
        ]
        return math.fsum(values) / len(values)

    return aggregate
