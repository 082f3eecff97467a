"""Bounds by language that keep good texts and drop bad ones, tuned on some and measured on others.

Texts are dealt by their hash: one half tunes, the other gives the figures.
"""

from __future__ import annotations

import hashlib
import math
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from mind_core import MindError
from mind_core.files import read_manifest
from mind_core.text.languages import language_of_text
from mind_filter_perplexity.scoring import MEASURES
from mind_train import Checkpoint

FORMAT = "mind-perplexity-thresholds"
ALL = "all"
MIN_TEXTS = 20
"""Texts of a kind and language to tune by; with fewer the bound of all languages holds."""


class Thresholds(NamedTuple):
    """What a folder of `tune` says."""

    measure: str
    max: dict[str, float]


def read_thresholds(folder: str, fingerprint: str) -> Thresholds:
    """Return the bounds of a folder; raise `MindError` for another checkpoint's, or damage."""
    manifest = read_manifest(Path(folder), format=FORMAT)
    try:
        bounds = {str(k): float(v) for k, v in manifest["max"].items()}
        told = Thresholds(str(manifest["measure"]), bounds)
        if told.measure not in MEASURES or not all(0 < v < math.inf for v in bounds.values()):
            raise ValueError("a bound is no number above 0")
        of = str(manifest["checkpoint"])
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise MindError(f"{folder}: damaged manifest", cause=error, hint="tune again") from None
    if of != fingerprint:
        raise MindError(
            f"{folder} was tuned for another checkpoint",
            cause=f"for weights {of[:12]}…, the model has {fingerprint[:12]}…",
            hint="tune again with this model: a bound means something under its own model only",
        )
    return told


@dataclass
class Values:
    """Values of one half of the texts: of good and of bad ones, by language, and of all."""

    good: dict[str, list[float]] = field(default_factory=lambda: {ALL: []})
    bad: dict[str, list[float]] = field(default_factory=lambda: {ALL: []})


def measure_texts(
    checkpoint: Checkpoint,
    good: Iterable[str],
    bad: Iterable[str],
    measure: str,
    max_characters: int,
) -> tuple[Values, Values, int]:
    """Return the values that tune, those that are measured with, and how many were left out.

    Left out is what has no token, and what came before as good or as bad.
    """
    from mind_filter_perplexity.scoring import surprise

    halves = (Values(), Values())
    seen: set[bytes] = set()
    left_out = 0
    for is_good, texts in ((True, good), (False, bad)):
        for text in texts:
            text = text[: max_characters or None]
            # Of the text as the filter reads it: two that differ later are one to it.
            key = hashlib.sha256(text.encode()).digest()
            found = None if key in seen else surprise(checkpoint, text)
            seen.add(key)
            if found is None:
                left_out += 1
                continue
            # By the hash of the text, so that its half does not depend on the order of files.
            kinds = halves[key[0] % 2].good if is_good else halves[key[0] % 2].bad
            for name in (ALL, language_of_text(text)):
                kinds.setdefault(name, []).append(found.value(measure))
    # Sorted once, so that the share below each bound is found by bisection.
    for half in halves:
        for kinds in (half.good, half.bad):
            for values in kinds.values():
                values.sort()
    return *halves, left_out


def tune(values: Values, keep: float | None) -> dict[str, float]:
    """Return the upper bound of each language that has enough texts, and of all.

    With `keep` it is where that share of the good texts stays; else where the shares of good texts
    kept and of bad ones dropped are largest together (Youden 1950). Raises `MindError` for too few.
    """
    bounds = {}
    for name in sorted(values.good, key=lambda name: (name != ALL, name)):
        good, bad = values.good[name], values.bad.get(name, [])
        if len(good) >= MIN_TEXTS and (keep is not None or len(bad) >= MIN_TEXTS):
            bounds[name] = _bound(good, bad, keep)
    if ALL not in bounds:
        raise MindError(
            "there are too few texts to tune with",
            cause=f"{len(values.good[ALL])} good and {len(values.bad[ALL])} bad ones in the half "
            f"that tunes; {MIN_TEXTS} of each are needed, with --keep of good ones alone",
            hint="give at least a hundred of each",
        )
    return bounds


def _bound(good: Sequence[float], bad: Sequence[float], keep: float | None) -> float:
    if keep is not None:
        # Rounded up, or the text that the bound was taken from would be above it.
        return _up(good[min(len(good), max(1, math.ceil(keep * len(good)))) - 1])

    def worth(bound: float) -> float:
        return _share(good, bound) - _share(bad, bound)

    # Between two values that texts have nothing changes. Of equal bounds the highest, which keeps
    # more.
    return max((_up(value) for value in [*good, *bad]), key=lambda bound: (worth(bound), bound))


def _up(value: float) -> float:
    """Return a value with four decimals that is not below it."""
    return math.ceil(value * 1e4) / 1e4


def _share(values: Sequence[float], bound: float) -> float:
    """Return the share of sorted values that a bound lets pass."""
    return bisect_right(values, bound) / len(values)


def figures(values: Values, bounds: dict[str, float]) -> list[dict[str, Any]]:
    """Return, for each language, what the bounds do to texts that they were not tuned on."""
    rows = []
    for name in sorted({*values.good, *values.bad}, key=lambda name: (name != ALL, name)):
        good, bad = values.good.get(name, []), values.bad.get(name, [])
        bound = bounds.get(name, bounds[ALL])
        rows.append({
            "language": name, "good": len(good), "bad": len(bad), "max": bound,
            "median_good": round(good[len(good) // 2], 4) if good else None,
            "median_bad": round(bad[len(bad) // 2], 4) if bad else None,
            "good_kept": round(_share(good, bound), 4) if good else None,
            "bad_dropped": round(1 - _share(bad, bound), 4) if bad else None,
        })  # fmt: skip
    return rows
