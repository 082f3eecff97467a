"""BLEU and chrF of a corpus by sacrebleu, segmented as the target language needs.

sacrebleu's default tokenizer does not segment Chinese: `zh` does (sacrebleu's own).
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

DRAWS = 300


def tokenizer_for(language: str) -> str:
    """Name sacrebleu's tokenizer for a target language."""
    return {"zh": "zh", "ja": "char", "ko": "char"}.get(language.split("-")[0], "13a")


def corpus_scores(
    written: Sequence[str], references: Sequence[str], language: str
) -> dict[str, dict[str, Any]]:
    """Measure a corpus: value, bootstrap error and sacrebleu's signature of BLEU and chrF."""
    from sacrebleu.metrics.bleu import BLEU
    from sacrebleu.metrics.chrf import CHRF

    found = {}
    for name, metric in (("bleu", BLEU(tokenize=tokenizer_for(language))), ("chrf", CHRF())):
        statistics = metric._extract_corpus_statistics(list(written), [list(references)])
        value = metric._aggregate_and_compute(statistics).score
        found[name] = {
            "value": value,
            "error": _error(metric, statistics),
            "signature": str(metric.get_signature()),
        }
    return found


def _error(metric: Any, statistics: list[list[float]]) -> float | None:
    """Estimate the standard error: sentences drawn again, their counts added up."""
    import numpy as np

    if len(statistics) < 2:
        return None
    counts = np.array(statistics)
    chance = random.Random(0)
    scores = []
    for _ in range(DRAWS):
        drawn = [chance.randrange(len(counts)) for _ in range(len(counts))]
        scores.append(metric._compute_score_from_stats(counts[drawn].sum(axis=0).tolist()).score)
    return float(np.std(scores, ddof=1))
