"""Gates: a metric, a comparison and a bound, as in `heldout.zh.bits_per_byte<=3.5`."""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mind_core import MindError
from mind_core.errors import GateError, UsageError, did_you_mean
from mind_eval.finite import is_finite

COMPARISONS: dict[str, Callable[[float, float], bool]] = {
    "<=": operator.le,
    ">=": operator.ge,
    "<": operator.lt,
    ">": operator.gt,
}
CUT, MAX_CUT = "cut", 0.01
"""A gate does not hold on written texts if more than this share of them was cut by the limit."""

_FORM = re.compile(r"(?P<name>[^<>=]+)(?P<how><=|>=|<|>)\s*(?P<bound>[-+.\deE]+)")


@dataclass(frozen=True)
class Gate:
    """A bound that a metric must keep."""

    name: str
    comparison: str
    bound: float

    def __str__(self) -> str:
        return f"{self.name}{self.comparison}{self.bound:g}"


def parse_gate(text: str) -> Gate:
    """Read a gate; raise `UsageError` if it is not of the form name, comparison, number."""
    found = _FORM.fullmatch(text.strip())
    try:
        if found and math.isfinite(bound := float(found["bound"])):
            return Gate(found["name"].rstrip(), found["how"], bound)
    except ValueError:
        pass
    raise UsageError(
        f"--require {text!r} is not a name, a comparison and a number",
        hint="for example --require 'heldout.zh.bits_per_byte<=3.5' or 'piqa.acc>=0.5'",
    )


def metrics_of(scores: Mapping[str, Any]) -> dict[str, float]:
    """Flatten scores: `heldout.<language|all>.<metric>`, `<task>.<metric>`, `average.<group>`.

    A task's name alone is its headline. What has no value has no entry.
    """
    flat: dict[str, float] = {}
    held = scores.get("heldout") or {}
    for language, values in {"all": held.get("all", {}), **held.get("languages", {})}.items():
        for metric, value in values.items():
            if is_finite(value):
                flat[f"heldout.{language}.{metric}"] = value
    for task, values in scores.get("results", {}).items():
        for metric, value in values.items():
            name, comma, _ = metric.partition(",")
            if comma and is_finite(value):
                # The first filter of a task counts where it has several.
                flat.setdefault(f"{task}.{name}", value)
    for task, headline in scores.get("headlines", {}).items():
        if is_finite(headline.get("value")):
            flat[task] = headline["value"]
    for name, average in scores.get("averages", {}).items():
        if is_finite(average["value"]):
            flat[f"average.{name}"] = average["value"]
    return flat


def check_gates(gates: Sequence[Gate], scores: Mapping[str, Any]) -> None:
    """Raise `GateError` that names each bound that was not kept.

    Raises `UsageError` for a gate about no metric there is, and `MindError` for one about what was
    set aside: no bound is kept by a number that is not there.
    """
    flat, failed = metrics_of(scores), scores.get("failed", {})
    for gate in gates:
        head = gate.name.partition(".")[0]
        # An average has no value if any of its benchmarks was set aside.
        if gate.name not in flat and (head in failed or (head == "average" and failed)):
            raise MindError(
                f"--require {gate}: {gate.name} has no value",
                cause="; ".join(f"{name}: {why}" for name, why in failed.items()),
            )
        if gate.name not in flat:
            known = ", ".join(sorted(flat))
            raise UsageError(
                f"--require {gate}: nothing was measured under the name {gate.name!r}",
                hint=did_you_mean(gate.name, flat) or f"measured: {known}",
            )
    check_cut(gates, scores)
    missed = [
        f"{gate.name} is {flat[gate.name]:.4f}, required is {gate.comparison}{gate.bound:g}"
        for gate in gates
        if not COMPARISONS[gate.comparison](flat[gate.name], gate.bound)
    ]
    if missed:
        raise GateError("; ".join(missed), hint="the scores stand as they were measured")


def check_cut(gates: Sequence[Gate], scores: Mapping[str, Any]) -> None:
    """Raise `GateError` for a gate on texts of which more than 1 % were cut by the limit.

    Such a score says where the limit lies. A gate on `<benchmark>.cut` goes before this bound.
    """
    flat, named = metrics_of(scores), {gate.name for gate in gates}
    groups = {f"average.{name}": one["of"] for name, one in scores.get("averages", {}).items()}
    tasks = {task for name in named for task in groups.get(name, [name.partition(".")[0]])}
    missed = [
        f"{flat[f'{task}.{CUT}']:.1%} of the texts of {task} were cut by the limit of new tokens"
        for task in sorted(tasks)
        if f"{task}.{CUT}" not in named and flat.get(f"{task}.{CUT}", 0) > MAX_CUT
    ]
    if missed:
        raise GateError(
            f"{'; '.join(missed)}; at most {MAX_CUT:.0%} may be",
            hint="--max-new-tokens N allows more, --require 'TASK.cut<=0.05' another share",
        )


def check_complete(scores: Mapping[str, Any]) -> None:
    """Raise `MindError` that counts what was set aside, if anything was."""
    if scores.get("complete", True):
        return
    failed = scores.get("failed", {})
    bad = {name: one["bad_items"] for name, one in scores["benchmarks"].items() if one["bad_items"]}
    parts = [f"{count} items of {name}" for name, count in bad.items()]
    parts += [f"benchmark {name}" for name in failed]
    raise MindError(
        f"set aside, and not scored: {', '.join(parts)}",
        hint="they are named in scores.json under benchmarks and failed",
    )
