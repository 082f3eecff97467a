"""Scaling laws as functions of parameters, with analytic gradients.

A law gives the logarithm of the loss. Its parameters θ are unbounded: exponents and constants
enter as logarithms, so that every fit is one without constraints.

| law | formula | source |
|---|---|---|
| `N,D` | E + A/N^α + B/D^β | Hoffmann et al. 2022, arXiv:2203.15556, approach 3 |
| `C` | E + (C₀/C)^α | Henighan et al. 2020, arXiv:2010.14701, with C = 6·N·D |
| `N`, `D` | E + (x₀/x)^α | the same with parameters or tokens alone |

The sum is evaluated as log-sum-exp of its terms' logarithms (as Hoffmann et al. do).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

FLOPS_PER_PARAMETER_AND_TOKEN = 6.0


@dataclass(frozen=True)
class ScalingLaw:
    """One form of a scaling law: log L = logsumexp(a_k − γ_k·log x_k over terms k, e).

    `terms` names the variables of the power terms. θ = (a_1, γ_1, …, a_K, γ_K, e), float64.
    """

    name: str
    terms: tuple[str, ...]

    @property
    def size(self) -> int:
        """The number of parameters."""
        return 2 * len(self.terms) + 1

    def variables(self, parameters: Array, tokens: Array) -> Array:
        """Return log x of every term, float64 (K, n)."""
        columns = {
            "N": np.log(parameters),
            "D": np.log(tokens),
            "C": np.log(FLOPS_PER_PARAMETER_AND_TOKEN) + np.log(parameters) + np.log(tokens),
        }
        return np.stack([columns[term] for term in self.terms])

    def log_loss(self, theta: Array, x: Array) -> tuple[Array, Array]:
        """Return log L (…, n) and its gradient by θ (…, 2K + 1, n) for θ (…, 2K + 1).

        x is what `variables` returned; leading axes are those of many θ at once.
        """
        count = len(self.terms)
        scale, exponent = theta[..., 0 : 2 * count : 2], theta[..., 1 : 2 * count : 2]
        logs = np.empty((*theta.shape[:-1], count + 1, x.shape[1]))
        logs[..., :count, :] = scale[..., None] - exponent[..., None] * x
        logs[..., count, :] = theta[..., -1:]
        # The largest logarithm is taken out, so that no exponential overflows.
        highest = logs.max(axis=-2, keepdims=True)
        shares = np.exp(logs - highest)
        total = shares.sum(axis=-2, keepdims=True)
        # The share of each term in the loss, which is what log-sum-exp has for a derivative.
        shares /= total
        gradient = np.empty((*theta.shape[:-1], self.size, x.shape[1]))
        gradient[..., 0 : 2 * count : 2, :] = shares[..., :count, :]
        gradient[..., 1 : 2 * count : 2, :] = -x * shares[..., :count, :]
        gradient[..., -1, :] = shares[..., count, :]
        return (highest + np.log(total))[..., 0, :], gradient

    def starts(self, x: Array, loss: Array) -> Iterator[Array]:
        """Yield starting points over a grid: exponents × the share of the loss that is irreducible.

        The scales of the terms follow from the data: at the middle of each variable a term is an
        equal part of what the irreducible loss leaves.
        """
        # The median: the middle of a grid of sizes, which a few long runs do not move.
        middle, lowest = np.median(x, axis=1), float(loss.min())
        typical = float(np.median(loss))
        exponents = (0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.65, 0.8, 1.0, 1.3, 1.7)
        shares = (0.02, 0.3, 0.6, 0.85) if len(self.terms) > 1 else np.linspace(0.02, 0.98, 48)
        for share in shares:
            irreducible = share * lowest
            # Half of what is left over for each of two terms, or all of it for one.
            part = np.log((typical - irreducible) / len(self.terms))
            for chosen in product(exponents, repeat=len(self.terms)):
                theta = np.empty(self.size)
                theta[0:-1:2] = part + np.asarray(chosen) * middle
                theta[1:-1:2] = chosen
                theta[-1] = np.log(irreducible)
                yield theta

    def shown(self, theta: Array) -> dict[str, float]:
        """Return the parameters under their usual names."""
        if self.terms == ("N", "D"):
            a, alpha, b, beta, e = theta
            named = {"E": np.exp(e), "A": np.exp(a), "alpha": alpha, "B": np.exp(b), "beta": beta}
            # Compute-optimal sizes: N ∝ C^a, D ∝ C^b (Hoffmann et al., equation 4).
            named |= {"a": beta / (alpha + beta), "b": alpha / (alpha + beta)}
        else:
            a, alpha, e = theta
            # x₀ in logarithms: a small exponent would overflow it.
            named = {"E": np.exp(e), "log_x0": a / alpha, "alpha": alpha}
        return {name: float(value) for name, value in named.items()}


LAWS = {
    "N,D": ScalingLaw("N,D", ("N", "D")),
    "C": ScalingLaw("C", ("C",)),
    "N": ScalingLaw("N", ("N",)),
    "D": ScalingLaw("D", ("D",)),
}
