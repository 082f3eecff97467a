"""Gates: a metric, a comparison and a bound, as in `heldout.zh.bits_per_byte<=3.5`."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mind_core import MindError
from mind_core.errors import GateError, UsageError, nearest

COMPARISONS: dict[str, Callable[[float, float], bool]] = {
    "<=": operator.le,
    ">=": operator.ge,
    "<": operator.lt,
    ">": operator.gt,
}
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
        if found:
            return Gate(found["name"].rstrip(), found["how"], float(found["bound"]))
    except ValueError:
        pass
    raise UsageError(
        f"--require {text!r} is not a name, a comparison and a number",
        hint="for example --require 'heldout.zh.bits_per_byte<=3.5' or 'piqa.acc>=0.5'",
    )


def metrics_of(scores: Mapping[str, Any]) -> dict[str, float]:
    """Flatten scores: `heldout.<language|all>.<metric>`, `<task>.<metric>`, `average.<group>`.

    A task's name alone is its headline.
    """
    flat: dict[str, float] = {}
    held = scores.get("heldout") or {}
    for language, values in {"all": held.get("all", {}), **held.get("languages", {})}.items():
        for metric, value in values.items():
            if isinstance(value, (int, float)):
                flat[f"heldout.{language}.{metric}"] = value
    for task, values in scores.get("results", {}).items():
        for metric, value in values.items():
            name, comma, _ = metric.partition(",")
            if comma and isinstance(value, (int, float)):
                flat.setdefault(f"{task}.{name}", value)
    for task, headline in scores.get("headlines", {}).items():
        if headline.get("value") is not None:
            flat[task] = headline["value"]
    for name, average in scores.get("averages", {}).items():
        if average["value"] is not None:
            flat[f"average.{name}"] = average["value"]
    return flat


def check_names(
    gates: Sequence[Gate],
    benchmarks: Collection[str],
    averages: Collection[str],
    *,
    heldout: bool,
    tasks: bool,
) -> None:
    """Raise `UsageError` for a gate about nothing that a run will measure: before it, not after.

    Names of lm-eval's tasks are known once they are loaded, so with `tasks` any name may be one.
    """
    known = [*benchmarks, *(f"average.{name}" for name in averages), *["heldout"][: int(heldout)]]
    for gate in gates:
        head, _, rest = gate.name.partition(".")
        if head in ("heldout", "average"):
            there = heldout if head == "heldout" else rest in averages
        else:
            there = tasks or head in benchmarks
        if not there:
            raise UsageError(
                f"--require {gate}: nothing will be measured under the name {gate.name!r}",
                hint=nearest(gate.name, known) or f"measured will be: {', '.join(known)}",
            )


def check_gates(gates: Sequence[Gate], scores: Mapping[str, Any]) -> None:
    """Raise `GateError` that names each bound that was not kept, or is about no metric there is."""
    flat = metrics_of(scores)
    for gate in gates:
        if gate.name not in flat:
            known = ", ".join(sorted(flat))
            raise UsageError(
                f"--require {gate}: nothing was measured under the name {gate.name!r}",
                hint=nearest(gate.name, flat) or f"measured: {known}",
            )
    missed = [
        f"{gate.name} is {flat[gate.name]:.4f}, required is {gate.comparison}{gate.bound:g}"
        for gate in gates
        if not COMPARISONS[gate.comparison](flat[gate.name], gate.bound)
    ]
    if missed:
        raise GateError("; ".join(missed), hint="the scores stand as they were measured")


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
