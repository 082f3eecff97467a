"""Where the noise of cluster means comes from, and draws of means with all of it."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mind_sft_select.fitting.curves import fit

Floats = NDArray[np.float64]
DRAWS = 1000


@dataclass(frozen=True)
class Noise:
    """Variances of one value: of an item's difference between clusters, of a seed, of a cluster
    around a smooth curve.
    """

    item: float
    seed: float
    cluster: float

    def of_mean(self, seeds: int, items: int) -> float:
        """Return the variance of a cluster's mean, beside what all clusters share."""
        return self.item / (items * seeds) + self.seed / seeds + self.cluster


def residual_variance(x: Floats, means: Floats) -> float:
    """Return the variance around the quadratic, the most flexible curve that is linear."""
    error = float(fit("quadratic", x, means[None]).error[0])
    gauss = float(fit("gaussian", x, means[None]).error[0])
    # Degrees of freedom: a quadratic takes three, a Gaussian with its width four.
    left = len(x) - 3
    return min(error / left, gauss / max(left - 1, 1))


def split_noise(values: Floats, residual: float) -> Noise:
    """Split the variance of paired values [C, S, I]; what curves leave beyond it is of clusters."""
    clusters, seeds, items = values.shape
    paired = values - values.mean(axis=0, keepdims=True)  # what all clusters share is gone
    # What is left are deviations within a cluster: of seeds, and of items.
    centred = paired - paired.mean(axis=(1, 2), keepdims=True)
    by_seed = centred.mean(axis=2)  # (C, S)
    rest = centred - by_seed[:, :, None]
    # Taking off the mean over clusters took one of C degrees of freedom from each item.
    degrees = clusters / max(clusters - 1, 1)
    item = float((rest**2).mean()) * degrees * (items / (items - 1)) if items > 1 else 0.0
    seed = 0.0
    if seeds > 1:
        between = float((by_seed**2).sum() / (clusters * (seeds - 1))) * degrees
        # The mean of a seed holds the noise of its items as well.
        seed = max(0.0, between - item / items)
    known = item / (items * seeds) + seed / seeds
    # An estimated variance may come out below 0, which means none was seen.
    return Noise(item, seed, max(0.0, residual - known))


def draw_means(values: Floats, noise: Noise, rng: np.random.Generator) -> Floats:
    """Draw cluster means [B, C]: items by weights that all clusters share, seeds and clusters."""
    clusters, seeds, items = values.shape
    means = values.mean(axis=(1, 2))
    drawn = np.tile(means, (DRAWS, 1))
    if items > 1:
        by_item = values.mean(axis=1)  # (C, I)
        for start in range(0, DRAWS, 250):
            # A bootstrap as weights: no item is copied. In parts, as [1000, I] may be large.
            weights = rng.multinomial(items, np.full(items, 1 / items), size=250) / items
            drawn[start : start + 250] = weights @ by_item.T
    if seeds > 1:
        by_seed = values.mean(axis=2) - means[:, None]  # (C, S)
        scale = math.sqrt(seeds / (seeds - 1))  # so few seeds spread too little by themselves
        for c in range(clusters):
            chosen = rng.integers(0, seeds, size=(DRAWS, seeds))
            drawn[:, c] += scale * by_seed[c][chosen].mean(axis=1)
    # Clusters: what a smooth curve leaves, on as few degrees of freedom as there are.
    left = max(clusters - 3, 1)
    cluster = math.sqrt(noise.cluster) * rng.standard_normal((DRAWS, clusters))
    return np.asarray(drawn + cluster * np.sqrt(left / rng.chisquare(left, size=(DRAWS, 1))))
