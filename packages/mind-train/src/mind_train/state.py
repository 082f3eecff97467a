"""The optimizer's and the random generators' state as named tensors and JSON: no pickle."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from mind_core import MindError

RNG = "rng."


def pack_state(
    model: nn.Module, optimizer: torch.optim.Optimizer
) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Name every tensor of the state ``parameter:key``; give what is no tensor as JSON values."""
    names = {id(p): name for name, p in model.named_parameters()}
    tensors: dict[str, Tensor] = {f"{RNG}cpu": torch.get_rng_state()}
    if torch.cuda.is_available():
        for index, rng in enumerate(torch.cuda.get_rng_state_all()):
            tensors[f"{RNG}cuda.{index}"] = rng
    values: dict[str, Any] = {}
    for p, state in optimizer.state.items():
        for key, value in state.items():
            name = f"{names[id(p)]}:{key}"
            if isinstance(value, Tensor):
                tensors[name] = value
            else:
                values[name] = value
    return tensors, values


def unpack_state(
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    tensors: dict[str, Tensor],
    values: dict[str, Any],
) -> None:
    """Put a saved state back; raise MindError if it belongs to another model or optimizer."""
    names = {id(p): name for name, p in model.named_parameters()}
    described = optimizer.state_dict()
    numbers: dict[str, int] = {}
    for group, plain in zip(optimizer.param_groups, described["param_groups"], strict=True):
        for p, number in zip(group["params"], plain["params"], strict=True):
            numbers[names[id(p)]] = number
    state: dict[int, dict[str, Any]] = {}
    for name, value in {**tensors, **values}.items():
        if name.startswith(RNG):
            continue
        parameter, _, key = name.rpartition(":")
        if parameter not in numbers:
            raise MindError(
                f"the saved optimizer state is of a model with {parameter!r}",
                hint="check which checkpoint was meant",
            )
        state.setdefault(numbers[parameter], {})[key] = value
    optimizer.load_state_dict({**described, "state": state})
    torch.set_rng_state(tensors[f"{RNG}cpu"])
    if torch.cuda.is_available():
        for index in range(torch.cuda.device_count()):
            if (rng := tensors.get(f"{RNG}cuda.{index}")) is not None:
                torch.cuda.set_rng_state(rng, index)
