"""What the summary says about the scores of a run: spread, length, and what was kept."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from mind_sft_select.bands import quantile
from mind_sft_select.score_sources import DIGITS, RecordScores
from mind_sft_select.selection import Selector

SHARES = (0.05, 0.25, 0.5, 0.75, 0.95)


def details(selector: Selector) -> dict[str, Any]:
    """Describe a run for the summary's details."""
    rule = selector.rule
    found: dict[str, Any] = {
        "decides": rule.notes[0],
        "languages": {
            language: _language(selector, language) for language in sorted(selector.seen.languages)
        },
    }
    if rule.reference is not None:
        found["reference"] = dict(rule.reference.values)
        found["per_language"] = rule.reference.per_language
    if rule.band is not None:
        found["band"] = [rule.band.low, rule.band.high]
        if rule.band.by_language:
            found["band_by_language"] = {k: list(v) for k, v in rule.band.by_language.items()}
    if rule.clusters is not None:
        scores = [s.values[0] for s in selector.seen if s.is_scored]
        found["clusters"] = rule.clusters.describe(scores)
    found.update(correlations(selector, list(selector.seen)))
    return found


def _language(selector: Selector, language: str) -> dict[str, Any]:
    scores = [
        s for s in selector.seen if s.language == language and not any(map(math.isinf, s.values))
    ]
    found = {**spread(scores, selector.rule.notes[0]), "kept": selector.kept[language]}
    return {**found, **correlations(selector, scores)}


def correlations(selector: Selector, scores: Sequence[RecordScores]) -> dict[str, float | None]:
    """Return the rank correlation of the deciding score with each other one."""
    return {
        f"rank_correlation_with_{note}": rank_correlation(
            [(s.values[0], s.values[place]) for s in scores]
        )
        for place, note in enumerate(selector.rule.notes[1:], 1)
    }


def spread(scored: Sequence[RecordScores], name: str) -> dict[str, Any]:
    """Describe the deciding score of some records: how many have one, mean and quantiles."""
    values = sorted(s.values[0] for s in scored if s.is_scored)
    if not values:
        return {"records": len(scored), "scored": 0}
    return {
        "records": len(scored),
        "scored": len(values),
        f"{name}_mean": round(math.fsum(values) / len(values), DIGITS),
        f"{name}_quantiles": {
            f"{share:g}": round(quantile(values, share), DIGITS) for share in SHARES
        },
    }


def rank_correlation(pairs: Sequence[tuple[float, float]]) -> float | None:
    """Return Spearman's rank correlation of pairs without NaN; None where it has no meaning."""
    import numpy as np

    known = np.array([p for p in pairs if math.isfinite(p[0]) and math.isfinite(p[1])])
    if len(known) < 2:
        return None
    ranks = []
    for column in known.T:
        _, place, counts = np.unique(column, return_inverse=True, return_counts=True)
        last = counts.cumsum()
        # Tied values share the mean of their ranks.
        ranks.append((last - (counts - 1) / 2)[place])
    # All values equal: a correlation would be 0 / 0.
    if any(len(set(rank.tolist())) < 2 for rank in ranks):
        return None
    return round(float(np.corrcoef(ranks[0], ranks[1])[0, 1]), DIGITS)
