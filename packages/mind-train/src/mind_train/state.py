"""The optimizer's and the random generators' state as named tensors and JSON: no pickle.

Sharded tensors (FSDP2) stay so until they are written, each whole (``tensor_file.py``): so a
checkpoint does not depend on the number of ranks. ``Optimizer.load_state_dict`` guesses by a key's
name and the group's flags on which device and in which type a tensor belongs; what was seen when
the state was saved comes before its guess.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from mind_core import MindError

RNG = "rng."
PLACES = "places"  # of tensors of another shape than their parameter, where that is on no CPU
CPU, BESIDE = "cpu", "parameter"


def pack_state(
    parameters: Mapping[str, nn.Parameter], optimizer: torch.optim.Optimizer
) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Name every tensor of the state ``parameter:key``; give what is no tensor as JSON values.

    Raises MindError for a value that JSON cannot hold, also for a number that is not finite.
    """
    # An optimizer knows parameters by identity or number; a file needs names, which do not depend
    # on the order of its groups.
    names = {id(p): name for name, p in parameters.items()}
    tensors: dict[str, Tensor] = {f"{RNG}cpu": torch.get_rng_state()}
    if torch.cuda.is_available():
        for index, rng in enumerate(torch.cuda.get_rng_state_all()):
            tensors[f"{RNG}cuda.{index}"] = rng
    values: dict[str, Any] = {}
    places: dict[str, str] = {}
    # A parameter that never had a gradient has no state, and gets none in the file.
    for p, state in optimizer.state.items():
        for key, value in state.items():
            name = f"{names[id(p)]}:{key}"
            if isinstance(value, Tensor):
                tensors[name] = value.detach()
                # Counts and factors: a kernel may want them beside the parameter or on the host,
                # and says so nowhere.
                if value.shape != p.shape and p.device.type != CPU:
                    places[name] = CPU if value.device.type == CPU else BESIDE
            else:
                values[name] = _plain(name, value)
    return tensors, values | ({PLACES: places} if places else {})


def _plain(name: str, value: Any) -> Any:
    """Give a value that JSON holds as it is."""
    # True and False are ints in Python, so they pass here as they are.
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float) and math.isfinite(value):
        return value
    raise MindError(
        f"the optimizer's state {name} is {value!r}, which a checkpoint cannot hold",
        hint="an optimizer keeps tensors, and plain numbers that are finite",
    )


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
    # state_dict() numbers parameters through all groups, in the order of ``param_groups``.
    for group, plain in zip(optimizer.param_groups, described["param_groups"], strict=True):
        for p, number in zip(group["params"], plain["params"], strict=True):
            numbers[names[id(p)]] = (number, p)
    state: dict[int, dict[str, Any]] = {}
    wanted: list[tuple[str, nn.Parameter, str]] = []
    kept, places = set(saved.keys()), values.get(PLACES, {})
    # Tensors are in the tensor file, plain numbers in the JSON beside it.
    for name in sorted(kept | (values.keys() - {PLACES})):
        if name.startswith(RNG):
            continue
        # The last colon: a module's name may hold one, a key of the state does not.
        parameter, _, key = name.rpartition(":")
        if parameter not in numbers:
            raise MindError(
                f"the saved optimizer state is of a model with {parameter!r}",
                hint="check which checkpoint was meant",
            )
        number, p = numbers[parameter]
        # One at a time, so that a large state is never in memory twice.
        value = saved.get_tensor(name) if name in kept else values[name]
        state.setdefault(number, {})[key] = like(value, p)
        wanted.append((name, p, key))
    optimizer.load_state_dict({**described, "state": state})
    # After the load, which may have cast a count to the parameter's type or moved it beside it.
    for name, p, key in wanted:
        value = state[numbers[name.rpartition(":")[0]][0]][key]
        if isinstance(value, Tensor):
            optimizer.state[p][key] = _placed(optimizer.state[p][key], value, p, places.get(name))
    if f"{RNG}cpu" in kept:
        torch.set_rng_state(saved.get_tensor(f"{RNG}cpu"))
    if torch.cuda.is_available():
        # Fewer or more GPUs than when it was saved: those that are on both sides get their state.
        for index in range(torch.cuda.device_count()):
            if (name := f"{RNG}cuda.{index}") in kept:
                torch.cuda.set_rng_state(saved.get_tensor(name), index)


def _placed(loaded: Tensor, saved: Tensor, p: nn.Parameter, place: str | None) -> Tensor:
    """Give a loaded tensor in the type that was saved, and where it had been beside ``p``."""
    if loaded.dtype != saved.dtype:
        loaded = saved.to(loaded.device)
    if saved.shape == p.shape or place == BESIDE:
        return loaded.to(p.device)
    return saved.cpu() if place == CPU else loaded


def like(value: Any, p: Tensor) -> Any:
    """Shard a whole tensor as its parameter is."""
    placements = getattr(p, "placements", None)
    if placements is None or not isinstance(value, Tensor) or value.shape != p.shape:
        return value
    from torch.distributed.tensor import distribute_tensor

    return distribute_tensor(value.to(p.device), p.device_mesh, placements)  # type: ignore[attr-defined]
