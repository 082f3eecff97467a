"""K-Means on the score alone, as in the paper, with a fixed seed; clusters are in rising order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from mind_core.errors import UsageError


@dataclass(frozen=True)
class Clusters:
    """Centres in rising order; a score belongs to the nearest."""

    centres: tuple[float, ...]

    def of(self, score: float) -> int:
        """Return the number of the cluster of a score, from 0."""
        return min(range(len(self.centres)), key=lambda c: (abs(score - self.centres[c]), c))

    def describe(self, scores: Sequence[float]) -> list[dict[str, Any]]:
        """Describe each cluster of scores: centre, number, and how far it reaches."""
        members: list[list[float]] = [[] for _ in self.centres]
        for score in scores:
            members[self.of(score)].append(score)
        return [
            {
                "cluster": number,
                "centre": centre,
                "records": len(inside),
                "from": min(inside, default=None),
                "to": max(inside, default=None),
            }
            for number, (centre, inside) in enumerate(zip(self.centres, members, strict=True))
        ]


def fit_clusters(scores: Sequence[float], number: int, seed: int) -> Clusters:
    """Fit K-Means (k-means++, ten starts); raise `UsageError` for more clusters than scores."""
    different = len(set(scores))
    if not 1 <= number <= different:
        raise UsageError(
            f"--clusters {number} does not fit {different} different scores",
            hint="5 to 10 are usual, and each needs records",
        )
    import numpy as np
    from sklearn.cluster import KMeans

    fitted = KMeans(n_clusters=number, n_init=10, random_state=seed).fit(
        np.asarray(scores, dtype=np.float64)[:, None]
    )
    # Rounded to what `score` writes of an entropy.
    return Clusters(tuple(round(float(c), 6) for c in sorted(fitted.cluster_centers_[:, 0])))
