"""How good labels are: accuracy, macro-F1, MCC, with intervals that respect shared answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

Counts = npt.NDArray[np.int64]
Values = npt.NDArray[np.float64]

AT_ONCE = 50
LEVEL = 0.95


def confusion(pairs: Sequence[tuple[str, str | None]], labels: Sequence[str]) -> Counts:
    """Count (truth, prediction) pairs into [K, K+1]; the last column is unparsed answers."""
    place = {label: n for n, label in enumerate(labels)}
    table = np.zeros((len(labels), len(labels) + 1), dtype=np.int64)
    for truth, guess in pairs:
        table[place[truth], len(labels) if guess is None else place[guess]] += 1
    return table


def measure(tables: npt.NDArray[Any], majority: int) -> dict[str, Values]:
    """Compute the metrics of confusion tables [..., K, K+1]; each result has shape [...].

    An unparsed answer is wrong. macro_f1 is the mean F1 over the classes that are in the truth or
    the predictions, balanced_accuracy the mean recall over those in the truth. mcc is the K-class
    correlation of Gorodkin (2004), here with "unparsed" as a class of its own, and 0 where it is
    not defined. majority_accuracy is the share of the class of index `majority`, what always
    guessing it would reach; gain is accuracy minus that.
    """
    table = np.asarray(tables, dtype=np.float64)
    n_labels = table.shape[-2]
    total = table.sum(axis=(-2, -1))
    truth = table.sum(axis=-1)  # (..., K)
    guess = table.sum(axis=-2)  # (..., K+1)
    # Without the column of unparsed answers, which are right for no class.
    right = np.diagonal(table[..., :n_labels], axis1=-2, axis2=-1)  # (..., K)
    correct = right.sum(axis=-1)
    both = truth + guess[..., :n_labels]
    f1 = np.divide(2.0 * right, both, out=np.zeros_like(both), where=both > 0)
    present = np.maximum((both > 0).sum(axis=-1), 1)
    recall = np.divide(right, truth, out=np.zeros_like(truth), where=truth > 0)
    covariance = correct * total - (truth * guess[..., :n_labels]).sum(axis=-1)
    # The product of the variances of both; rounding may make it a little negative where one is 0.
    spread = (total**2 - (guess**2).sum(axis=-1)) * (total**2 - (truth**2).sum(axis=-1))
    root = np.sqrt(np.maximum(spread, 0.0))
    return {
        "accuracy": correct / total,
        "balanced_accuracy": recall.sum(axis=-1) / np.maximum((truth > 0).sum(axis=-1), 1),
        "macro_f1": f1.sum(axis=-1) / present,
        "mcc": np.divide(covariance, root, out=np.zeros_like(root), where=root > 0),
        "unparsed": guess[..., n_labels] / total,
        "majority_accuracy": truth[..., majority] / total,
        "gain": (correct - truth[..., majority]) / total,
    }


def intervals(
    pairs: Sequence[tuple[str, str | None]],
    clusters: Sequence[str],
    labels: Sequence[str],
    majority: int,
    draws: int,
    seed: int,
    block: int = 1,
) -> dict[str, tuple[float, float]]:
    """Bootstrap a 95 % interval of each metric over whole clusters (percentiles).

    Texts on one share on one day have one answer: drawing them one by one would claim far more
    evidence than there is. The majority class stays that of the whole: the most frequent class of
    each draw would make the baseline look better than it is. With a `block` above 1 that many
    neighbouring clusters are drawn together: days whose returns overlap.
    """
    # Days stand in the order of time, so that neighbours make a block.
    names = {name: n for n, name in enumerate(sorted(set(clusters)))}
    cells = np.zeros((len(names), len(labels), len(labels) + 1), dtype=np.float64)
    for pair, cluster in zip(pairs, clusters, strict=True):
        cells[names[cluster]] += confusion([pair], labels)
    flat = cells.reshape(len(names), -1)  # (C, K·(K+1))
    chooser = np.random.Generator(np.random.PCG64(seed))
    drawn: dict[str, list[Values]] = {}
    for start in range(0, draws, AT_ONCE):
        weights = draw_weights(chooser, len(names), min(AT_ONCE, draws - start), block)
        # A drawn sample is a weighted sum of the clusters' own tables: no record is visited again.
        tables = (weights @ flat).reshape(-1, *cells.shape[1:])  # (draws, K, K+1)
        for name, value in measure(tables, majority).items():
            drawn.setdefault(name, []).append(value)
    edges = [(1 - LEVEL) / 2, (1 + LEVEL) / 2]
    return {name: _edges(np.concatenate(rows), edges) for name, rows in drawn.items()}


def draw_weights(
    chooser: np.random.Generator, count: int, draws: int, block: int = 1
) -> npt.NDArray[Any]:
    """Draw how often each of `count` clusters counts: int [draws, count].

    Blocks are of neighbours, in a circle, as many as cover all (Politis and Romano 1992).
    """
    if block <= 1:
        return chooser.multinomial(count, np.full(count, 1.0 / count), size=draws)
    block = min(block, count)
    # Rounded up, so that a draw may hold a few more than `count`; ratios do not mind.
    starts = chooser.integers(0, count, size=(draws, -(-count // block)))
    places = (starts[:, :, None] + np.arange(block)) % count  # (draws, blocks, block)
    weights = np.zeros((draws, count), dtype=np.int64)
    # Blocks may overlap; `+=` would count a place once.
    np.add.at(weights, (np.arange(draws)[:, None], places.reshape(draws, -1)), 1)
    return weights


def per_class(table: Counts, labels: Sequence[str]) -> dict[str, dict[str, float]]:
    """Give precision, recall, F1 and the number of records of each class, 0 where undefined."""
    found = {}
    for n, label in enumerate(labels):
        right, truth, guess = int(table[n, n]), int(table[n].sum()), int(table[:, n].sum())
        found[label] = {
            "precision": round(right / guess, 6) if guess else 0.0,
            "recall": round(right / truth, 6) if truth else 0.0,
            "f1": round(2 * right / (truth + guess), 6) if truth + guess else 0.0,
            "records": truth,
        }
    return found


def score_table(
    pairs: Sequence[tuple[str, str | None]],
    clusters: Sequence[str],
    labels: Sequence[str],
    draws: int = 1000,
    seed: int = 0,
    block: int = 1,
) -> dict[str, Any]:
    """Give all metrics as {"value", "low", "high"}, with the confusion table and the counts."""
    table = confusion(pairs, labels)
    majority = int(table.sum(axis=1).argmax())
    values = {name: float(value) for name, value in measure(table, majority).items()}
    edges = intervals(pairs, clusters, labels, majority, draws, seed, block) if draws else {}
    metrics: dict[str, Mapping[str, float]] = {
        name: {
            "value": round(value, 6),
            **({"low": edges[name][0], "high": edges[name][1]} if draws else {}),
        }
        for name, value in values.items()
    }
    counts = table.tolist()
    columns = [*labels, "unparsed"]
    return {
        "per_class": per_class(table, labels),
        "records": len(pairs),
        "clusters": len(set(clusters)),
        "metrics": metrics,
        "majority": labels[majority],
        "confusion": {
            truth: dict(zip(columns, row, strict=True))
            for truth, row in zip(labels, counts, strict=True)
        },
    }


def _edges(values: Values, edges: list[float]) -> tuple[float, float]:
    low, high = np.quantile(values, edges)
    return round(float(low), 6), round(float(high), 6)
