"""The command `bench`: the speed of a recipe's step, beside what this device's products give.

Random tokens, the real model, loss and optimizer. The peak is measured just before and after, on
the device itself, so the share means something on a machine that no table knows.
"""

from __future__ import annotations

import re
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from mind_core.plugins import Plugins
from mind_core.recipe import Recipe
from mind_train.config import model_config, settings
from mind_train.data import Example
from mind_train.device import DeviceConfig, choose_device
from mind_train.mixture import ALL, UNIT, Mixture, MixtureSource, Phase
from mind_train.models.plain_module import build_model
from mind_train.recipe_mixture import row_length
from mind_train.trainer import Trainer

SQUARE = {"cpu": 2048, "cuda": 8192}


class RandomDataset:
    """Rows of random ids, the same for a number at every call."""

    def __init__(self, sequence: int, vocab: int) -> None:
        self.sequence, self.vocab = sequence, vocab

    def __len__(self) -> int:
        return 1 << 20

    def row(self, number: int, epoch: int = 0) -> Example:  # noqa: ARG002
        """Draw a row of random tokens, from its number alone."""
        ids = np.random.default_rng(number).integers(0, self.vocab, self.sequence + 1)
        return Example(ids, np.zeros_like(ids))

    def notes(self) -> list[str]:
        """Say nothing: no token of a benchmark is left over."""
        return []


def gemm_peak(machine: DeviceConfig, repeat: int = 4) -> float:
    """Measure the FLOP/s of the best of some large square products in the compute type."""
    n = SQUARE.get(machine.device.type, 4096)
    # Three buffers for all tries: allotting the result would be timed too.
    a, b, out = (torch.randn(n, n, device=machine.device).to(machine.dtype) for _ in range(3))
    best = min(_timed(lambda: torch.mm(a, b, out=out), machine) for _ in range(repeat))
    return 2.0 * n**3 / best


def trainer_of(recipe: Recipe, plugins: Plugins, vocab: int) -> Trainer:
    """Make a trainer over random rows; nothing is written and nothing held out."""
    resolved = settings(recipe, plugins)
    _, config = model_config(resolved.recipe, plugins, vocab)
    machine = choose_device(resolved.train.device, resolved.train.dtype)
    rows = RandomDataset(row_length(resolved, config), config.vocab)
    torch.manual_seed(resolved.seed)
    mixture = Mixture(
        [MixtureSource(ALL, rows, 0)], [Phase(1 << 30, (UNIT,))], resolved.train.batch
    )
    with machine.device:  # where a GPU draws 3 billion weights in no time
        model = build_model(config)
    return Trainer(model, mixture, [], resolved, machine)


def bench(recipe: Recipe, plugins: Plugins, vocab: int, seconds: float) -> dict[str, Any]:
    """Time a recipe's steps for some seconds; give medians, shares of the peaks and memory."""
    trainer = trainer_of(recipe, plugins, vocab)
    machine, batch = trainer.machine, trainer.options.batch
    sequence = trainer.mixture.sources[0].rows.sequence
    # The first step allots memory and may compile: it is told by itself.
    first = _timed(trainer.step, machine)
    times = [_timed(trainer.step, machine) for _ in range(2)]
    memory = peak_memory(machine)  # of the steps alone: the products below are no part of a run
    peaks = [gemm_peak(machine)]
    while sum(times) < seconds:
        times.append(_timed(trainer.step, machine))
    # Before and after: a processor that slows down when it is warm shows it here.
    peaks.append(gemm_peak(machine))
    tokens = batch * sequence
    rate = tokens / statistics.median(times)
    table = machine.peak()
    parameters = sum(p.numel() for p in trainer.model.parameters())
    return {
        "architecture": recipe.values["model"]["architecture"],
        "device": machine.describe(),
        "torch": torch.__version__,
        "parameters": parameters,
        "vocab": trainer.model.config.vocab,
        "batch": batch,
        "micro_batch": min(trainer.micro_batch, batch),
        "sequence": sequence,
        "steps": len(times),
        "tokens_per_second": round(rate, 1),
        "tokens_per_second_all_in": round(tokens * len(times) / sum(times), 1),
        "flops_per_token": trainer.flops,
        "gemm_peak": max(peaks),
        "share_of_gemm_peak": round(rate * trainer.flops / max(peaks), 4),
        "mfu": table and round(rate * trainer.flops / table, 4),
        "first_step_seconds": round(first, 2),
        "peak_memory_bytes": memory,
        "state_bytes": 16 * parameters,
    }


def peak_memory(machine: DeviceConfig) -> int:
    """Tell the most memory that this process has had on the device; libraries count on a CPU."""
    if machine.device.type == "cuda":
        return int(torch.cuda.max_memory_allocated(machine.device))
    if (status := Path("/proc/self/status")).exists():
        # Not ru_maxrss, where that can be had: it begins with what a notebook or test runner that
        # started this process had.
        found = re.search(r"^VmHWM:\s+(\d+) kB", status.read_text(), re.MULTILINE)
        if found is not None:
            return int(found[1]) * 1024
    import resource

    unit = 1 if sys.platform == "darwin" else 1024  # bytes there, KiB on Linux
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def as_text(result: dict[str, Any]) -> str:
    """Lay a measurement out for people."""
    mfu = "not known for this device" if result["mfu"] is None else f"{result['mfu']:.1%}"
    return (
        f"{result['architecture']}, {result['parameters']:,} parameters, {result['device']}, "
        f"torch {result['torch']}\n"
        f"{result['tokens_per_second']:,.0f} tokens/s (median of {result['steps']} steps; all in "
        f"{result['tokens_per_second_all_in']:,.0f}), {result['batch']} × {result['sequence']} "
        f"tokens a step, {result['micro_batch']} rows at once\n"
        f"matrix product {result['gemm_peak'] / 1e9:,.0f} GFLOP/s, share of it "
        f"{result['share_of_gemm_peak']:.1%}; MFU against the data sheet: {mfu}\n"
        f"memory {result['peak_memory_bytes'] / 2**30:.2f} GiB at most, of it states "
        f"{result['state_bytes'] / 2**30:.2f}\n"
    )


def _timed(work: Callable[[], object], machine: DeviceConfig) -> float:
    if machine.device.type == "cuda":
        torch.cuda.synchronize(machine.device)
    begun = time.perf_counter()
    work()
    if machine.device.type == "cuda":
        torch.cuda.synchronize(machine.device)
    return time.perf_counter() - begun
