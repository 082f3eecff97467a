"""The tables [train], [data] and [[phase]] of a recipe, each value checked."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from mind_core.errors import UsageError, did_you_mean
from mind_train.recipe_keys import place_of

ORDERS = ("uniform", "blocked")
O = TypeVar("O")  # noqa: E741


@dataclass(frozen=True)
class TrainOptions:
    """The ``[train]`` table: how long, how much at a time, what is measured and kept when.

    ``steps`` 0 takes as many as ``epochs`` need, or as the phases have. ``batch`` is in rows of
    ``sequence`` tokens (0: the model's context). ``micro_batch`` rows go through the model at once;
    0 is all of a GPU's, on a CPU about 512 tokens, which is as fast and needs less memory.
    ``document_mask`` keeps attention inside a document of a row. ``z_loss`` pulls the scores'
    normaliser towards 1. ``dropout`` leaves out this share of what the embedding and each half of a
    block add (0: none; 0.1 is usual where text is read many times). ``weight_decay_schedule`` is a
    schedule of the optimizer's ``weight_decay``, as ``{ name = "linear", floor = 0.1 }`` ({}: it
    stays). ``spike_sigmas`` skips a step whose loss is that many deviations above the
    last 128 (0: never). ``recompute`` keeps only the blocks' inputs and computes the rest again.
    ``cpu_kernels`` trains on a plain processor with operations of our own, that are faster or keep
    less for the backward pass; false is plain torch, on any device.
    ``compile`` has torch compile the blocks. ``parallel`` is ddp, fsdp or hsdp, under torchrun;
    hsdp has a model in parts on each ``shard_ranks`` ranks (0: those of a node).
    A checkpoint is saved every ``save_every`` steps, and after ``save_minutes`` (0: not by the
    clock); ``keep`` is how many stay (0: all), beside those of each ``keep_every`` steps (0: none).
    ``on_nan`` says what follows a loss or gradient that is not finite: "stop", "skip" the step, or
    "rewind N": go back to a checkpoint N steps before or more, and pass over the rows of those N;
    then a spike is rewound too. ``save_async`` writes checkpoints beside the steps, from a copy in
    host memory. ``ema`` keeps a moving average of the weights with this decay (0: none; 0.999 is
    usual), which `average --ema` makes a model of. ``lora_rank`` above 0 tunes low-rank matrices of
    a Hugging Face model alone, with ``lora_alpha`` over the rank as their factor. ``tensorboard``
    writes event files beside the metrics.
    """

    steps: int = 0
    epochs: float = 0.0
    batch: int = 8
    micro_batch: int = 0
    sequence: int = 0
    document_mask: bool = False
    clip: float = 1.0
    z_loss: float = 0.0
    dropout: float = 0.0
    weight_decay_schedule: dict[str, Any] = field(default_factory=dict)
    ema: float = 0.0
    spike_sigmas: float = 0.0
    evaluate_every: int = 100
    evaluate_tokens: int = 16_384
    save_every: int = 100
    save_minutes: float = 0.0
    save_async: bool = False
    keep: int = 2
    keep_every: int = 0
    on_nan: str = "stop"
    lora_rank: int = 0
    lora_alpha: float = 16.0
    device: str = "auto"
    dtype: str = "auto"
    parallel: str = "ddp"
    shard_ranks: int = 0
    recompute: bool = False
    cpu_kernels: bool = True
    compile: bool = False
    tensorboard: bool = False

    def __post_init__(self) -> None:
        # Both or none.
        if (self.steps > 0) == (self.epochs > 0):
            raise UsageError(
                f"train.steps is {self.steps} and train.epochs is {self.epochs:g}",
                hint="set one of them: --set train.steps=300 --set train.epochs=0, for example",
            )
        if self.batch < 1 or self.micro_batch < 0 or self.sequence < 0 or self.keep < 0:
            raise UsageError(
                "train.batch must be at least 1, micro_batch, sequence and keep not negative",
                hint=f"they are {self.batch}, {self.micro_batch}, {self.sequence}, {self.keep}",
            )
        # A clip of 0 would scale every gradient to nothing.
        if self.clip <= 0 or self.save_every < 1 or self.evaluate_every < 1:
            raise UsageError(
                "train.clip, save_every and evaluate_every must be above 0",
                hint=f"they are {self.clip}, {self.save_every} and {self.evaluate_every}",
            )
        if self.z_loss < 0 or self.spike_sigmas < 0:
            raise UsageError(
                f"train.z_loss {self.z_loss:g} and spike_sigmas {self.spike_sigmas:g} must not be "
                "negative",
                hint="0 is none; usual are 1e-4 and 6",
            )
        if self.save_minutes < 0 or self.keep_every < 0:
            raise UsageError(
                f"train.save_minutes {self.save_minutes:g} and keep_every {self.keep_every} must "
                "not be negative",
                hint="0 is never",
            )
        if not 0.0 <= self.dropout < 1.0:
            raise UsageError(
                f"train.dropout {self.dropout:g} is not in [0, 1)", hint="0 is none, 0.1 is usual"
            )
        if self.shard_ranks < 0:
            raise UsageError(
                f"train.shard_ranks is {self.shard_ranks}", hint="0 takes the ranks of a node"
            )
        if self.lora_rank < 0 or self.lora_alpha <= 0:
            raise UsageError(
                f"train.lora_rank {self.lora_rank}, lora_alpha {self.lora_alpha:g}: out of range",
                hint="usual are 8 to 64, and one to two times the rank; rank 0 tunes all weights",
            )
        if not 0.0 <= self.ema < 1.0:
            raise UsageError(f"train.ema {self.ema:g} is not in [0, 1)", hint="0.999 is usual")
        self.rewind_steps()

    def rewind_steps(self) -> int:
        """Tell how far ``on_nan`` goes back; 0 where it does not."""
        if self.on_nan in ("stop", "skip"):
            return 0
        found = re.fullmatch(r"rewind ([1-9]\d*)", self.on_nan)
        if found is None:
            raise UsageError(
                f"train.on_nan {self.on_nan!r} is not known",
                hint='"stop", "skip", or "rewind 100"',
            )
        return int(found[1])

    def total(self, rows: int) -> int:
        """Count the steps over a number of rows."""
        # At least one step, where a share of an epoch is less than a batch.
        return self.steps or max(1, round(self.epochs * rows / self.batch))


@dataclass(frozen=True)
class DataOptions:
    """The ``[data]`` table: token shares of sources, and how often one may be read.

    ``shares`` names sources, languages or "source/language"; without it every source has the share
    of its tokens. A source that would be read more than ``max_epochs`` times is refused before the
    first step, and so are all of them together where no shares are given (0: no limit; up to 4
    times, old text is nearly as good as new: Muennighoff et al.). ``reshuffle_documents`` lays the
    documents out in another order in each epoch, so that rows are cut elsewhere (36 to 52 bytes of
    memory a document); without it the same rows come in another order.
    """

    shares: dict[str, float] = field(default_factory=dict)
    max_epochs: float = 4.0
    reshuffle_documents: bool = False

    def __post_init__(self) -> None:
        if self.max_epochs < 0:
            raise UsageError(
                f"data.max_epochs is {self.max_epochs:g}", hint="0 is no limit, 4 is usual"
            )


@dataclass(frozen=True)
class PhaseOptions:
    """One ``[[phase]]``: steps with one mixture; ``shares`` {} takes those of ``[data]``.

    ``order`` "uniform" mixes the sources in every batch, "blocked" reads one after another. ``lr``
    is its peak rate (0: the optimizer's), ``batch`` its rows a step (0: the run's), ``schedule`` a
    schedule over its own steps, as ``{ name = "linear", warmup = 4000 }`` ({}: the run's goes on).
    """

    steps: int
    shares: dict[str, float] = field(default_factory=dict)
    order: str = "uniform"
    lr: float = 0.0
    batch: int = 0
    schedule: dict[str, Any] = field(default_factory=dict)

    def described(self) -> dict[str, Any]:
        """Give the table; what goes without saying is left out."""
        # Left out at their defaults: a recipe of an earlier version, without such keys, compares
        # equal.
        later = {"lr": 0.0, "batch": 0, "schedule": {}}
        return {k: v for k, v in dataclasses.asdict(self).items() if later.get(k, ...) != v}


@dataclass(frozen=True)
class SkipOptions:
    """One ``[[skip]]``: the rows of steps ``from`` … ``to`` are passed over, nothing is learned."""

    first: int
    last: int


def skips_of(values: Mapping[str, Any]) -> tuple[SkipOptions, ...]:
    """Read the [[skip]] tables of a recipe; () where there are none."""
    tables = values.get("skip", [])
    if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
        raise UsageError("write each skip as a [[skip]] table", hint="from = 300 and to = 310")
    found = []
    for number, table in enumerate(tables, 1):
        check_keys(f"skip {number}", table, ["from", "to"])
        # Without "to" a skip is of one step.
        first, last = table.get("from"), table.get("to", table.get("from"))
        if type(first) is not int or type(last) is not int or not 1 <= first <= last:
            raise UsageError(
                f"skip {number} is from {first!r} to {last!r}",
                hint="give the first and the last step, counted from 1: from = 300, to = 310",
            )
        found.append(SkipOptions(first, last))
    return tuple(found)


def phases_of(values: Mapping[str, Any]) -> tuple[PhaseOptions, ...]:
    """Read the [[phase]] tables of a recipe; [] where there are none."""
    tables = values.get("phase", [])
    if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
        raise UsageError("write each phase as a [[phase]] table", hint="steps = 1000 stands in it")
    phases = []
    for number, table in enumerate(tables, 1):
        check_keys(f"phase {number}", table, [f.name for f in dataclasses.fields(PhaseOptions)])
        phase = PhaseOptions(**{"steps": 0, **table})
        if not isinstance(phase.steps, int) or isinstance(phase.steps, bool) or phase.steps < 1:
            raise UsageError(
                f"phase {number} has {phase.steps!r} steps", hint="give each phase steps = N"
            )
        if phase.order not in ORDERS:
            raise UsageError(
                f"phase {number}: order {phase.order!r} is not known",
                hint=did_you_mean(str(phase.order), ORDERS) or "one of " + ", ".join(ORDERS),
            )
        for name, kinds in (("lr", (int, float)), ("batch", int), ("schedule", dict)):
            value = getattr(phase, name)
            wrong = not isinstance(value, kinds) or isinstance(value, bool)
            if wrong or (name != "schedule" and value < 0):
                raise UsageError(
                    f"phase {number}: {name} is {value!r}",
                    hint='lr = 5e-4, batch = 1512, schedule = { name = "linear" }, or leave it out',
                )
        if not isinstance(phase.shares, dict):
            raise UsageError(
                f"phase {number}: shares is no table", hint='shares = { "en" = 0.5, "zh" = 0.5 }'
            )
        phases.append(phase)
    return tuple(phases)


def defaults_of(kind: type[Any]) -> dict[str, Any]:
    """Give the defaults of the options of a table."""
    options = dataclasses.fields(kind)
    # A table has no default but an empty one (a default_factory).
    return {f.name: {} if f.default is dataclasses.MISSING else f.default for f in options}


def checked(table: str, values: Mapping[str, Any], kind: type[O]) -> O:
    """Make options of a table; raise UsageError for a value of another type than its default."""
    defaults = defaults_of(kind)
    for key, value in values.items():
        # Floats may be written as whole numbers, `clip = 1`; whole numbers not as floats.
        wanted = (int, float) if type(defaults[key]) is float else type(defaults[key])
        if not isinstance(value, wanted) or (
            isinstance(value, bool) and not isinstance(defaults[key], bool)
        ):
            raise UsageError(
                f"{table}.{key} is {value!r}",
                hint=f"give a value like its default, {defaults[key]}",
            )
    return kind(**values)


TABLE_KEYS = {"train": tuple(defaults_of(TrainOptions)), "data": tuple(defaults_of(DataOptions))}


def check_keys(table: str, values: Mapping[str, Any], known: Sequence[str]) -> None:
    """Raise UsageError with the nearest name for a key that a table does not have."""
    for key in values:
        if key not in known:
            place = place_of(key, TABLE_KEYS)
            raise UsageError(
                f"there is no {table}.{key}",
                hint=(place and f"it is {place}")
                or did_you_mean(key, known)
                or f"{table} has {', '.join(known)}",
            )
