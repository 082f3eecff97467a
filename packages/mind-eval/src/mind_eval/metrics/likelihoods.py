"""Metrics of log-probabilities: accuracies, and what still tells small models apart.

Accuracy at chance decides nothing, where the probability of the right answer already grows; see
DataDecide (Magnusson et al. 2025) and OLMES. All are means over items.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

Likelihood = tuple[float, bool]
CHOICES = ("acc", "acc_norm", "acc_bytes")
PAIRS = ("acc", "acc_mean", "acc_slln")
SMALL = ("bits_per_byte", "probability", "margin")
LOWER_IS_BETTER = ("bits_per_byte",)
SUBLINEAR = 0.5
"""Exponent of the length in SLLN-LP (Liu et al. 2024): between none (0) and the mean (1)."""


def chosen_metrics(
    choices: Sequence[str], gold: Any, answers: Sequence[Likelihood]
) -> dict[str, float]:
    """Score a choice: the likeliest answer, by itself, by character and by UTF-8 byte.

    As lm-eval's `multiple_choice`; of equal scores the first counts.
    """
    totals = [total for total, _ in answers]
    index = place_of(choices, gold)

    def right(scores: Sequence[float]) -> float:
        return float(max(range(len(scores)), key=scores.__getitem__) == index)

    return {
        "acc": right(totals),
        # A choice may be empty text; its length is taken for 1 rather than divided by.
        "acc_norm": right([t / max(1, len(c)) for t, c in zip(totals, choices, strict=True)]),
        "acc_bytes": right(
            [t / max(1, len(c.encode())) for t, c in zip(totals, choices, strict=True)]
        ),
    }


def pair_metrics(
    gold: int, answers: Sequence[Likelihood], tokens: Sequence[int]
) -> dict[str, float]:
    """Score a minimal pair: the good sentence is likelier, not as likely.

    `acc` compares sums (BLiMP's rule), `acc_mean` means over tokens, `acc_slln` sums divided by the
    square root of the number of tokens, for pairs of unequal length.
    """
    found = {}
    for name, power in zip(PAIRS, (0.0, 1.0, SUBLINEAR), strict=True):
        good, other = (answers[place][0] / tokens[place] ** power for place in (gold, 1 - gold))
        found[name] = float(good > other)
    return found


def small_metrics(
    choices: Sequence[str], gold: Any, answers: Sequence[Likelihood]
) -> dict[str, float]:
    """Measure the right answer: bits per byte, share of the choices' probability, margin.

    The margin is how many bits per byte of itself the best wrong answer costs more.
    """
    index = place_of(choices, gold)
    totals = [total for total, _ in answers]
    # Taken off before `exp`, which would be 0 for every choice of a long text.
    top = max(totals)
    weights = [math.exp(total - top) for total in totals]
    bits = [
        -t / math.log(2) / max(1, len(c.encode())) for t, c in zip(totals, choices, strict=True)
    ]
    wrong = [one for place, one in enumerate(bits) if place != index]
    return {
        "bits_per_byte": bits[index],
        "probability": weights[index] / math.fsum(weights),
        "margin": min(wrong) - bits[index] if wrong else 0.0,
    }


def place_of(choices: Sequence[str], gold: Any) -> int:
    """Return the place of the right answer, which is given by its place or its text."""
    return choices.index(gold) if isinstance(gold, str) else int(gold)


def picked(answers: Sequence[Likelihood]) -> int:
    """Return the index of the likeliest choice."""
    return max(range(len(answers)), key=lambda place: answers[place][0])
