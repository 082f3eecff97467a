"""The optimizer's and the random generators' state as named tensors and JSON: no pickle.

Sharded tensors (FSDP2) are gathered whole, so a checkpoint does not depend on the number of ranks.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from mind_core import MindError

RNG = "rng."


def whole(tensor: Tensor) -> Tensor:
    """Give a tensor on the CPU; of a sharded one all of it, for which every rank has to call."""
    full = getattr(tensor, "full_tensor", None)
    gathered: Tensor = tensor.detach() if full is None else full().detach()
    return gathered.cpu().contiguous()


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
                tensors[name] = whole(value)
            else:
                values[name] = value
    return tensors, values


def unpack_state(
    parameters: Mapping[str, nn.Parameter],
    optimizer: torch.optim.Optimizer,
    tensors: dict[str, Tensor],
    values: dict[str, Any],
) -> None:
    """Put a saved state back; raise MindError if it belongs to another model or optimizer."""
    names = {id(p): name for name, p in parameters.items()}
    described = optimizer.state_dict()
    numbers: dict[str, tuple[int, nn.Parameter]] = {}
    for group, plain in zip(optimizer.param_groups, described["param_groups"], strict=True):
        for p, number in zip(group["params"], plain["params"], strict=True):
            numbers[names[id(p)]] = (number, p)
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
        number, p = numbers[parameter]
        state.setdefault(number, {})[key] = _like(value, p)
    optimizer.load_state_dict({**described, "state": state})
    if (rng := tensors.get(f"{RNG}cpu")) is not None:
        torch.set_rng_state(rng)
    if torch.cuda.is_available():
        for index in range(torch.cuda.device_count()):
            if (rng := tensors.get(f"{RNG}cuda.{index}")) is not None:
                torch.cuda.set_rng_state(rng, index)


def _like(value: Any, p: nn.Parameter) -> Any:
    """Shard a whole tensor as its parameter is."""
    placements = getattr(p, "placements", None)
    if placements is None or not isinstance(value, Tensor) or value.shape != p.shape:
        return value
    from torch.distributed.tensor import distribute_tensor

    return distribute_tensor(value.to(p.device), p.device_mesh, placements)  # type: ignore[attr-defined]
