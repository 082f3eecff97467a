"""Vector functions of torch have their kernels before threads call them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor

from mind_train import load_checkpoint, vector_math
from mind_train.device import choose_device
from mind_train.models.parts import rope_table
from mind_train.vector_math import settle_vector_functions


@pytest.fixture
def called(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, torch.dtype, int]]:
    """Note what functions are called with: name, type, length."""
    calls: list[tuple[str, torch.dtype, int]] = []

    def noted(function: Callable[[Tensor], Tensor]) -> Callable[[Tensor], Tensor]:
        def call(x: Tensor) -> Tensor:
            calls.append((function.__name__, x.dtype, x.numel()))
            return function(x)

        return call

    monkeypatch.setattr(vector_math, "FUNCTIONS", tuple(map(noted, vector_math.FUNCTIONS)))
    settle_vector_functions.cache_clear()
    return calls


@pytest.mark.parametrize(
    "first", ["rope_table", "choose_device", "load_checkpoint", "usable_device"]
)
def test_whatever_comes_first_settles_them(
    called: list[tuple[str, torch.dtype, int]], first: str, trained: Path
) -> None:
    """Each on so few numbers that no second thread takes part, in both types."""
    model = pytest.importorskip("mind_eval.models.model")
    ways: dict[str, Callable[[], object]] = {
        "rope_table": lambda: rope_table(4, 8, 10_000.0),
        "choose_device": lambda: choose_device("cpu"),
        "load_checkpoint": lambda: load_checkpoint(trained),
        "usable_device": lambda: model.usable_device("cpu"),
    }
    ways[first]()
    for name in ("cos", "sin", "sqrt", "exp", "log", "erf", "tanh"):
        for dtype in (torch.float32, torch.float64):
            assert [n for f, d, n in called if (f, d) == (name, dtype)] == [16]
