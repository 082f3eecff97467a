"""The optimizer's and the random generators' state as named tensors and JSON: no pickle.

Sharded tensors (FSDP2) stay so until they are written, each whole (``tensor_file.py``): so a
checkpoint does not depend on the number of ranks.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from mind_core import MindError

RNG = "rng."


def pack_state(
    parameters: Mapping[str, nn.Parameter], optimizer: torch.optim.Optimizer
) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Name every tensor of the state ``parameter:key``; give what is no tensor as JSON values."""
    names = {id(p): name for name, p in parameters.items()}
    tensors: dict[str, Tensor] = {f"{RNG}cpu": torch.get_rng_state()}
    if torch.cuda.is_available():
        for index, rng in enumerate(torch.cuda.get_rng_state_all()):
            tensors[f"{RNG}cuda.{index}"] = rng
    values: dict[str, Any] = {}
    for p, state in optimizer.state.items():
        for key, value in state.items():
            name = f"{names[id(p)]}:{key}"
            if isinstance(value, Tensor):
                tensors[name] = value.detach()
            else:
                values[name] = value
    return tensors, values


def unpack_state(
    parameters: Mapping[str, nn.Parameter],
    optimizer: torch.optim.Optimizer,
    saved: Any,
    values: dict[str, Any],
) -> None:
    """Put a saved state back from an open tensor file, tensor by tensor.

    Raises MindError if it belongs to another model or optimizer.
    """
    names = {id(p): name for name, p in parameters.items()}
    described = optimizer.state_dict()
    numbers: dict[str, tuple[int, nn.Parameter]] = {}
    for group, plain in zip(optimizer.param_groups, described["param_groups"], strict=True):
        for p, number in zip(group["params"], plain["params"], strict=True):
            numbers[names[id(p)]] = (number, p)
    state: dict[int, dict[str, Any]] = {}
    kept = set(saved.keys())
    for name in sorted(kept | values.keys()):
        if name.startswith(RNG):
            continue
        parameter, _, key = name.rpartition(":")
        if parameter not in numbers:
            raise MindError(
                f"the saved optimizer state is of a model with {parameter!r}",
                hint="check which checkpoint was meant",
            )
        number, p = numbers[parameter]
        value = saved.get_tensor(name) if name in kept else values[name]
        state.setdefault(number, {})[key] = _like(value, p)
    optimizer.load_state_dict({**described, "state": state})
    if f"{RNG}cpu" in kept:
        torch.set_rng_state(saved.get_tensor(f"{RNG}cpu"))
    if torch.cuda.is_available():
        for index in range(torch.cuda.device_count()):
            if (name := f"{RNG}cuda.{index}") in kept:
                torch.cuda.set_rng_state(saved.get_tensor(name), index)


def _like(value: Any, p: nn.Parameter) -> Any:
    """Shard a whole tensor as its parameter is."""
    placements = getattr(p, "placements", None)
    if placements is None or not isinstance(value, Tensor) or value.shape != p.shape:
        return value
    from torch.distributed.tensor import distribute_tensor

    return distribute_tensor(value.to(p.device), p.device_mesh, placements)  # type: ignore[attr-defined]
