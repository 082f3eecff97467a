"""FSDP2 and HSDP: weights, gradients and states in parts, which no rank ever holds as a whole.

A model is described on the meta device, cut, and filled tensor by tensor: from a checkpoint, or
from what the first rank draws, who alone has the whole of it for a moment. So the weights of a
fresh run do not depend on the number of ranks, nor on the way they are cut.

With HSDP every group of ``train.shard_ranks`` ranks (those of a node) holds one whole model in
parts, and gradients are exchanged between the groups: gathering stays inside a node.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor, nn

from mind_core import MindError
from mind_train.checkpoint import load_tensors
from mind_train.device import DeviceConfig
from mind_train.distributed import ProcessGroup
from mind_train.models.bare_model import build_bare
from mind_train.models.language_model import Config, LanguageModel
from mind_train.models.plain_module import build_model
from mind_train.state import like
from mind_train.train_options import TrainOptions

Fill = Callable[[Mapping[str, nn.Parameter]], None]


def shard_module(
    step: nn.Module,
    blocks: list[nn.Module],
    world: ProcessGroup,
    options: TrainOptions,
    machine: DeviceConfig,
) -> None:
    """Cut a module, block by block: the weights of one are gathered while the one before computes.

    In bfloat16 the linear layers of blocks are gathered in that type, and their gradients summed in
    fp32: just what autocast would have copied. Gains and tables stay fp32: a gain of 1.001 is 1 in
    bfloat16, and what layers add is summed up in fp32 too.
    """
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.fsdp import MixedPrecisionPolicy, fully_shard

    device = machine.device
    # FSDP2 waits for events of the device's streams; in torch 2.6 those of a CPU have none.
    if device.type == "cpu" and not hasattr(torch.cpu.Stream, "record_event"):
        raise MindError(
            f"train.parallel={options.parallel} on a CPU needs a newer torch",
            cause=f"the CPU streams of torch {torch.__version__} record no events",
            hint="torch 2.11 was tried; train.parallel=ddp runs on this one",
        )
    if options.parallel == "hsdp":
        # The second dimension is inside a group: weights are cut along it and copied along the
        # first.
        inside = ranks_of_group(world, options.shard_ranks)
        mesh = init_device_mesh(
            device.type, (world.size // inside, inside), mesh_dim_names=("replicate", "shard")
        )
    else:
        mesh = init_device_mesh(device.type, (world.size,))
    # Remembered here, since to_empty below makes fresh memory of buffers as well.
    buffers = [
        (module, name, buffer)
        for module in step.modules()
        for name, buffer in module._buffers.items()
        if buffer is not None
    ]
    # Inputs stay as they are: positions and tables would lose digits in bfloat16.
    plain = MixedPrecisionPolicy(cast_forward_inputs=False)
    half = replace(plain, param_dtype=torch.bfloat16, reduce_dtype=torch.float32)
    for block in blocks:
        linear: list[nn.Module] = [
            module for module in block.modules() if isinstance(module, nn.Linear)
        ]
        if machine.dtype == torch.bfloat16 and linear:
            fully_shard(linear, mesh=mesh, mp_policy=half)  # in one exchange
        fully_shard(block, mesh=mesh, mp_policy=plain)
    # What is in no block is gathered for the whole of a step: embedding, head and last norm.
    fully_shard(step, mesh=mesh, mp_policy=plain)
    if any(p.is_meta for p in step.parameters()):
        step.to_empty(device=device)
        for module, name, buffer in buffers:  # tables, which were made for real
            module._buffers[name] = buffer.to(device)


def ranks_of_group(world: ProcessGroup, wanted: int) -> int:
    """Give the ranks that hold one model together; 0 wants those of a node.

    Raises MindError where the ranks do not divide into such groups.
    """
    inside = wanted or world.node
    if world.size % inside:
        raise MindError(
            f"train.shard_ranks {inside} does not divide {world.size} ranks",
            hint="give a number that does; 0 takes the ranks of a node, of which all have as many",
        )
    return inside


def starts_in_parts(options: TrainOptions, world: ProcessGroup, config: Config) -> bool:
    """Tell whether a run's model can be described first and filled when it is cut.

    Of our own architectures alone: others are checked by what they compute before they train.
    """
    ours = type(config).__module__.startswith("mind_train.models.")
    return ours and world.size > 1 and options.parallel != "ddp"


def described(config: Config) -> LanguageModel:
    """Make a model whose parameters wait on the meta device, and whose tables are real."""
    return build_bare(config)


def from_checkpoint(folder: Path) -> Fill:
    """Fill a cut model from a checkpoint, of which one tensor at a time is in memory."""

    def fill(parameters: Mapping[str, nn.Parameter]) -> None:
        for name, saved in load_tensors(folder, parameters):
            _take(parameters[name], saved)

    return fill


def freshly_drawn(config: Config, seed: int, world: ProcessGroup) -> Fill:
    """Fill a cut model with what the first rank draws, as one process alone would have."""

    def fill(parameters: Mapping[str, nn.Parameter]) -> None:
        # As a run alone does before it builds its model: the same numbers are drawn.
        torch.manual_seed(seed)
        drawn = dict(build_model(config).named_parameters()) if world.first else {}
        for name, p in parameters.items():
            # The others give room alone: what counts is the first rank's, scattered from there.
            full = drawn.pop(name).detach() if world.first else torch.empty(p.shape, dtype=p.dtype)
            _take(p, full)
        # The other ranks have drawn nothing: they go on from where the first one's generator
        # stands.
        torch.set_rng_state(world.from_first(torch.get_rng_state()))

    return fill


@torch.no_grad()
def _take(p: nn.Parameter, full: Tensor) -> None:
    p.copy_(like(full, p))
