"""Clusters of records by entropy within strata: K-Means, its exact optimum, or quantiles."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mind_core.errors import UsageError
from mind_sft_select.clusters import fit_clusters
from mind_sft_select.pool import Pool

Floats = NDArray[np.float64]
WAYS = ("kmeans", "exact", "quantile")
STRATA = ("language", "length", "source")
SMALL = ("merge", "mark")


@dataclass
class Cluster:
    """Records of one stratum with like entropy; `members` are places in the pool."""

    stratum: str
    centre: float
    members: list[int] = field(default_factory=list)
    tokens: int = 0
    is_too_small: bool = False

    def as_dict(self, number: int, scores: Floats) -> dict[str, Any]:
        """Describe it for `clusters.json`."""
        values = scores[self.members]
        return {
            "cluster": number,
            "stratum": self.stratum,
            "centre": round(float(values.mean()), 6),
            "records": len(self.members),
            "answer_tokens": self.tokens,
            "from": round(float(values.min()), 6),
            "to": round(float(values.max()), 6),
            "too_small": self.is_too_small,
        }


def cluster_pool(
    pool: Pool, number: int, *, by: str = "kmeans", strata: Sequence[str] = ("language",),
    budget: int = 0, small: str = "merge", seed: int = 0,
) -> list[Cluster]:  # fmt: skip
    """Cluster the scored records of each stratum into `number` groups, in rising order.

    A cluster with fewer answer tokens than the budget is merged with the neighbour whose centre is
    nearer, or marked as too small. Raises `UsageError` for an unknown way, or no record at all.
    """
    for value, known, option in ((by, WAYS, "--by"), (small, SMALL, "--small")):
        if value not in known:
            raise UsageError(f"{option} {value!r} is not known", hint=f"one of {', '.join(known)}")
    scores, tokens = pool.number("entropy"), pool.number("tokens")
    groups: dict[str, list[int]] = {}
    names = _stratum_names(pool, strata, tokens)
    # NaN has no place on the line of entropies.
    for index in np.flatnonzero(~np.isnan(scores)):
        groups.setdefault(names[index], []).append(int(index))
    if not groups:
        raise UsageError("no record is scored", hint="`mind-sft-select score` first")
    found: list[Cluster] = []
    for name, members in sorted(groups.items()):
        found += _merged(_cut(name, members, scores, tokens, number, by, seed), scores, budget,
                         small)  # fmt: skip
    return found


def _stratum_names(pool: Pool, strata: Sequence[str], tokens: Floats) -> list[str]:
    for name in strata:
        if name not in STRATA:
            raise UsageError(f"--strata {name!r} is not known", hint=f"one of {', '.join(STRATA)}")
    known = tokens[~np.isnan(tokens)]
    edges = np.quantile(known, [1 / 3, 2 / 3]) if len(known) else np.zeros(2)
    parts = []
    for name in strata:
        if name == "length":
            words = ("short", "middle", "long")
            # `t == t` is false for NaN.
            parts.append([words[int(np.searchsorted(edges, t))] if t == t else "" for t in tokens])
        else:
            parts.append(pool.words[name])
    return ["/".join(row) for row in zip(*parts, strict=True)] if parts else ["all"] * len(pool)


def _cut(
    name: str, members: list[int], scores: Floats, tokens: Floats, number: int, by: str, seed: int
) -> list[Cluster]:
    values = scores[members]
    different = len(np.unique(values))
    # Equal scores cannot be cut apart.
    count = min(number, different)
    if by == "quantile":
        edges = np.quantile(values, np.linspace(0, 1, count + 1)[1:-1])
        labels = np.searchsorted(edges, values, side="right")
    elif by == "exact":
        labels = np.searchsorted(exact_edges(values, count), values, side="right")
    else:
        centres = np.array(fit_clusters(values.tolist(), count, seed).centres)
        # On a line the nearest centre changes halfway between two neighbours.
        labels = np.searchsorted((centres[1:] + centres[:-1]) / 2, values, side="right")
    made = []
    for label in range(count):
        inside = [m for m, own in zip(members, labels, strict=True) if own == label]
        # Quantiles of values with many ties may coincide, which leaves a group empty.
        if inside:
            made.append(Cluster(name, float(scores[inside].mean()), inside,
                                int(tokens[inside].sum())))  # fmt: skip
    return made


def _merged(found: list[Cluster], scores: Floats, budget: int, small: str) -> list[Cluster]:
    found = sorted(found, key=lambda cluster: cluster.centre)
    while small == "merge" and len(found) > 1:
        # The smallest first, and again after each merge: its neighbour may be large enough then.
        place = min(range(len(found)), key=lambda i: found[i].tokens)
        if found[place].tokens >= budget:
            break
        sides = [i for i in (place - 1, place + 1) if 0 <= i < len(found)]
        other = min(sides, key=lambda i: abs(found[i].centre - found[place].centre))
        a, b = found[min(place, other)], found[max(place, other)]
        members = a.members + b.members
        both = Cluster(a.stratum, float(scores[members].mean()), members, a.tokens + b.tokens)
        found[min(place, other) : max(place, other) + 1] = [both]
    for cluster in found:
        cluster.is_too_small = cluster.tokens < budget
    return found


def exact_edges(values: Floats, number: int) -> Floats:
    """Return the edges between the clusters [number - 1] that make the sum of squares least.

    Dynamic programming over the sorted values (Wang and Song 2011); the best last cut moves to the
    right as the end does, so each layer is found by halving. A value at an edge is in the upper
    cluster.
    """
    # Equal values never part, and weigh as many as they are.
    ordered, counts = np.unique(values, return_counts=True)
    size = len(ordered)
    # Running sums: the squares around the mean of any stretch are three differences away.
    weight = np.concatenate([[0.0], np.cumsum(counts, dtype=np.float64)])
    total = np.concatenate([[0.0], np.cumsum(ordered * counts)])
    square = np.concatenate([[0.0], np.cumsum(ordered**2 * counts)])

    def cost(starts: Any, stop: int) -> Any:
        n = weight[stop] - weight[starts]
        # Σ(x - mean)² = Σx² - (Σx)² / n.
        mean = (total[stop] - total[starts]) ** 2 / n
        return square[stop] - square[starts] - mean

    best = np.array([0.0] + [float(cost(np.array([0]), stop)[0]) for stop in range(1, size + 1)])
    cuts = np.zeros((number, size + 1), dtype=np.int64)
    for layer in range(1, number):
        after = np.full(size + 1, np.inf)
        # (ends low … high still to do, and where their best cut can lie: first … last). Ends below
        # layer + 1 have too few values for so many clusters.
        stack = [(layer + 1, size, layer, size)]
        while stack:
            low, high, first, last = stack.pop()
            if low > high:
                continue
            middle = (low + high) // 2
            starts = np.arange(max(first, layer), min(last, middle - 1) + 1)
            tried = best[starts] + cost(starts, middle)
            place = int(tried.argmin())
            after[middle], cuts[layer, middle] = tried[place], starts[place]
            stack.append((low, middle - 1, first, int(starts[place])))
            stack.append((middle + 1, high, int(starts[place]), last))
        best = after
    edges, stop = [], size
    # Back from the last end: each layer tells where the cluster before it ended.
    for layer in range(number - 1, 0, -1):
        stop = int(cuts[layer, stop])
        edges.append(ordered[stop])
    return np.array(edges[::-1])
