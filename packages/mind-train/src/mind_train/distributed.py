"""Several processes, one model: torch's process groups, started by torchrun.

Alone, everything here does nothing. A batch is split by rank, a step's gradients are summed over
ranks, and what a rank reads follows from the global row number, so the data order is the same on
any number of ranks.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any, TypeVar

import orjson
import torch
import torch.distributed as dist

from mind_core import MindError

T = TypeVar("T")
MODES = ("ddp", "fsdp", "hsdp")


@dataclass(frozen=True)
class ProcessGroup:
    """The processes of a run: how many, and which one this is."""

    rank: int = 0
    size: int = 1
    local: int = 0
    node: int = 1
    """How many of them are on this node."""

    @property
    def first(self) -> bool:
        """Tell whether this process writes files and talks to people."""
        return self.rank == 0

    def share(self, batch: int) -> tuple[int, int]:
        """Give this rank's rows of a batch: start and stop."""
        # As many rows on each rank, so that all of them come to as many exchanges.
        if batch % self.size:
            raise MindError(
                f"train.batch {batch} is not divided by {self.size} ranks",
                hint=f"--set train.batch={max(batch // self.size, 1) * self.size}",
            )
        part = batch // self.size
        return self.rank * part, (self.rank + 1) * part

    def total(self, values: Sequence[float], device: torch.device) -> list[float]:
        """Add up numbers over all ranks."""
        if self.size == 1:
            return list(values)
        # In double precision: counts of tokens are beyond what fp32 holds exactly.
        summed = torch.tensor(values, dtype=torch.float64, device=device)
        dist.all_reduce(summed)
        return [float(x) for x in summed.tolist()]

    def any(self, flag: bool) -> bool:
        """Tell whether a flag is set on any rank; all get the same answer, no GPU waits for it."""
        if self.size == 1:
            return flag
        answer = torch.tensor(int(flag))  # on the CPU, whatever the default device
        dist.all_reduce(answer, op=dist.ReduceOp.MAX)
        return bool(answer)

    def from_first(self, value: T) -> T:
        """Give every rank what the first one has."""
        if self.size == 1:
            return value
        box: list[Any] = [value]
        dist.broadcast_object_list(box, src=0)
        result: T = box[0]
        return result

    def wait(self) -> None:
        """Wait until every rank is here."""
        if self.size > 1:
            dist.barrier()


def planned_group() -> ProcessGroup:
    """Read what torchrun says about this process; alone without it.

    Raises MindError for variables that are no numbers, or that contradict each other.
    """
    # Without torchrun: rank 0 of 1.
    size = _variable("WORLD_SIZE", 1, 1)
    rank, local = _variable("RANK", 0, 0), _variable("LOCAL_RANK", 0, 0)
    if rank >= size:
        raise MindError(
            f"the environment says RANK={rank} of WORLD_SIZE={size}; ranks count from 0",
            hint="start the ranks with torchrun, or unset RANK and WORLD_SIZE",
        )
    return ProcessGroup(rank, size, local, _variable("LOCAL_WORLD_SIZE", size, 1))


def _variable(name: str, default: int, least: int) -> int:
    """Read a whole number from the environment; one that is set and empty is no number either."""
    said = os.environ.get(name)
    if said is None:
        return default
    # Digits of ASCII alone, and few: int() takes more than torchrun writes.
    if not (said.isascii() and said.isdigit() and len(said) <= 9 and int(said) >= least):
        raise MindError(
            f"the environment variable {name} is {said[:40]!r}, "
            f"where a whole number from {least} on is expected",
            hint=f"start the ranks with torchrun, which sets it, or unset {name}",
        )
    return int(said)


@cache
def _store() -> Any:
    """Meet the other processes at the key-value store that torchrun keeps, before any group."""
    from torch.distributed.rendezvous import rendezvous

    store, _, _ = next(rendezvous("env://"))
    return store


def first_does(name: str, work: Callable[[], str]) -> str:
    """Let the first rank work while the others wait; give all of them its answer.

    Needs no process group, so a device may be chosen later, and it may take hours. Where the first
    rank fails, all raise MindError.
    """
    world = planned_group()
    if world.size == 1:
        return work()
    store, key = _store(), f"mind-train/{name}"
    if not world.first:
        # Not a barrier: no group is there yet, whose backend depends on a device still to be
        # chosen.
        # Asked again and again, as a blocking get has a time limit, and encoding a corpus has none.
        while not store.check([key]):
            time.sleep(0.2)
        answer = orjson.loads(store.get(key))
        if "error" in answer:
            message, cause, hint = answer["error"]
            raise MindError(message, cause=cause, hint=hint)
        return str(answer["done"])
    # Set before the work, so that also an error of an unknown kind lets the others go.
    said: dict[str, Any] = {"error": ["the first rank failed", None, "see its message"]}
    try:
        done = work()
        said = {"done": done}
        return done
    except MindError as error:
        cause = None if error.cause is None else str(error.cause)
        said = {"error": [error.message, cause, error.hint]}
        raise
    finally:
        # Whatever happened, the others are waiting for this key.
        store.set(key, orjson.dumps(said).decode())


@contextmanager
def process_group(device: torch.device) -> Iterator[ProcessGroup]:
    """Join the other processes while the block runs: nccl between GPUs, gloo between CPUs.

    Between GPUs gloo is there too, for what the hosts have to agree on while the GPUs work.
    """
    world = planned_group()
    if world.size == 1 or dist.is_initialized():
        yield world
        return
    if device.type == "cuda":
        torch.cuda.set_device(world.local)
    backend = "cpu:gloo,cuda:nccl" if device.type == "cuda" else "gloo"
    dist.init_process_group(backend, store=_store(), rank=world.rank, world_size=world.size)
    try:
        yield world
    finally:
        dist.destroy_process_group()
