"""Several processes at one run, as `torchrun` starts them: each takes a share, rank 0 writes.

Shares are whole batches of a plan that does not know of ranks, so every number is computed as one
process alone would compute it.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass

from mind_eval.response_cache import Answer


@dataclass(frozen=True)
class Ranks:
    """Which of how many processes this is."""

    rank: int = 0
    world: int = 1

    @property
    def first(self) -> bool:
        """Tell whether this process writes the result."""
        return self.rank == 0

    def gather(self, answers: Mapping[str, Answer]) -> list[Mapping[str, Answer]]:
        """Bring the answers of all ranks together on rank 0; the others get an empty list."""
        if self.world == 1:
            return [answers]
        import torch.distributed as dist

        parts: list[Mapping[str, Answer]] | None = [{}] * self.world if self.first else None
        dist.gather_object(dict(answers), parts)
        return parts or []

    def leave(self) -> None:
        """End the meeting of the ranks."""
        if self.world > 1:
            import torch.distributed as dist

            dist.destroy_process_group()


def join_ranks() -> Ranks:
    """Join the other processes, if `torchrun` started this one."""
    world = int(os.environ.get("WORLD_SIZE", "1"))
    if world == 1:
        return Ranks()
    import torch.distributed as dist

    # Answers are Python objects, which gloo passes on between processors; NCCL needs tensors of a
    # GPU.
    dist.init_process_group("gloo")
    return Ranks(dist.get_rank(), dist.get_world_size())
