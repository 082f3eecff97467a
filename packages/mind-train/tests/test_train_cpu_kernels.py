"""`train.cpu_kernels`: with false nothing of models/cpu computes, and losses are the same."""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np
import pytest

from mind_train.bench import trainer_of
from mind_train.components import load_plugins
from mind_train.config import effective_recipe
from mind_train.held_out import HeldOutSet
from mind_train.metrics import NoMetrics
from mind_train.models import cpu

FOLDER = str(Path(cpu.__file__).parent)
PLAIN = {"cpu.is_on", "cpu.cpu_kernels", "matmul.is_plain", "matmul.forward",
         "memory_saving_ops.rotated", "memory_saving_ops.rotate", "memory_saving_ops.rms_norm",
         "memory_saving_ops.activate_down", "memory_saving_ops.activate", "embedding.forward",
         "attention_blocks.suits_blocks"}  # fmt: skip
"""What asks the switch, and what is torch's own way."""
OWN = {"attention_blocks.attend_by_blocks", "embedding.gradient_of", "memory_saving_ops.make_room",
       "matmul.product", "matmul.weight_gradient"}  # fmt: skip


def train(on: bool, architecture: str, recompute: bool = False) -> tuple[list[float], set[str]]:
    """Train three steps and evaluate; give the losses, and what of models/cpu was called."""
    changes = [
        f"model={{architecture='{architecture}', dim=32, layers=2, heads=2, ffn_dim=64}}",
        "model.context=512", "train.device='cpu'", "train.batch=2", "train.sequence=512",
        f"train.cpu_kernels={str(on).lower()}", f"train.recompute={str(recompute).lower()}",
    ]  # fmt: skip
    recipe = effective_recipe("tiny-cpu", changes, 1)
    trainer = trainer_of(recipe, load_plugins(), vocab=400)
    counted = np.ones(512, np.bool_)
    row = dataclasses.replace(trainer.mixture.sources[0].rows.row(9), mask=counted)
    trainer.held_out = [HeldOutSet("a", "en", [row], [counted], 512)]
    called: set[str] = set()

    def note(frame: FrameType, event: str, argument: Any) -> None:
        path = frame.f_code.co_filename
        if event == "call" and path.startswith(FOLDER):
            module = frame.f_globals["__name__"].rpartition(".")[2]
            called.add(f"{module}.{frame.f_code.co_name}")

    losses = [trainer.step()["loss"]]  # imports half of torch
    sys.setprofile(note)
    try:
        losses += [trainer.step()["loss"] for _ in range(2)]
        trainer.measure(NoMetrics(), quiet=True)
    finally:
        sys.setprofile(None)
    return [*losses, trainer.last_evaluation["all"]["nats_per_token"]], called


@pytest.mark.parametrize("architecture", ["mindllm", "gpt-neo"])
def test_without_them_torch_alone_computes(architecture: str) -> None:
    wanted, own = train(True, architecture)
    assert own >= OWN and any("backward" in name for name in own)
    losses, called = train(False, architecture)
    assert called <= PLAIN, called - PLAIN
    assert losses == pytest.approx(wanted, rel=1e-5)


def test_blocks_that_are_computed_again_are_torchs_too() -> None:
    """Their forward pass runs a second time in the backward pass."""
    wanted, _ = train(True, "mindllm", recompute=True)
    losses, called = train(False, "mindllm", recompute=True)
    assert called <= PLAIN, called - PLAIN
    assert losses == pytest.approx(wanted, rel=1e-5)


def test_the_switch_goes_back() -> None:
    with pytest.raises(ZeroDivisionError), cpu.cpu_kernels(False):
        assert not cpu.is_on()
        raise ZeroDivisionError
    assert cpu.is_on()
