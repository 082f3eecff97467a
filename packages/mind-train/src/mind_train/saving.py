"""Saving where a trainer stands: at once, or beside the steps from a copy in host memory.

With ``train.save_async`` a save costs the steps a copy of weights, optimizer state and moving
average into host memory (of sharded ones, gathered on the first rank); a thread writes it while
training goes on. One save is written at a time: the next one waits for it. What goes wrong there
ends the run at the next step, and a run ends only when its last checkpoint is whole.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Any

import torch
from torch import Tensor

from mind_core.progress import log
from mind_train.checkpoint import TOKENIZER, keep_newest, write_checkpoint
from mind_train.components import TOOL
from mind_train.interrupt import TrainingInterrupted
from mind_train.jobs import Job
from mind_train.rewinding import rewinds_of
from mind_train.state import pack_state
from mind_train.trainer import Trainer

Tensors = Mapping[str, Tensor]


@dataclass(frozen=True)
class Content:
    """What a checkpoint will hold, beside what the job says."""

    step: int
    weights: Tensors
    state: Tensors
    ema: Tensors
    described: dict[str, Any]


def content_of(run: Path, job: Job, trainer: Trainer) -> Content:
    """Collect what is to be saved; the tensors are the trainer's own, which the next step changes.

    Raises MindError for a state that JSON cannot hold.
    """
    tensors, values = pack_state(trainer.parameters, trainer.optimizer)
    described = {
        "counters": asdict(trainer.counters),
        "state": values,
        "inputs": dict(job.inputs),
        "history": job.mixture.history(),
        # A run that goes on is held to the same steps: what they have learned cannot be passed over
        # later.
        "passed": sorted(n for n in trainer.passed if n <= trainer.counters.step),
        "rewinds": len(rewinds_of(run)),
    }
    ema = {} if trainer.ema is None else trainer.ema.weights
    return Content(trainer.counters.step, trainer.parameters, tensors, ema, described)


def write(run: Path, job: Job, content: Content, *, first: bool) -> None:
    """Write a checkpoint and keep the newest few; of sharded tensors every rank has to call."""
    write_checkpoint(
        run,
        content.step,
        job.architecture,
        job.config,
        content.weights,
        content.state,
        content.described,
        job.shards.folder / TOKENIZER,
        ema=content.ema,
        writes=first,
    )
    if first:
        keep_newest(run, job.settings.train.keep, job.settings.train.keep_every)


def save_step(run: Path, job: Job, trainer: Trainer) -> None:
    """Save a checkpoint of where the trainer stands; keep the newest few.

    Every rank takes part, as sharded tensors are gathered one by one; the first one writes.
    """
    write(run, job, content_of(run, job, trainer), first=trainer.world.first)


class HostCopy:
    """Copy tensors into host memory that is kept from save to save (pinned beside a GPU)."""

    def __init__(self) -> None:
        self._kept: dict[str, Tensor] = {}

    def __call__(self, kind: str, tensors: Tensors, first: bool) -> dict[str, Tensor]:
        """Give copies [of ``kind``] of tensors; a rank that is not the first only gathers."""
        copies: dict[str, Tensor] = {}
        for name, tensor in tensors.items():
            # Of a DTensor: gathers all parts, on every rank, though one alone keeps them.
            full = getattr(tensor, "full_tensor", None)
            source: Tensor = (tensor if full is None else full()).detach()
            if not first:
                continue
            key = f"{kind} {name}"
            kept = self._kept.get(key)
            if kept is None or kept.shape != source.shape or kept.dtype != source.dtype:
                # Pinned memory is copied to without the GPU waiting; making it is slow, so it is
                # kept from save to save.
                kept = torch.empty(source.shape, dtype=source.dtype, pin_memory=source.is_cuda)
                self._kept[key] = kept
            copies[name] = kept.copy_(source, non_blocking=True)
        if torch.cuda.is_available():
            # The copies run beside the host: the next step may not change what is still being read.
            torch.cuda.synchronize()
        return copies


class Saver:
    """Save a trainer's steps, at once or beside them; to be used as a context and called."""

    def __init__(self, run: Path, job: Job, trainer: Trainer, before: Callable[[], None]) -> None:
        self.run, self.job, self.trainer, self.before = run, job, trainer, before
        self._copy = HostCopy()
        self._threads: ThreadPoolExecutor | None = None
        if job.settings.train.save_async:
            # One thread, so that saves are written in the order of their steps.
            self._threads = ThreadPoolExecutor(1, "checkpoint")
        self._writing: Future[None] | None = None

    def __call__(self) -> None:
        """Save the step that the trainer stands at."""
        # The one before first: its error is to be raised here, and the host copy is about to be
        # reused.
        self.finish()
        # The metrics are synced, so that no checkpoint is ahead of the lines of its steps.
        self.before()
        content = content_of(self.run, self.job, self.trainer)
        first = self.trainer.world.first
        if self._threads is None:
            write(self.run, self.job, content, first=first)
            return
        copied = replace(
            content,
            weights=self._copy("weight", content.weights, first),
            state=self._copy("state", content.state, first),
            ema=self._copy("ema", content.ema, first),
        )
        if first:
            self._writing = self._threads.submit(write, self.run, self.job, copied, first=True)

    def check(self) -> None:
        """Raise what has gone wrong in writing, if it is over."""
        if self._writing is not None and self._writing.done():
            self.finish()

    def finish(self) -> None:
        """Wait until what was begun is written; raise what has gone wrong."""
        # Taken out before it is waited for, so that one failure is raised once.
        writing, self._writing = self._writing, None
        if writing is not None:
            writing.result()

    def __enter__(self) -> Saver:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            self.finish()
        except Exception as failed:
            if kind is None or issubclass(kind, TrainingInterrupted):  # which promise a checkpoint
                raise
            log(TOOL, f"the last checkpoint was not written: {failed}")
        # Also after a failure: a thread that is left would keep the process alive.
        finally:
            if self._threads is not None:
                self._threads.shutdown()
