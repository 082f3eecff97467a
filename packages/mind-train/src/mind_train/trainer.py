"""The training loop: accumulate, clip, step; measure and save at fixed steps.

The same code on a CPU and a GPU. Everything that a later step depends on is in the checkpoint, and
the rows that a step reads follow from its number, so a resumed run is the run that never stopped.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch

from mind_core import MindError
from mind_core.progress import Progress, duration, say
from mind_train.components import TOOL
from mind_train.config import Settings
from mind_train.data import Batch, Rows, make_batch
from mind_train.device import Machine
from mind_train.evaluate import evaluate
from mind_train.held_out import HeldOut
from mind_train.interrupt import Interrupted, Stop
from mind_train.loss import head_loss
from mind_train.metrics import Metrics
from mind_train.models.language_model import LanguageModel

PEAK = "peak_lr"


@dataclass
class Counters:
    """What a run carries from step to step besides weights and the optimizer's state."""

    step: int = 0
    tokens: int = 0
    seconds: float = 0.0


class Trainer:
    """Train a model over rows until ``total`` steps are done."""

    def __init__(
        self,
        model: LanguageModel,
        rows: Rows,
        held_out: list[HeldOut],
        settings: Settings,
        machine: Machine,
    ) -> None:
        self.model = model.to(machine.device).train()
        self.rows, self.held_out = rows, held_out
        self.settings, self.options = settings, settings.train
        self.machine = machine
        self.total = settings.train.total(len(rows))
        self.optimizer = settings.optimizer(self.model)
        for group in self.optimizer.param_groups:
            group.setdefault(PEAK, group["lr"])
        self.counters = Counters()
        self.last_evaluation: dict[str, Any] = {}

    def run(
        self,
        metrics: Metrics,
        save: Callable[[], None],
        stop: Stop,
        progress: Progress,
        quiet: bool,
    ) -> None:
        """Train to the end; ``save`` is called at the recipe's steps and at the last one.

        Asked to stop, it saves at the step reached and raises Interrupted.
        """
        counters, options = self.counters, self.options
        saved = counters.step
        if counters.step == 0:
            self.measure(metrics, quiet)
        begun, first = time.monotonic(), counters.step
        while counters.step < self.total:
            if stop.asked:
                progress.clear()
                if counters.step > saved:
                    save()
                raise Interrupted(
                    f"interrupted at step {counters.step:,}; the same command goes on from there"
                )
            line = self.step()
            metrics.write(line)
            done = counters.step - first
            left = (time.monotonic() - begun) / done * (self.total - counters.step)
            progress.show(
                f"step {counters.step:,}/{self.total:,}, loss {line['loss']:.3f}, "
                f"{line['tokens_per_second']:,.0f} tokens/s, {duration(left)} left"
            )
            last = counters.step == self.total
            if last or counters.step % options.evaluate_every == 0:
                progress.clear()
                self.measure(metrics, quiet)
            if last or counters.step % options.save_every == 0:
                save()
                saved = counters.step

    def step(self) -> dict[str, Any]:
        """Do one optimizer step; give its line for the metrics."""
        begun = time.monotonic()
        options, counters = self.options, self.counters
        number = counters.step + 1
        batch = make_batch(
            self.rows,
            counters.step * options.batch,
            options.batch,
            seed=self.settings.seed,
            documents=options.document_mask,
            vocab=self.model.config.vocab,
        )
        loss = self.backward(batch)
        norm = float(torch.nn.utils.clip_grad_norm_(self.model.parameters(), options.clip))
        if not (math.isfinite(loss) and math.isfinite(norm)):
            raise MindError(
                f"step {number}: loss {loss} with a gradient norm of {norm}; nothing was updated",
                cause="the numbers overflowed, usually because the learning rate is too high",
                hint="lower optimizer.lr or lengthen schedule.warmup in a new run; the last "
                "checkpoint of this one is sound",
            )
        factor = self.settings.schedule(number, self.total)
        for group in self.optimizer.param_groups:
            group["lr"] = group[PEAK] * factor
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        spent = time.monotonic() - begun
        counters.step = number
        counters.tokens += batch.inputs
        counters.seconds += spent
        return {
            "step": number,
            "loss": loss,
            "lr": self.optimizer.param_groups[0]["lr"],
            "grad_norm": norm,
            "tokens": counters.tokens,
            "seconds": round(counters.seconds, 3),
            "tokens_per_second": round(batch.inputs / spent, 1),
        }

    def backward(self, batch: Batch) -> float:
        """Add up the gradient of the mean loss over the whole batch; give that mean, in nats.

        Each micro-batch's sum is divided by the valid tokens of the batch, so how the batch is
        split changes nothing but rounding.
        """
        size = self.options.micro_batch or self.options.batch
        scale = 1.0 / batch.valid
        losses = []
        for start in range(0, self.options.batch, size):
            part = batch.part(start, start + size, self.machine.device)
            with self.machine.precision():
                hidden = self.model(part.ids[:, :-1], documents=part.documents)  # (B, T, D)
                loss = head_loss(hidden, self.model.head, part.ids[:, 1:], part.mask, scale)
            loss.backward()  # type: ignore[no-untyped-call]
            losses.append(loss.detach())
        return float(torch.stack(losses).sum())

    def measure(self, metrics: Metrics, quiet: bool) -> None:
        """Write the held-out losses, if there is a held-out set."""
        if not self.held_out:
            return
        size = self.options.micro_batch or self.options.batch
        result = evaluate(self.model, self.held_out, size, self.options.document_mask, self.machine)
        self.last_evaluation = result
        metrics.write({"step": self.counters.step, **result})
        if not quiet:
            say(TOOL, f"step {self.counters.step:,}: held-out {describe(result)}")


def describe(result: dict[str, Any]) -> str:
    """Put an evaluation into words: the mean, then each language."""
    words = [f"{result['all']['nats_per_token']:.3f} nats/token"]
    for language, score in result["languages"].items():
        bits = score["bits_per_byte"]
        value = f"{score['nats_per_token']:.3f}" if bits is None else f"{bits:.3f} bits/byte"
        words.append(f"{language} {value}")
    return ", ".join(words)
