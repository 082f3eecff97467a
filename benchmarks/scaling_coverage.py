"""How often the intervals of `mind-train scaling` hold the truth, on laws that are planted.

Five sizes by four numbers of tokens, and five sizes at one, 100 draws of noise 0.01 each.
"""

from __future__ import annotations

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np

from mind_train.experiments.fitting import fit
from mind_train.experiments.identification import design_faults, profile_faults, profiles
from mind_train.experiments.laws import LAWS

DRAWS, NOISE = 100, 0.01
LAW = LAWS["N,D"]
TRUE = {"E": 1.8, "alpha": 0.30, "beta": 0.33}


def main() -> None:
    """Print the share of intervals that hold each parameter, and how often a design is refused."""
    for lengths in ([1e6, 4e6, 16e6, 64e6], [1e9]):
        parameters, tokens = (
            side.ravel() for side in np.meshgrid([0.5e6, 1e6, 2e6, 4e6, 8e6], lengths)
        )
        held, refused = dict.fromkeys(TRUE, 0), 0
        for seed in range(DRAWS):
            noise = NOISE * np.random.default_rng(seed).standard_normal(len(tokens))
            loss = 1.8 + 2.0 * (parameters / 1e6) ** -0.30 + 2.2 * (tokens / 1e6) ** -0.33 + noise
            found = fit(LAW, parameters, tokens, loss)
            drawn = profiles(found, parameters, tokens, loss)
            faults = design_faults(LAW, parameters, tokens) + profile_faults(LAW, drawn)
            refused += bool(faults)
            for name, value in TRUE.items():
                low, high = drawn[name].interval
                held[name] += low <= value <= high
        print(f"{len(lengths)} numbers of tokens: not identified {refused} of {DRAWS}; held {held}")


if __name__ == "__main__":
    main()
