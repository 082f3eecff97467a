"""Plans of experiments: TOML files that say what is trained, on what, and what is claimed before.

A plan is read whole and checked key by key; its hash, and that of its predictions alone, are noted
when its first cell is run, so that neither can be changed afterwards without a word.
"""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, dataclass, field, fields
from pathlib import Path
from typing import Any, TypeVar

import orjson

from mind_core.errors import MindError, UsageError
from mind_core.files import note_source
from mind_core.recipe import TOML_HINT
from mind_core.untrusted import as_written
from mind_core.whole_files import MAX_JSON_BYTES, read_whole
from mind_train.train_options import check_keys

KINDS = ("grid", "scaling", "rate", "sources", "curriculum", "transfer", "mixture")
DIRECTIONS = ("lower", "higher", "same")
TESTS = ("difference", "rank")
HELD_OUT_BYTES = 100_000
CURVE_TOKENS = 4096
"""Tokens of each held-out set that are scored while a run goes on; at its end all are."""
MAX_EPOCHS = 4.0
T = TypeVar("T")


@dataclass(frozen=True)
class Hypothesis:
    """One claim, written before the runs: what is measured, and which effect would count.

    `of` names the arm (of the test `rank`: none), `against` arms, "others" (their mean) or
    "closest" (the best rival). `on` names evaluation sets: "all", "own", "elsewhere", or sources.
    `smallest_effect` is in the unit of the measure; of the test `rank` it is a correlation.
    """

    claim: str
    measure: str
    smallest_effect: float
    seeds: int
    of: str = ""
    against: tuple[str, ...] = ("others",)
    on: tuple[str, ...] = ("all",)
    direction: str = "lower"
    test: str = "difference"
    order: tuple[str, ...] = ()
    """Of the test `rank`: the arms in the order claimed, the lowest value first."""
    source: str = ""
    """Where the claim comes from."""


@dataclass(frozen=True)
class Size:
    """One size of model: its [model] table, and what else of the recipe changes with it."""

    name: str
    model: dict[str, Any]
    changes: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Plan:
    """A plan as it was read; `folder` is where its relative paths begin."""

    name: str
    kind: str
    shards: tuple[str, ...]
    sizes: tuple[Size, ...]
    tokens: tuple[int, ...]
    seeds: tuple[int, ...]
    recipe: dict[str, Any]
    seeds_of: dict[str, tuple[int, ...]] = field(default_factory=dict)
    threads: int = 1
    checkpoints: int = 4
    held_out_bytes: int = HELD_OUT_BYTES
    curve_tokens: int = CURVE_TOKENS
    max_epochs: float = MAX_EPOCHS
    leave_out: dict[str, str] = field(default_factory=dict)
    options: dict[str, Any] = field(default_factory=dict)
    predictions: tuple[Hypothesis, ...] = ()
    sha256: str = ""
    prediction_sha256: str = ""
    folder: Path = field(default=Path(), compare=False)

    def shard_folders(self) -> list[Path]:
        """Give the shard folders, as seen from the plan's own folder."""
        return [self.folder / name for name in self.shards]

    def seeds_at(self, size: str) -> tuple[int, ...]:
        """Give the seeds of a size."""
        return self.seeds_of.get(size, self.seeds)


def read_plan(path: Path, kind: str | None = None) -> Plan:
    """Read a plan; raise UsageError with the nearest name for a key that no plan has.

    `kind` is the one that a verb is for; another one is refused.
    """
    note_source(path)
    try:
        values = tomllib.loads(read_whole(path, MAX_JSON_BYTES).decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise MindError(f"{path} is not TOML", cause=error, hint=TOML_HINT) from None
    with as_written(path, "docs/reproduce.md shows a plan"):
        return plan_of(values, str(path), path.parent, kind)


def plan_of(
    values: Mapping[str, Any], where: str, folder: Path = Path(), kind: str | None = None
) -> Plan:
    """Make a plan of its values."""
    known = {one.name for one in fields(Plan)} - {
        "sizes", "predictions", "sha256", "prediction_sha256", "folder",
    }  # fmt: skip
    check_keys(where, values, [*sorted(known), "size", "prediction"])
    for name in ("name", "kind", "shards", "size", "tokens", "seeds", "recipe"):
        if name not in values:
            raise UsageError(f"{where} does not say {name}", hint="docs/reproduce.md shows a plan")
    if values["kind"] not in KINDS:
        raise UsageError(
            f"{where}: kind {values['kind']!r} is not known", hint="one of " + ", ".join(KINDS)
        )
    if kind is not None and values["kind"] != kind:
        raise UsageError(
            f"{where} is a plan of kind {values['kind']!r}, wanted is {kind!r}",
            hint="`mind-train experiment` takes every kind",
        )
    rest = {k: v for k, v in values.items() if k in known}
    predictions = [dict(one) for one in values.get("prediction", [])]
    plan = Plan(
        **{
            **rest,
            "shards": _tuple(where, "shards", values["shards"], str),
            "tokens": _tuple(where, "tokens", values["tokens"], int),
            "seeds": _tuple(where, "seeds", values["seeds"], int),
            # Tuples, as a frozen plan may not be changed through a list.
            "seeds_of": {n: tuple(s) for n, s in values.get("seeds_of", {}).items()},
            "sizes": tuple(_size(where, n, dict(t)) for n, t in values["size"].items()),
            "predictions": tuple(_prediction(where, i, p) for i, p in enumerate(predictions, 1)),
            # Of the values as they were read, and not of the plan: a new option does not change old
            # hashes.
            "sha256": digest(values),
            # Apart from the rest, so that a claim that was changed afterwards is known for what it
            # is.
            "prediction_sha256": digest(predictions),
            "folder": folder,
        }
    )
    _check(where, plan)
    return plan


def digest(value: Any) -> str:
    """Return the SHA-256 of a value as JSON with sorted keys."""
    return hashlib.sha256(orjson.dumps(value, option=orjson.OPT_SORT_KEYS)).hexdigest()


def _tuple(where: str, name: str, given: Any, kind: type[T]) -> tuple[T, ...]:
    values = given if isinstance(given, list) else [given]
    # In Python True is an int.
    if not values or not all(isinstance(v, kind) and not isinstance(v, bool) for v in values):
        raise UsageError(f"{where}: {name} is {given!r}", hint=f"a list of {kind.__name__} values")
    if len(set(values)) < len(values):
        raise UsageError(f"{where}: {name} names one value twice", hint="name each once")
    return tuple(values)


def _size(where: str, name: str, table: dict[str, Any]) -> Size:
    model = table.pop("model", None)
    if not isinstance(model, dict):
        raise UsageError(f"{where}: size {name} has no model", hint="model = { dim = 64, … }")
    check_keys(f"size.{name}", table, ["optimizer", "train", "schedule"])
    return Size(name, model, table)


def _prediction(where: str, number: int, table: dict[str, Any]) -> Hypothesis:
    what = f"{where}: prediction {number}"
    check_keys(f"prediction {number}", table, [one.name for one in fields(Hypothesis)])
    for one in fields(Hypothesis):
        if one.default is MISSING and one.name not in table:
            raise UsageError(f"{what} does not say {one.name}", hint="it is to be said beforehand")
    for name in ("against", "on", "order"):
        if name in table:
            given = table[name]
            table[name] = tuple(given) if isinstance(given, list) else (str(given),)
    prediction = Hypothesis(**table)
    if prediction.direction not in DIRECTIONS or prediction.test not in TESTS:
        raise UsageError(
            f"{what}: direction {prediction.direction!r}, test {prediction.test!r}",
            hint=f"direction: {', '.join(DIRECTIONS)}; test: {', '.join(TESTS)}",
        )
    # "not >=", since a nan compares false with everything.
    if not prediction.smallest_effect >= 0 or prediction.smallest_effect == float("inf"):
        raise UsageError(f"{what}: smallest_effect is {prediction.smallest_effect}", hint="≥ 0")
    return prediction


def _check(where: str, plan: Plan) -> None:
    names: Sequence[str] = [size.name for size in plan.sizes]
    if not names or min(plan.tokens) < 1 or min(plan.seeds) < 0:
        raise UsageError(f"{where}: no size, or tokens or seeds below 0", hint="give some")
    check_keys("seeds_of", plan.seeds_of, names)
    if plan.threads < 1 or plan.checkpoints < 1 or min(plan.held_out_bytes, plan.curve_tokens) < 1:
        raise UsageError(
            f"{where}: threads, checkpoints, held_out_bytes and curve_tokens must be at least 1",
            hint=f"they are {plan.threads}, {plan.checkpoints}, {plan.held_out_bytes} and "
            f"{plan.curve_tokens}",
        )
    if not 0 < plan.max_epochs <= MAX_EPOCHS:
        raise UsageError(
            f"{where}: max_epochs is {plan.max_epochs:g}",
            hint=f"up to {MAX_EPOCHS:g}: to there old text is nearly as good as new (Muennighoff)",
        )
