"""What a run goes on from: the optimizer's state and the counters of a checkpoint, each checked.

A checkpoint may be of others. Its weights are held against the model; here is the rest.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from mind_core import MindError
from mind_core.files import read_json
from mind_core.untrusted import as_written
from mind_train.checkpoint import STATE, TRAINER
from mind_train.loss_scale import Counters
from mind_train.state import unpack_state
from mind_train.tensor_file import open_tensors
from mind_train.trainer import Trainer


def take_over(trainer: Trainer, found: Path) -> None:
    """Take the optimizer's state and the counters from a checkpoint, whose weights are loaded."""
    with as_written(found), open_tensors(found / STATE) as file:
        saved = dict(read_json(found / TRAINER))
        _check_shapes(trainer.parameters, file)
        unpack_state(trainer.parameters, trainer.optimizer, file, saved["state"])
        trainer.start_from(_counters_of(saved["counters"]))
        if trainer.ema is not None:
            trainer.ema.load(found)
        done = trainer.counters.step
        before = {n for n in saved.get("passed", []) if n <= done}
    _name_in_first_step(trainer.optimizer, found / STATE)
    # Steps passed over in one of the two alone, of those that are done.
    if odd := sorted(before ^ {n for n in trainer.passed if n <= done}):
        raise MindError(
            f"[[skip]] is about step {odd[0]:,}, and step {done:,} is done",
            cause="what a step has learned cannot be passed over afterwards, nor the other way",
            hint="skip later steps, or go on from an earlier one: --continue RUN@STEP",
        )


def _counters_of(values: Mapping[str, Any]) -> Counters:
    """Return what a checkpoint counts; raise what Python raises for another kind of number."""
    counters = Counters(**values)
    for name, default in asdict(Counters()).items():
        value = values.get(name, default)
        numbers = value if isinstance(default, list) else [value]
        kinds = (int,) if type(default) is int else (int, float)
        # A bool is an int for isinstance, so types are compared themselves.
        for number in numbers:
            # Below 2^62, so that sums and steps to come stay in 64 bits.
            if type(number) not in kinds or not 0 <= abs(number) < 1 << 62:
                raise ValueError(f"{name} is {number!r:.40}")
    if counters.step < 0 or counters.tokens < 0:
        raise ValueError("step or tokens is below 0")
    return counters


def _check_shapes(parameters: Mapping[str, Tensor], file: Any) -> None:
    """Raise `ValueError` for a tensor that is no state of its parameter: kernels trust a shape.

    A state has its parameter's shape, or fewer dimensions, each of a size that the parameter has.
    """
    for name in file.keys():  # noqa: SIM118 - no mapping
        parameter = parameters.get(name.rpartition(":")[0])
        if parameter is None:  # told where the state is taken over
            continue
        shape, own = tuple(file.get_slice(name).get_shape()), tuple(parameter.shape)
        # One number a row or column, for example, as optimizers with factored moments keep.
        smaller = len(shape) < len(own) and all(size in own for size in shape)
        if shape != own and shape not in ((), (1,)) and not smaller:
            raise ValueError(f"{name} is {list(shape)}, its parameter {list(own)}")


def _name_in_first_step(optimizer: torch.optim.Optimizer, path: Path) -> None:
    """Let an error of the first step name the state: what it lacks is known to its optimizer."""
    step = optimizer.step

    def first(*arguments: Any, **named: Any) -> Any:
        # Once: from the second step on the optimizer's own method is called again.
        optimizer.step = step  # type: ignore[method-assign]
        with as_written(path, "go on from an earlier checkpoint, or begin anew"):
            return step(*arguments, **named)

    optimizer.step = first  # type: ignore[method-assign]
