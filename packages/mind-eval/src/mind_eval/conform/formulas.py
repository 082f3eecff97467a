"""The comparison of formulas on the labelled pairs that ship with it."""

from __future__ import annotations

from pathlib import Path

import mind_eval.metrics.latex
from mind_eval.conform.checks import Check
from mind_eval.metrics.latex.equality import same

PAIRS = Path(mind_eval.metrics.latex.__file__).parent / "pairs.tsv"
"""Label (1: the same), one answer, another; a pair a line."""

MIN_SHARE = 0.95


def read_pairs() -> list[tuple[bool, str, str]]:
    """Read the labelled pairs."""
    rows = (line.split("\t") for line in PAIRS.read_text("utf-8").split("\n") if line)
    return [(label == "1", one, two) for label, one, two in rows]


def formula_checks() -> list[Check]:
    """Check how many pairs are told rightly, and that none is taken for the same wrongly."""
    pairs = read_pairs()
    found = [same(one, two) for _, one, two in pairs]
    right = sum(got == label for got, (label, _, _) in zip(found, pairs, strict=True))
    wrong = sum(got and not label for got, (label, _, _) in zip(found, pairs, strict=True))
    source = "metrics/latex/pairs.tsv, labelled by hand"
    return [
        Check(f"MATH, {len(pairs)} pairs of answers: right", f">= {MIN_SHARE:.0%}",
              f"{right / len(pairs):.1%}", source, right >= MIN_SHARE * len(pairs)),
        Check(f"MATH, {len(pairs)} pairs of answers: false positives", "0", f"{wrong}", source,
              wrong == 0),
    ]  # fmt: skip
