"""Train a model that tells good texts from bad ones, and measure it on texts that it never saw.

Logistic regression over words and pairs of words, written as a fastText model. Texts are dealt by
their hash: three fifths to train on, a fifth to choose regularization and thresholds by, a fifth
for the figures.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from mind_clean.quality.folder import one_line
from mind_clean.quality.model_file import EOS, features_of
from mind_core.errors import MindError
from mind_core.text.languages import language_of_text

if TYPE_CHECKING:
    import numpy

SEGMENT = "characters"
BUCKET = 1 << 20
MAX_WORDS = 200_000
REGULARIZATIONS = (1e2, 1e3, 1e4, 1e5)
MIN_TEXTS = 20
"""Texts of each kind and language to tune by and to measure with; fewer give no threshold."""

PARTS = ("train", "train", "train", "tune", "test")


@dataclass
class Texts:
    """Texts of one part: as words, whether they are good, and in which language."""

    words: list[list[str]] = field(default_factory=list)
    good: list[bool] = field(default_factory=list)
    languages: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class TrainedModel:
    """A model with what was chosen by the second part and measured on the third."""

    counts: list[tuple[str, int]]
    weights: numpy.ndarray
    regularization: float
    thresholds: dict[str, float]
    scores: dict[str, tuple[list[float], list[float]]]
    """For each language, and "all": scores of the good and of the bad texts of the third part."""


def deal(good: Iterable[str], bad: Iterable[str], sample: int = 0) -> tuple[dict[str, Texts], int]:
    """Return the parts, and how many texts were left out because they came before, or as both."""
    parts = {name: Texts() for name in set(PARTS)}
    seen: set[bytes] = set()
    again = 0
    for is_good, texts in ((True, good), (False, bad)):
        for text in texts:
            line = one_line(text, SEGMENT, sample)
            key = hashlib.sha256(line.encode("utf-8", "surrogatepass")).digest()
            # A text that a crawl holds a thousand times counts once; one of both kinds counts as
            # good.
            if key in seen or not line:
                again += 1
                continue
            seen.add(key)
            # By the hash of the text, so that its part does not depend on the order of files.
            part = parts[PARTS[key[0] % len(PARTS)]]
            part.words.append(line.split(" "))
            part.good.append(is_good)
            part.languages.append(language_of_text(text))
    return parts, again


def train(parts: dict[str, Texts], keep: float | None = None) -> TrainedModel:
    """Train on the first part, choose by the second, score the third.

    With `keep` the threshold is where that share of the good texts stays; by default where the
    shares of good texts kept and of bad ones dropped are largest together (Youden 1950).
    Raises `MindError` if there are too few texts of a kind.
    """
    from sklearn.linear_model import LogisticRegression

    _check(parts)
    counted = Counter(word for words in parts["train"].words for word in [*words, EOS])
    counts = sorted(
        # A word that stands once is a name or a slip, and its weight would be of one text alone.
        ((word, count) for word, count in counted.items() if count > 1 or word == EOS),
        # By the word too, so that those of one count have one order for the same texts.
        key=lambda one: (-one[1], one[0]),
    )[:MAX_WORDS]
    ids = {word: row for row, (word, _) in enumerate(counts)}
    hashes: dict[str, int] = {}
    matrices = {name: _matrix(texts.words, ids, hashes) for name, texts in parts.items()}
    best: tuple[float, float, Any] | None = None
    for c in REGULARIZATIONS:
        # "balanced", as good texts may be a hundred times as many as bad ones, or the reverse.
        model = LogisticRegression(C=c, max_iter=200, class_weight="balanced")
        model.fit(matrices["train"], parts["train"].good)
        worth = _area(*_split(model.decision_function(matrices["tune"]), parts["tune"].good))
        # From the strongest regularization on: a weaker one has to be better by more than noise.
        if best is None or worth > best[0] + 1e-4:
            best = (worth, c, model)
    assert best is not None
    model = best[2]
    # A text's features sum to 1, so that the constant is a part of every weight.
    weights = (model.coef_[0] + model.intercept_[0]).astype("float32")
    tuned = _by_language(weights, matrices["tune"], parts["tune"])
    thresholds = {
        name: _threshold(*found, keep)
        for name, found in tuned.items()
        if name == "all" or min(map(len, found)) >= MIN_TEXTS
    }
    scores = _by_language(weights, matrices["test"], parts["test"])
    return TrainedModel(counts, weights, best[1], thresholds, scores)


def metric_rows(trained: TrainedModel) -> list[dict[str, Any]]:
    """Return, for each language, what the thresholds do to the texts of the third part."""
    rows = []
    for name, (good, bad) in trained.scores.items():
        threshold = trained.thresholds.get(name, trained.thresholds["all"])
        kept, left = (sum(score >= threshold for score in part) for part in (good, bad))
        rows.append({
            "language": name, "good": len(good), "bad": len(bad), "threshold": threshold,
            "good_kept": round(kept / len(good), 4) if good else None,
            "bad_dropped": round(1 - left / len(bad), 4) if bad else None,
            "auc": round(_area(good, bad), 4) if good and bad else None,
        })  # fmt: skip
    return rows


def _check(parts: dict[str, Texts]) -> None:
    for name, texts in parts.items():
        good = sum(texts.good)
        if min(good, len(texts.good) - good) < MIN_TEXTS:
            raise MindError(
                "there are too few texts to train and to measure",
                cause=f"of {len(texts.good)} texts to {name} with, {good} are good; "
                f"{MIN_TEXTS} of each kind are needed",
                hint="give at least two hundred good and two hundred bad texts",
            )


def _matrix(words: Sequence[list[str]], ids: dict[str, int], hashes: dict[str, int]) -> Any:
    """Return texts as rows of shares of features, sparse."""
    import numpy
    from scipy.sparse import csr_matrix

    rows: list[int] = [0]
    columns: list[int] = []
    values: list[float] = []
    for line in words:
        found = Counter(features_of(line, ids, hashes, BUCKET))
        total = found.total()
        columns += found.keys()
        values += [times / total for times in found.values()]
        rows.append(len(columns))
    shape = (len(words), len(ids) + BUCKET)
    return csr_matrix(
        (numpy.array(values), numpy.array(columns, "int64"), numpy.array(rows, "int64")), shape
    )


def _by_language(
    weights: numpy.ndarray, matrix: Any, texts: Texts
) -> dict[str, tuple[list[float], list[float]]]:
    import numpy

    # By the weights as float32, which the file holds, and not those of the trained model.
    scores = 1 / (1 + numpy.exp(-(matrix @ weights.astype("float64"))))
    found = {"all": _split(scores, texts.good)}
    for name in sorted(set(texts.languages)):
        picked = [n for n, language in enumerate(texts.languages) if language == name]
        found[name] = _split([scores[n] for n in picked], [texts.good[n] for n in picked])
    return found


def _split(scores: Iterable[float], good: Sequence[bool]) -> tuple[list[float], list[float]]:
    pairs = list(zip(map(float, scores), good, strict=True))
    return sorted(s for s, g in pairs if g), sorted(s for s, g in pairs if not g)


def _area(good: Sequence[float], bad: Sequence[float]) -> float:
    """Return how often a good text has a higher score than a bad one (Mann and Whitney 1947)."""
    from bisect import bisect_left, bisect_right

    wins = sum(bisect_left(bad, s) + bisect_right(bad, s) for s in good)
    return wins / (2 * len(good) * len(bad))


def _threshold(good: Sequence[float], bad: Sequence[float], keep: float | None) -> float:
    if keep is not None:
        return round(good[min(len(good) - 1, int((1 - keep) * len(good)))], 4)
    from bisect import bisect_left

    def worth(threshold: float) -> float:
        return bisect_left(bad, threshold) / len(bad) - bisect_left(good, threshold) / len(good)

    # Only scores that a text has matter: between two of them nothing changes. Of equal ones the
    # lowest, which keeps more.
    return max((round(s, 4) for s in [*good, *bad]), key=lambda s: (worth(s), -s))
