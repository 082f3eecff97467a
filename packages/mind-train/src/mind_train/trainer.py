"""The training loop: accumulate, clip, step; measure and save at fixed steps.

The same code on a CPU and a GPU, alone and on many ranks. All that a later step depends on is in
the checkpoint, and the rows of a step follow from its number: resumed is never stopped.
"""

from __future__ import annotations

import math
import time
from dataclasses import replace
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from mind_core.progress import Progress, log
from mind_train.components import TOOL
from mind_train.config import Settings
from mind_train.data import Batch, stack
from mind_train.device import DeviceConfig, micro_batch
from mind_train.distributed import ProcessGroup
from mind_train.evaluate import evaluate
from mind_train.finite import overflowed
from mind_train.flops import flops
from mind_train.held_out import HeldOutSet
from mind_train.interrupt import StepSaver, Stop, StopAsked, TrainingInterrupted
from mind_train.loss_module import (
    LossModule,
    accumulating,
    compile_blocks,
    recompute_blocks,
    wrap,
)
from mind_train.loss_scale import Counters, LossScale
from mind_train.metrics import Metrics, describe, live_line
from mind_train.mixture import Mixture
from mind_train.models.cpu import cpu_kernels
from mind_train.models.dropout import row_keys
from mind_train.models.language_model import LanguageModel
from mind_train.moving_average import MovingAverage
from mind_train.rates import Rates
from mind_train.rewinding import RewindAsked
from mind_train.sharding import Fill
from mind_train.spike_detector import SpikeDetector

IN_VAIN = 8  # steps one after the other that are not finite: the weights are, or all rows


class Trainer:
    """Train a model over a mixture until its steps are done."""

    def __init__(
        self,
        model: LanguageModel,
        mixture: Mixture,
        held_out: list[HeldOutSet],
        settings: Settings,
        machine: DeviceConfig,
        world: ProcessGroup | None = None,
        fill: Fill | None = None,
    ) -> None:
        # A model that is to be filled when it is cut has no weights to be moved.
        self.model = (model if fill is not None else model.to(machine.device)).train()
        self.mixture, self.held_out = mixture, held_out
        self.settings, self.options = settings, settings.train
        self.machine, self.world = machine, world or ProcessGroup()
        self.kernels = partial(cpu_kernels, self.options.cpu_kernels)
        self.total, self.rates = mixture.steps, Rates(settings, mixture.steps)
        # Steps whose rows are passed over:
        self.passed = {n for skip in settings.skips for n in range(skip.first, skip.last + 1)}
        sequence = mixture.sources[0].rows.sequence
        self.micro_batch = micro_batch(self.options.micro_batch, sequence, machine)
        self.flops = flops(self.model, sequence).full
        if self.options.recompute:
            recompute_blocks(self.model)
        if self.options.compile:
            compile_blocks(self.model)
        module = LossModule(self.model, self.options.z_loss, self.options.dropout)
        if self.world.size == 1 and self.options.cpu_kernels:
            module.add_directly()
        self.module: nn.Module = wrap(module, self.world, self.options, machine)
        # FSDP2 swaps these for gathered ones while it computes; the optimizer keeps to these.
        self.parameters = dict(self.model.named_parameters())
        if fill is not None:
            fill(self.parameters)
        self.optimizer = settings.optimizer(self.model)
        self.rates.begin(self.optimizer)
        self.ema = MovingAverage(self.parameters, self.options.ema) if self.options.ema else None
        self.loss_scale = LossScale(machine.dtype)
        self.start_from(Counters())
        self.last_evaluation: dict[str, Any] = {}
        self.measured = -1  # the last step whose evaluation is in the metrics
        self.saved = self.first = 0  # the last step that a checkpoint holds; where the run begins
        self.stop = Stop()

    def start_from(self, counters: Counters) -> None:
        """Count on from here."""
        self.counters = counters
        self.loss_scale.take(counters)

    def run(
        self, metrics: Metrics, save: StepSaver, stop: Stop, progress: Progress, quiet: bool
    ) -> None:
        """Train to the end; ``save`` is called at the recipe's steps and at the last one.

        Asked to stop, it gives up the step or the evaluation under way, saves the last whole step
        unless it is saved, and raises TrainingInterrupted.
        """
        self.stop, self.saved = stop, self.counters.step
        try:
            self._run(metrics, save, progress, quiet)
        except StopAsked:
            progress.clear()
            step = self.counters.step
            if step > self.saved:
                save()
            words = f"interrupted at step {step:,}; the same command goes on from there"
            raise TrainingInterrupted(words) from None

    def _run(self, metrics: Metrics, save: StepSaver, progress: Progress, quiet: bool) -> None:
        counters = self.counters
        if self.measured < counters.step and self._is_measured(counters.step):
            self.measure(metrics, quiet)
        begun, first = time.monotonic(), counters.step
        saved_at = begun
        while counters.step < self.total:
            self.stop_if_asked()
            save.check()
            line = self.step()
            metrics.write(line)
            done = counters.step - first
            left = (time.monotonic() - begun) / done * (self.total - counters.step)
            progress.show(live_line(counters.step, self.total, line, left))
            if self._is_measured(counters.step):
                progress.clear()
                self.measure(metrics, quiet)
            if self._is_saved(counters.step, time.monotonic() - saved_at):
                save()
                self.saved, saved_at = counters.step, time.monotonic()

    def stop_if_asked(self) -> None:
        """Raise StopAsked, on all ranks at the same place, if any of them was asked to stop."""
        if self.world.any(self.stop.requested()):
            raise StopAsked

    def _is_measured(self, step: int) -> bool:
        """Tell whether the held-out loss is measured at a step: both ends, and the recipe's."""
        return step in (self.first, self.total) or step % self.options.evaluate_every == 0

    def _is_saved(self, step: int, seconds: float) -> bool:
        """Tell whether a step is saved: by its number, or so long after the last one saved."""
        options = self.options
        every = (options.save_every, options.keep_every or self.total, self.total)
        if any(step % number == 0 for number in every):
            return True
        minutes = options.save_minutes
        return bool(minutes) and self.world.any(self.world.first and seconds >= 60 * minutes)

    def step(self) -> dict[str, Any]:
        """Do one optimizer step; give its line for the metrics.

        Asked to stop between two micro-batches it raises StopAsked: nothing was updated.
        """
        begun = time.monotonic()
        options, counters = self.options, self.counters
        number = counters.step + 1
        if number in self.passed:
            counters.step = number
            return {"step": number, "passed_over": True, "tokens": counters.tokens}
        rows = self.world.share(self.mixture.batch_at(counters.step))
        batch = stack(
            self.mixture.rows(counters.step, *rows),
            documents=options.document_mask,
            vocab=self.model.config.vocab,
        )
        if options.dropout:
            batch = replace(batch, keys=row_keys(self.settings.seed, number, range(*rows)))
        try:
            loss, inputs = self.backward(batch)
        except StopAsked:
            self.optimizer.zero_grad(set_to_none=True)
            raise
        norm = self.clip()
        finite = math.isfinite(loss) and math.isfinite(norm)
        overflow = self.loss_scale.overflows(loss, norm)
        if not finite and not overflow:
            self._not_finite(number, loss, norm)
        rates = self.rates.apply(self.optimizer, number)
        guard = SpikeDetector(options.spike_sigmas, counters.losses)
        skip = not finite or guard.is_spike(loss)
        if skip and finite and options.rewind_steps():
            self.optimizer.zero_grad(set_to_none=True)
            raise RewindAsked(number, f"the loss leapt to {loss:.3f}")
        if skip and not overflow:  # an overflow is counted where it was found
            counters.skipped += 1
            counters.in_vain = 0 if finite else counters.in_vain + 1
        elif not skip:
            self.optimizer.step()
            self.loss_scale.note_update()
            guard.note(loss)
            counters.losses, counters.in_vain = guard.history, 0
            if self.ema is not None:
                counters.averaged += 1
                self.ema.update(counters.averaged)
        self.optimizer.zero_grad(set_to_none=True)
        counters.step = number
        line = self._line(time.monotonic() - begun, inputs, loss, norm, rates)
        return line | {"skipped": True} if skip else line

    def _line(
        self, spent: float, inputs: int, loss: float, norm: float, rates: dict[str, float]
    ) -> dict[str, Any]:
        """Count a step that is done; give its line. A log holds no nan: that is put into words."""
        counters, peak = self.counters, self.machine.peak()
        counters.tokens += inputs
        counters.seconds += spent
        line: dict[str, Any] = {
            "step": counters.step,
            "loss": loss,
            **rates,
            "grad_norm": norm,
            "tokens": counters.tokens,
            "seconds": round(counters.seconds, 3),
            "tokens_per_second": round(inputs / spent, 1),
            "mfu": peak and round(inputs / spent * self.flops / (peak * self.world.size), 4),
        }
        if self.loss_scale.active:
            line |= {"loss_scale": counters.loss_scale, "overflows": counters.overflows}
        if not (math.isfinite(loss) and math.isfinite(norm)):
            del line["loss"], line["grad_norm"]
            line["cause"] = f"loss {loss}, gradient norm {norm}"
        return line

    def _not_finite(self, number: int, loss: float, norm: float) -> None:
        """Do as ``train.on_nan`` says: stop, go back, or return, for the step to be skipped."""
        what = f"loss {loss} with a gradient norm of {norm}"
        if self.options.rewind_steps():
            self.optimizer.zero_grad(set_to_none=True)
            raise RewindAsked(number, what)
        stop = self.options.on_nan == "stop"
        if stop or self.counters.in_vain + 1 >= IN_VAIN:
            before = "" if stop else f", as in the {IN_VAIN - 1} steps before"
            raise overflowed(number, what + "; nothing was updated" + before, self.machine.dtype)

    def backward(self, batch: Batch) -> tuple[float, int]:
        """Add up the gradient of the mean loss over the whole batch; give that mean, and inputs.

        Sums are divided by the valid tokens on all ranks: splits change nothing but rounding.
        """
        world, device = self.world, self.machine.device
        valid, inputs = world.total([batch.valid, batch.inputs], device)
        factor = self.loss_scale.factor
        scale = factor * world.size / valid  # DDP and FSDP2 average over ranks; here it is a sum
        count = batch.ids.shape[0]
        losses: list[Tensor] = []
        for start in range(0, count, self.micro_batch):
            if start:
                self.stop_if_asked()
            part = batch.part(start, start + self.micro_batch, device)
            last = start + self.micro_batch >= count
            with self.kernels(), self.machine.precision(), accumulating(self.module, not last):
                loss = self.module(part, scale)
                loss.backward()
            losses.append(loss.detach())
        mean = float(torch.stack(losses).sum()) / factor / world.size
        return world.total([mean], device)[0], int(inputs)

    def clip(self) -> float:
        """Scale the gradient down to the recipe's norm; give the norm it had."""
        return self.loss_scale.clip(self.parameters.values(), self.options.clip)

    def measure(self, metrics: Metrics, quiet: bool) -> None:
        """Write the held-out losses, and what each source has given, if there is either."""
        line: dict[str, Any] = {"step": self.counters.step}
        if len(self.mixture.sources) > 1 and self.counters.step:
            line["data"] = self.mixture.achieved(self.counters.step)
        if self.held_out:
            result = self._evaluate()
            if self.ema is not None:
                with self.ema.in_place():
                    result["ema"] = self._evaluate()["all"]
            self.last_evaluation = result
            line |= result
            if not quiet and self.world.first:
                log(TOOL, f"step {self.counters.step:,}: held-out {describe(result)}")
        if len(line) > 1:
            metrics.write(line)
        self.measured = self.counters.step

    def _evaluate(self) -> dict[str, Any]:
        with self.kernels():
            return evaluate(
                self.module, self.model, self.held_out, self.micro_batch,
                self.options.document_mask, self.machine, self.world, self.stop_if_asked,
            )  # fmt: skip
