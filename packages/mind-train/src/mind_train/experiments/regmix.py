"""RegMix's public runs as a test of the fits: 512 proxies, and mixtures that no fit has seen.

`DIR` holds `train_mixture_1m.csv`, `train_pile_loss_1m.csv` and the same of `test_…` (MIT, Liu et
al. 2024). The target is the loss on Pile-CC, as in the paper.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from mind_core.errors import MindError
from mind_core.render.terminal import align_columns
from mind_train.experiments.mixture_laws import FITTERS
from mind_train.experiments.outcomes import spearman
from mind_train.experiments.run_table import table_rows

Floats = npt.NDArray[np.float64]
TARGET = "metric/the_pile_pile_cc_val_loss"
PROXIES = (64, 128, 512)


def read_pair(folder: Path, split: str, size: str, target: str = TARGET) -> tuple[Floats, Floats]:
    """Read mixtures (n, sources) and the losses of a target (n,), matched by their index."""
    name = f"{split}_mixture_{size}.csv"
    # By their index: the two files need not have the same order, nor the same runs.
    shares = {str(row.get("index")): (line, row) for line, row in table_rows(folder / name)}
    found, losses = [], []
    for line, row in table_rows(folder / f"{split}_pile_loss_{size}.csv"):
        if (index := str(row.get("index"))) not in shares:
            continue
        if target not in row:
            raise MindError(
                f"{folder}: line {line} of the losses has no {target}", hint="give RegMix's folder"
            )
        place, mixture = shares[index]
        values = [value for key, value in mixture.items() if key != "index"]
        found.append([_number(value, f"{folder / name}, line {place}") for value in values])
        losses.append(_number(row[target], f"{folder}: line {line} of the losses"))
    if len(losses) < 8:
        raise MindError(f"{folder} has {len(losses)} runs of {split} at {size}", hint="give more")
    if len({len(one) for one in found}) > 1:
        raise MindError(f"{folder / name} has rows of several lengths", hint="give RegMix's folder")
    return np.array(found), np.array(losses)


def _number(value: object, where: str) -> float:
    try:
        number = float(str(value))
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise MindError(f"{where}: {value!r:.80} is no finite number", hint="correct the row")
    return number


def regmix_scores(folder: Path, proxies: Sequence[int] = PROXIES) -> list[tuple[int, str, float]]:
    """Return Spearman's correlation on the unseen mixtures at 1M, by proxies and law."""
    shares, losses = read_pair(folder, "train", "1m")
    unseen, real = read_pair(folder, "test", "1m")
    found = []
    for count in proxies:
        for law, fitter in FITTERS.items():
            predicted = fitter(shares[:count], losses[:count])(unseen)
            found.append((count, law, spearman(predicted.tolist(), real.tolist())))
    return found


def regmix_text(scores: Sequence[tuple[int, str, float]]) -> str:
    """Lay out the correlations."""
    rows = [("proxies", "fit", "Spearman on unseen mixtures")]
    rows += [(f"{count}", law, f"{value:.4f}") for count, law, value in scores]
    return "\n".join(align_columns(rows, [True, False, True])) + "\n"
