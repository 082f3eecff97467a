"""Models without weights: to be counted, or to be filled from a checkpoint."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from mind_core import MindError
from mind_train.models.language_model import Config, LanguageModel
from mind_train.models.plain_module import build_model

# What initialisations call: methods of a tensor, and functions of torch.nn.init, all in place.
DRAWS = frozenset(
    ("normal_", "uniform_", "trunc_normal_", "kaiming_uniform_", "kaiming_normal_", "bernoulli_")
)


class _Undrawn(TorchFunctionMode):
    """Draw nothing for tensors without memory.

    There is nothing to fill, and torch's way of not filling it imports a package for symbolic
    algebra: half the start of a command that reads a model.
    """

    def __torch_function__(
        self,
        function: Callable[..., Any],
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        given = dict(kwargs or {})
        # A method has its tensor as the first argument, torch.nn.init hands its own over by name.
        target = args[0] if args else given.get("tensor")
        name = getattr(function, "__name__", "")
        if name in DRAWS and isinstance(target, Tensor) and target.is_meta:
            return target
        return function(*args, **given)


def build_bare(config: Config) -> LanguageModel:
    """Build a model without weights on the meta device; for real if its code needs numbers."""
    # A model that needs real numbers has drawn some before it failed on the meta device.
    state = torch.get_rng_state()
    try:
        with torch.device("meta"), _Undrawn():
            return build_model(config)
    except MindError as error:
        # `build_model` wraps what a plugin's code raises. An error without such a cause is a
        # verdict on the config, which real numbers would not change.
        if error.__cause__ is None:
            raise
    torch.set_rng_state(state)  # its code looks at numbers, which are not there
    with torch.random.fork_rng(devices=[]):
        return build_model(config)


def bare_model(config: Config) -> LanguageModel:
    """Make a model without drawing its weights, nor touching the random generator's state."""
    model = build_bare(config)
    if any(buffer.is_meta for buffer in model.buffers()):
        # An architecture that makes its tables on the default device has to be built for real.
        with torch.random.fork_rng(devices=[]):
            return build_model(config)
    made: dict[int, torch.nn.Parameter] = {}
    for module in model.modules():
        for name, p in list(module._parameters.items()):
            if p is None or not p.is_meta:
                continue
            if id(p) not in made:  # a tensor that two modules share stays one
                made[id(p)] = torch.nn.Parameter(_room_for(p), p.requires_grad)
            setattr(module, name, made[id(p)])
    model.tie_weights()
    return model


def _room_for(parameter: Tensor) -> Tensor:
    try:
        # `empty_like` would import what `_Undrawn` spares.
        # Uninitialised: the caller fills it from a checkpoint, and drawing numbers takes longer
        # than that.
        return torch.empty_strided(
            parameter.size(), parameter.stride(), dtype=parameter.dtype, device="cpu"
        )
    except RuntimeError as error:  # the allocator's
        raise MindError(
            f"the config asks for a tensor of {parameter.numel():,} numbers",
            cause=str(error).partition("\n")[0],
            hint="it may be damaged; else more memory is needed",
        ) from None
