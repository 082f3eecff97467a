"""The learning rate and batch that Step Law gives a run (Li et al. 2025, arXiv:2503.04715).

ln rate = c + a ln N + b ln D and ln batch = c' + b' ln D, with N the body's parameters (no table,
no head), D the training tokens and the batch in tokens. The authors fitted both to 1,000
resamplings of 1,911 runs of dense Llama-like models; means and covariances here are those of their
coefficients. The law is of the highest rate of a cosine that ends at 1e-5.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

RATE = np.array([0.58630779, -0.71292229, 0.30749095])
RATE_COVARIANCE = np.array(
    [
        [3.89062111e-01, -1.35589390e-02, -5.13249353e-03],
        [-1.35589390e-02, 8.91485737e-04, -1.74331789e-04],
        [-5.13249353e-03, -1.74331789e-04, 3.66311843e-04],
    ]
)
BATCH = np.array([-0.54354217, 0.57094436])
BATCH_COVARIANCE = np.array([[0.19117964, -0.00815157], [-0.00815157, 0.00034852]])

SIZES, TOKENS = (2.1e8, 1.08e9), (4e9, 1e11)
"""Parameters and tokens of the runs that it was fitted to."""

_HALF = 1.96
"""Standard deviations of half a 95 % band."""


@dataclass(frozen=True)
class Advice:
    """Rate and batch in tokens, each with the band of the authors' resamplings (95 %)."""

    rate: float
    rate_band: tuple[float, float]
    batch: float
    batch_band: tuple[float, float]
    is_outside: bool
    """Whether the run lies beyond the sizes or tokens that the law was fitted to."""


def advice(parameters: float, tokens: float) -> Advice:
    """Return what the law says of a run with so many parameters in its body and so many tokens."""
    size, length = np.log(parameters), np.log(tokens)
    rate, rate_band = _band(RATE, RATE_COVARIANCE, np.array([1.0, size, length]))
    batch, batch_band = _band(BATCH, BATCH_COVARIANCE, np.array([1.0, length]))
    inside = SIZES[0] <= parameters <= SIZES[1] and TOKENS[0] <= tokens <= TOKENS[1]
    return Advice(rate, rate_band, batch, batch_band, not inside)


def advice_line(found: Advice) -> str:
    """Return one line for people."""
    low, high = found.rate_band
    fewest, most = (float(f"{value:.3g}") for value in found.batch_band)
    return (
        f"Step Law: rate {found.rate:.2e} ({low:.2e} … {high:.2e}), batch "
        f"{float(f'{found.batch:.3g}'):,.0f} tokens ({fewest:,.0f} … {most:,.0f})"
        + (", far from the runs it was fitted to" if found.is_outside else "")
    )


def _band(
    mean: np.ndarray, covariance: np.ndarray, at: np.ndarray
) -> tuple[float, tuple[float, float]]:
    """Return e to a normal variable's mean, and to both ends of its 95 % band."""
    # A linear form of jointly normal coefficients is normal, with variance xᵀ Σ x.
    centre, spread = float(mean @ at), float(np.sqrt(at @ covariance @ at))
    low, high = np.exp(centre - _HALF * spread), np.exp(centre + _HALF * spread)
    return float(np.exp(centre)), (float(low), float(high))
