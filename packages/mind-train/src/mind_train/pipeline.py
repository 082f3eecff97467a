"""The run of `pretrain` and `sft`: train, save and finish a checked job."""

from __future__ import annotations

import math
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path

import torch

from mind_core import MindError
from mind_core.files import write_manifest
from mind_core.progress import Progress, duration, log
from mind_core.summary import version_of
from mind_train.checkpoint import find_checkpoint, keep_newest, load_weights, read_config
from mind_train.components import TOOL
from mind_train.distributed import ProcessGroup, process_group
from mind_train.hookspecs import TrackedRun
from mind_train.huggingface import folder
from mind_train.huggingface.model import HuggingFaceModel
from mind_train.interrupt import refuse_stopped, stop_on_signals
from mind_train.jobs import Job, prepare_pretrain, prepare_sft
from mind_train.metrics import (
    METRICS,
    Metrics,
    NoMetrics,
    TrackedMetrics,
    describe,
    read_metrics,
    rewind,
)
from mind_train.models.bare_model import build_bare
from mind_train.models.contract import check_states
from mind_train.models.kernels import describe_attention
from mind_train.models.plain_module import build_model
from mind_train.rewinding import RewindAsked, decide, newest_of_course, rewinds_of
from mind_train.run_folder import is_complete, only_one, open_run
from mind_train.saved_state import take_over
from mind_train.saving import Saver, save_step
from mind_train.sharding import described, freshly_drawn, from_checkpoint, starts_in_parts
from mind_train.trackers.tracking import Tracking
from mind_train.trainer import Trainer

__all__ = ["Job", "plan_lines", "prepare_pretrain", "prepare_sft", "train"]


def train(job: Job, run: Path, progress: Progress, quiet: bool) -> None:
    """Do a job in a run folder, from the start or from where the folder stands.

    Under torchrun every rank calls this, and the first one alone writes. Raises
    `TrainingInterrupted` after Ctrl-C or SIGTERM, when the step reached is saved.
    """
    with process_group(job.machine.device) as world, ExitStack() as stack:
        existed = complete = False
        if world.first:
            stack.enter_context(only_one(run))
            refuse_stopped(run)
            existed = open_run(run, job.settings.recipe, job.inputs)
            complete = existed and is_complete(run)
        # Lock and files are the first rank's; what it found is told to all.
        existed, complete = world.from_first((existed, complete))
        if complete:
            if world.first:
                log(TOOL, f"{run} is complete: {job.total:,} steps are done")
            return
        while True:
            try:
                _train(job, run, existed, progress, quiet or not world.first, world)
                break
            except RewindAsked as asked:
                progress.clear()
                if world.first:
                    decide(run, asked, job.settings.train.rewind_steps())
                world.wait()
                existed = True
        world.wait()


def _train(
    job: Job, run: Path, existed: bool, progress: Progress, quiet: bool, world: ProcessGroup
) -> None:
    # Before the model is made: the weights drawn are those of the seed.
    torch.manual_seed(job.settings.seed)
    in_parts = starts_in_parts(job.settings.train, world, job.config)
    model = described(job.config) if in_parts else build_model(job.config)
    if not type(job.config).__module__.startswith("mind_train."):  # of a plugin
        check_states(model)
    # The newest checkpoint of the run itself comes before those it had started from.
    found = _newest(run, job, world) if existed else None
    goes_on = found is None and job.start is not None
    if goes_on:
        found = _beginning(run, job)
    fill = None
    if in_parts:
        source = found or job.parent
        drawn = freshly_drawn(job.config, job.settings.seed, world)
        fill = drawn if source is None else from_checkpoint(source)
    elif found is not None:
        load_weights(model, found)
    elif job.parent is not None:
        if isinstance(model, HuggingFaceModel):
            folder.load_weights(model, job.parent)
            folder.check_contract(model, job.settings.train.document_mask)
        else:
            load_weights(model, job.parent)
    trainer = Trainer(model, job.mixture, job.held_out, job.settings, job.machine, world, fill)
    trainer.first = 0 if job.start is None else job.start.step
    # Rewinds are read from a file, so the first rank's reading counts.
    trainer.passed |= {n for one in world.from_first(rewinds_of(run)) for n in one.steps()}
    if found is not None:
        take_over(trainer, found)
    if existed:
        _resume(run, job, trainer)
    if goes_on:  # from here on it does not need the run that it comes from
        save_step(run, job, trainer)
    if world.first:
        # 0 keeps all checkpoints, and removes what a killed save left.
        keep_newest(run, 0)
    if not quiet:
        for line in plan_lines(job):
            log(TOOL, line)

    with (
        _open_metrics(run, job, trainer) as metrics,
        stop_on_signals(run if world.first else None) as stop,
        Saver(run, job, trainer, metrics.sync) as save,
    ):
        trainer.run(metrics, save, stop, progress, quiet)
    progress.clear()
    if world.first:
        _finish(run, job, trainer, metrics, quiet)


def _open_metrics(run: Path, job: Job, trainer: Trainer) -> Metrics:
    """Open the metrics for this rank, and on the first one the recipe's trackers."""
    if not trainer.world.first:
        return NoMetrics()
    told = TrackedRun(
        folder=run,
        name=run.resolve().name,
        step=trainer.counters.step,
        recipe=job.settings.recipe.values,
        parameters=sum(p.numel() for p in trainer.parameters.values()),
        versions=_versions(),
    )
    trackers = [Tracking(name, tracker, told) for name, tracker in job.settings.trackers]
    return TrackedMetrics(run / METRICS, trackers)


def _versions() -> dict[str, str]:
    return {"mind-train": version_of(TOOL), "torch": torch.__version__}


def _newest(run: Path, job: Job, world: ProcessGroup) -> Path | None:
    """Find the newest sound checkpoint of this very model; None before the first one."""
    found = None
    if world.first:
        found = newest_of_course(run)
    found = world.from_first(found)
    # Configs are dataclasses: all of their fields are compared.
    if found is not None and read_config(found, job.plugins) != (job.architecture, job.config):
        raise MindError(f"{found} holds a model of another shape", hint="give another run folder")
    return found


def _beginning(run: Path, job: Job) -> Path:
    """Give the checkpoint of another run that this one goes on from."""
    assert job.start is not None
    if job.start.checkpoint is None:
        raise MindError(
            f"{run} was stopped before it had a checkpoint of its own",
            hint="give the same command, with --continue, while the other run still has its step; "
            "or another folder",
        )
    return job.start.checkpoint


def _resume(run: Path, job: Job, trainer: Trainer) -> None:
    """Take up a run's metrics where its checkpoint stands, or at its start if it has none."""
    if trainer.world.first:
        # At -1 nothing is kept: without a checkpoint the run begins anew.
        rewind(run / METRICS, trainer.counters.step if trainer.counters.step else -1)
        for line in read_metrics(run / METRICS):
            if "validation" in line or "data" in line:
                trainer.measured = line["step"]
            if "validation" in line:
                trainer.last_evaluation = line
    trainer.measured = trainer.world.from_first(trainer.measured)
    if not trainer.world.first:
        return
    log(TOOL, f"{run} exists: going on after step {trainer.counters.step:,} of {job.total:,}")


def plan_lines(job: Job) -> list[str]:
    """Say what a run will be, before it starts."""
    # A tied head is the same parameter as the embedding, and is counted once.
    parameters = sum(p.numel() for p in build_bare(job.config).parameters())
    mixture = job.mixture
    sequence = mixture.sources[0].rows.sequence
    tokens = mixture.rows_by(job.total) * sequence
    batches = " or ".join(f"{n:,}" for n in dict.fromkeys(p.batch for p in mixture.phases))
    lines = [
        f"{job.architecture}, {parameters:,} parameters, {job.machine.describe()}",
        f"{job.total:,} steps × {batches} rows × {sequence} tokens = {tokens:,} tokens",
    ]
    if job.machine.device.type != "cpu":
        lines.append(f"attention: {describe_attention(job.machine.device, job.machine.dtype)}")
    if advice := job.machine.advice():
        lines.append(advice)
    if job.start is not None:
        changed = ", ".join(f"{n} {old} → {new}" for n, (old, new) in job.start.changes.items())
        lines.append(f"goes on after step {job.start.step:,}; {changed or 'nothing is changed'}")
    for name, given in mixture.achieved(job.total).items():
        source = next(s for s in mixture.sources if s.name == name)
        lines.append(
            f"{name}: {given['share']:.2%} of the tokens, {given['epochs']:.2f} epochs of "
            f"{len(source.rows):,} rows"
        )
        lines += source.rows.notes()
    # A plugin's optimizer may have no `lr`.
    rate = float(job.settings.recipe.values["optimizer"].get("lr", 0.0))
    if rate > getattr(job.config, "highest_rate", math.inf):
        lines.append(
            f"optimizer.lr {rate:g} is high for this model, which may stop learning early: "
            "--set optimizer.lr=3e-4 is safer"
        )
    if not job.held_out:
        lines.append("no validation documents to evaluate on: no held-out loss")
    return lines


def _finish(run: Path, job: Job, trainer: Trainer, metrics: Metrics, quiet: bool) -> None:
    found, manifest = find_checkpoint(run)
    write_manifest(
        run,
        {
            "format": "mind-run",
            "version": 1,
            "command": job.command,
            "steps": trainer.counters.step,
            "tokens": trainer.counters.tokens,
            "checkpoint": found.relative_to(run).as_posix(),
            "fingerprint": manifest["fingerprint"],
            "inputs": dict(job.inputs),
            "components": job.plugins.used(),
            "versions": _versions(),
            "held_out": trainer.last_evaluation.get("all"),
            "data": job.mixture.achieved(trainer.counters.step),
            "skipped": trainer.counters.skipped,
            "overflows": trainer.counters.overflows,
            "passed_over": len([n for n in trainer.passed if n <= trainer.counters.step]),
            "rewinds": [asdict(one) for one in rewinds_of(run)],
            "trackers": {one.name: one.described() for one in getattr(metrics, "trackers", [])},
        },
    )
    if not quiet:
        held_out = (
            f", held-out {describe(trainer.last_evaluation)}" if trainer.last_evaluation else ""
        )
        log(
            TOOL,
            f"{trainer.counters.step:,} steps, {trainer.counters.tokens:,} tokens{held_out}, "
            f"{duration(trainer.counters.seconds)}",
        )
