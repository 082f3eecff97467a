"""Say whether the runs determine the parameters of a law: designs, and the profile of E.

A profile holds the irreducible loss E at each value of a grid and fits the rest (Raue et al.
2009). Where the objective hardly rises towards the end of the grid, or where the values of E that
the data allow bring exponents of other orders, the law is not identified: any forecast is then a
choice of the person who makes it.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from mind_train.experiments.fitting import HUBER_DELTA, LawFit, minimize
from mind_train.experiments.laws import ScalingLaw

Array = NDArray[np.float64]

CONFIDENCE = 0.95
GRID = 24
# Allowed values of one exponent that differ by more than this factor determine nothing.
MAX_EXPONENT_RATIO = 3.0
EXPONENTS = {"N": "alpha", "D": "beta", "C": "alpha"}
MIN_LEVELS = 2
MIN_SPARE_RUNS = 1


@dataclass(frozen=True)
class Profile:
    """The profile of one parameter: the objective (m,) at each of its `values` (m,).

    `values` are those of an exponent, or of E itself; under `limit` the data allow them.
    """

    name: str
    values: Array
    objective: Array
    limit: float

    @property
    def allowed(self) -> NDArray[np.bool_]:
        """Whether the data allow each value at 95 %."""
        return self.objective <= self.limit

    @property
    def interval(self) -> tuple[float, float]:
        """The lowest and the highest value that the data allow; where the grid ends, its end."""
        values = self.values[self.allowed]
        return float(values.min()), float(values.max())


def design_faults(law: ScalingLaw, parameters: Array, tokens: Array) -> list[str]:
    """Return why these runs cannot determine the law, whatever their losses are."""
    faults = []
    sizes, lengths = np.unique(parameters), np.unique(tokens)
    # With as many runs as parameters every law fits, and residuals say nothing.
    if len(parameters) < law.size + MIN_SPARE_RUNS:
        faults.append(f"{len(parameters)} runs for {law.size} parameters")
    if law.terms == ("N", "D"):
        if len(sizes) < MIN_LEVELS + 1:
            faults.append(f"{len(sizes)} sizes of models; at least 3 are needed")
        if len(lengths) < MIN_LEVELS + 1:
            faults.append(f"{len(lengths)} numbers of tokens; at least 3 are needed")
        per_size = [len(np.unique(tokens[parameters == size])) for size in sizes]
        if sum(count >= MIN_LEVELS for count in per_size) < MIN_LEVELS:
            faults.append("fewer than two sizes with two numbers of tokens each")
        if _collinear(np.log(parameters), np.log(tokens)):
            faults.append("tokens are one function of the size: their effects cannot be told apart")
    elif law.terms == ("N",) and len(lengths) > 1:
        faults.append("L(N) takes runs of one number of tokens; these have several")
    elif law.terms == ("D",) and len(sizes) > 1:
        faults.append("L(D) takes runs of one size; these have several")
    return faults


def _collinear(left: Array, right: Array) -> bool:
    if left.std() == 0 or right.std() == 0:
        return True
    return abs(float(np.corrcoef(left, right)[0, 1])) > 0.999


def profiles(
    found: LawFit, parameters: Array, tokens: Array, loss: Array, *, delta: float = HUBER_DELTA
) -> dict[str, Profile]:
    """Return the profiles of E (1 % to 99.9 % of the lowest loss) and of every exponent.

    A value is allowed where the objective stays under the limit of the F test (Seber and Wild,
    Nonlinear Regression, 1989, section 5.3).
    """
    from scipy.stats import f as f_distribution

    law = found.law
    x, log_loss = law.variables(parameters, tokens), np.log(loss)
    freedom = max(len(loss) - law.size, 1)
    rise = 1 + float(f_distribution.ppf(CONFIDENCE, 1, freedom)) / freedom
    lowest = float(loss.min())
    # From almost 0 to almost the lowest loss, below which E lies.
    grids = {"E": (law.size - 1, np.linspace(0.01, 0.999, GRID) * lowest)}
    for index, term in enumerate(law.terms):
        best = max(float(found.theta[2 * index + 1]), 1e-3)
        ratios = np.geomspace(1 / (2 * MAX_EXPONENT_RATIO), 2 * MAX_EXPONENT_RATIO, GRID)
        grids[EXPONENTS[term]] = (2 * index + 1, best * ratios)

    def at(index: int, value: float, start: Array) -> tuple[float, Array]:
        # The law's last parameter is e = log E.
        value = float(np.log(value)) if index == law.size - 1 else value
        return minimize(law, start, x, log_loss, delta, fixed=(index, value))

    result = {}
    for name, (index, grid) in grids.items():
        best = float(np.exp(found.theta[-1])) if name == "E" else float(found.theta[index])
        objective = np.empty(len(grid))
        middle = int(np.searchsorted(grid, best))
        # From the best fit outwards: each is the start of the next.
        for order in (range(middle, len(grid)), range(middle - 1, -1, -1)):
            theta = found.theta
            for place in order:
                objective[place], theta = at(index, float(grid[place]), theta)
        # A profile may go below the fit: then that was not the best one, and the limit is lower.
        limit = min(found.objective, float(objective.min())) * rise
        values, heights = [best, *grid], [found.objective, *objective]
        edges = _edges(np.asarray(values), np.asarray(heights), limit)
        values += edges
        heights += [limit] * len(edges)
        order_of = np.argsort(values)
        result[name] = Profile(
            name, np.asarray(values)[order_of], np.asarray(heights)[order_of], limit
        )
    return result


def _edges(values: Array, objective: Array, limit: float) -> list[float]:
    """Return where the profile crosses the limit, by a line between neighbouring values.

    `values` (m,) in any order; the crossings are the nearest ones to the lowest objective.
    """
    order = np.argsort(values, kind="stable")
    known = [(float(values[index]), float(objective[index])) for index in order]
    lowest = min(range(len(known)), key=lambda index: known[index][1])
    edges = []
    for side in (known[lowest::-1], known[lowest:]):
        for (x0, y0), (x1, y1) in pairwise(side):
            if y1 > limit:
                edges.append(x0 + (limit - y0) / (y1 - y0) * (x1 - x0))
                break
    return edges


def profile_faults(law: ScalingLaw, found: dict[str, Profile]) -> list[str]:
    """Return why the profiles say that the law is not identified."""
    faults = []
    irreducible = found["E"]
    if irreducible.allowed[0]:
        high = irreducible.interval[1]
        faults.append(f"the data allow an irreducible loss from {high:.3g} down to zero")
    if irreducible.allowed[-1]:
        faults.append("the data allow an irreducible loss as high as the lowest loss")
    for term in law.terms:
        low, high = found[EXPONENTS[term]].interval
        if low <= 0 or high / low > MAX_EXPONENT_RATIO:
            faults.append(f"the data allow exponents of {term} from {low:.3g} to {high:.3g}")
    return faults
