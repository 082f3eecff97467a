"""The command `average`: the mean of the weights of several checkpoints of one model.

Late checkpoints of a run with a constant rate wander around a point that is better than any of
them; their mean is near what a decay of the rate would have found (Izmailov et al. 2018).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from mind_core import MindError
from mind_core.errors import UsageError
from mind_core.plugins import Plugins
from mind_core.progress import log
from mind_train.checkpoint import (
    EMA,
    MODEL,
    TOKENIZER,
    find_checkpoint,
    read_config,
    sound_checkpoints,
    write_checkpoint,
)
from mind_train.components import TOOL
from mind_train.tensor_file import open_tensors


def average(models: Sequence[Path], last: int, output: Path, plugins: Plugins) -> None:
    """Write the mean of checkpoints, or of the last ones of a run, as a checkpoint of its own.

    Raises MindError for models that are not of one shape and one tokenizer, UsageError for fewer
    than two.
    """
    folders = _chosen(models, last)
    manifests = [find_checkpoint(folder)[1] for folder in folders]
    configs = [read_config(folder, plugins) for folder in folders]
    words = [_hashes(manifest) for manifest in manifests]
    for folder, shape, word in zip(folders, configs, words, strict=True):
        if shape != configs[0] or word != words[0]:
            what = "tokenizer" if shape == configs[0] else "shape"
            raise MindError(
                f"{folder} and {folders[0]} are models of another {what}",
                hint="average checkpoints of one run, or of its branches",
            )
    architecture, config = configs[0]
    step = max(int(manifest["step"]) for manifest in manifests)
    inputs = {"command": "average", "of": [manifest["fingerprint"] for manifest in manifests]}
    _refuse_existing(output)
    trainer = {"counters": {}, "state": {}, "inputs": inputs}
    words_of = folders[0] / TOKENIZER
    weights = mean_weights(folders)
    write_checkpoint(output, step, architecture, config, weights, {}, trainer, words_of)
    log(TOOL, f"{output}: the mean of " + ", ".join(f.name for f in folders))


def take_ema(models: Sequence[Path], output: Path, plugins: Plugins) -> None:
    """Write the moving average that a run has kept as a checkpoint of its own.

    Raises MindError for a run that kept none, UsageError for several models.
    """
    if len(models) != 1:
        raise UsageError("--ema is of one run", hint="name one run folder or checkpoint")
    folder, manifest = find_checkpoint(models[0])
    if EMA not in manifest["files"]:
        raise MindError(
            f"{folder} has no moving average of its weights",
            hint="train with --set train.ema=0.999, or leave --ema out: --last 3",
        )
    _refuse_existing(output)
    architecture, config = read_config(folder, plugins)
    step = int(manifest["step"])
    inputs = {"command": "average", "of": [manifest["fingerprint"]], "ema": True}
    trainer = {"counters": {}, "state": {}, "inputs": inputs}
    with open_tensors(folder / EMA) as file:
        weights = {name: file.get_tensor(name) for name in sorted(file.keys())}
    words_of = folder / TOKENIZER
    write_checkpoint(output, step, architecture, config, weights, {}, trainer, words_of)
    log(TOOL, f"{output}: the moving average of {folder}")


def _refuse_existing(output: Path) -> None:
    if output.exists():
        raise UsageError(f"{output} exists", hint="give a folder that does not exist yet")


def mean_weights(folders: Sequence[Path]) -> dict[str, Tensor]:
    """Compute the mean of each tensor over checkpoints, in float64 one at a time, in its type."""
    mean: dict[str, Tensor] = {}
    with ExitStack() as stack:
        files = [stack.enter_context(open_tensors(folder / MODEL)) for folder in folders]
        for name in sorted(files[0].keys()):
            first = files[0].get_tensor(name)
            # In double precision: sums of many checkpoints would lose digits of fp32.
            total = first.to(torch.float64)
            for file in files[1:]:
                total += file.get_tensor(name)
            mean[name] = (total / len(files)).to(first.dtype)
    return mean


def _chosen(models: Sequence[Path], last: int) -> list[Path]:
    """Give the checkpoints that are meant, oldest first."""
    found: list[Path] = []
    for model in models:
        if len(models) == 1 and (model / "checkpoints").is_dir():
            sound = [folder for folder, _ in sound_checkpoints(model)]
            if len(sound) < last:
                raise MindError(
                    f"{model} has {len(sound)} checkpoints, --last asks for {last}",
                    hint="train with train.keep or keep_every, or name a smaller number",
                )
            found += reversed(sound[:last])
        else:
            found.append(find_checkpoint(model)[0])
    # `--last 1`, or one checkpoint named twice, is no mean.
    if len(set(found)) < max(2, len(found)):
        raise UsageError(
            "there are not two checkpoints to average",
            hint="name a run folder and --last 3, or several checkpoints, each once",
        )
    return found


def _hashes(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """Give what says which tokenizer it is."""
    return {n: f for n, f in manifest["files"].items() if n.startswith(f"{TOKENIZER}/")}
