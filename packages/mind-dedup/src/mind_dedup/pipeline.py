"""The corridor: recipe → signature; batches → prints in the workers → decisions in order."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from mind_core.errors import UsageError
from mind_core.flow import Outcome, StreamOptions, run_flow
from mind_core.plugins import Plugins
from mind_core.reasons import Reason
from mind_core.recipe import Recipe
from mind_core.records import annotate, encode
from mind_core.summary import Summary
from mind_dedup import builtins, hookspecs
from mind_dedup.decide import Decider, Match
from mind_dedup.guard import Guard, SummaryBySource
from mind_dedup.prints import Prints, TakePrints
from mind_dedup.signature import Signature, threshold_of
from mind_dedup.speed import Speed

TOOL = "mind-dedup"
PACKAGE = "mind_dedup"
SIGNATURES = "register_signatures"

_PACKED = 3
"""A compressed byte is about so many bytes of records."""

_TABLES: Mapping[str, Sequence[str] | None] = {
    "signature": None,  # its options are its component's
    "guard": ("max_removed", "min_documents"),
    "run": ("kernels",),
}


def make_plugins(files: Sequence[Path] = ()) -> Plugins:
    """Return the plugins of this tool."""
    return Plugins(PACKAGE, hookspecs, builtins, files)


@dataclass(frozen=True)
class Plan:
    """Hold what a recipe asks for, checked."""

    recipe: Recipe
    name: str
    signature: Signature
    guard: Guard
    components: dict[str, str]
    kernels: str = "auto"


def plan(recipe: Recipe, plugins: Plugins, allow: bool = False) -> Plan:
    """Check a recipe and make its components; raise `UsageError` for what it gets wrong.

    The recipe is completed with the components' own defaults.
    """
    recipe.check_keys(_TABLES)
    for table, known in _TABLES.items():
        values = recipe.values.setdefault(table, {})
        if not isinstance(values, dict):
            raise UsageError(f"recipe {recipe.name}: {table!r} is a table, [{table}]")
        if known is not None:
            Recipe(recipe.name, values).check_keys(dict.fromkeys(known))
    options = dict(recipe.values["signature"])
    name = options.pop("use", "minhash")
    if not isinstance(name, str):
        raise UsageError(f"recipe {recipe.name}: signature.use is {name!r}, wanted is a name")
    signature = plugins.make(SIGNATURES, name, options)
    defaults = plugins.find(SIGNATURES, name).options()
    recipe.values["signature"] = {"use": name, **_writable(defaults), **options}
    guard = _guard(recipe, allow)
    kernels = recipe.values["run"].setdefault("kernels", "auto")
    Speed(kernels)
    return Plan(recipe, name, signature, guard, plugins.used(), kernels)


def deduplicate(plan: Plan, options: StreamOptions, mark: bool = False) -> Summary:
    """Run the stream and return its summary; raise `GateError` if the guard stops it."""
    summary = SummaryBySource(TOOL, recipe=plan.recipe.values, components=plan.components)
    expected = _expected(options.inputs)
    settle = Settle(plan, summary, mark, options.rejects is not None, expected)
    run_flow(
        summary,
        TakePrints(plan.signature, Speed(plan.kernels, expected)),
        options,
        settle,
        finish=lambda _: plan.guard.check(summary.sources),
    )
    return summary


@dataclass
class Settle:
    """Settle a batch in its turn: pass the lines of what stays on as they came."""

    plan: Plan
    summary: SummaryBySource
    mark: bool
    want_rejects: bool
    expected: int = 0
    decider: Decider = field(init=False)
    _copied: set[int] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.decider = Decider(self.plan.signature, speed=Speed(self.plan.kernels, self.expected))
        if scheme := getattr(self.plan.signature, "scheme", None):
            self.summary.details["scheme"] = scheme

    def __call__(self, outcome: Outcome) -> Outcome:
        """Return the outcome with its lines kept, marked or rejected."""
        prints: Prints = outcome.payload
        matches = self.decider.decide(prints)
        self.summary.count(Counter(prints.sources))
        if any(matches):
            self._settle(outcome, prints, matches)
        else:
            outcome.kept += [line + b"\n" for line in prints.lines]
        self.summary.details["documents_with_duplicates"] = len(self._copied)
        outcome.payload = None
        return outcome

    def _settle(self, outcome: Outcome, prints: Prints, matches: Sequence[Match | None]) -> None:
        for row, match in enumerate(matches):
            line = prints.lines[row]
            if match is None:
                outcome.kept.append(line + b"\n")
                continue
            kept_id = orjson.loads(match.kept_id)
            self._copied.add(match.number)
            if self.mark:
                self._mark(outcome, line, match, kept_id)
            else:
                own_id = orjson.loads(prints.ids[row])
                self.summary.count_removed(prints.sources[row], own_id, kept_id)
                self._reject(outcome, line, match, kept_id)

    def _mark(self, outcome: Outcome, line: bytes, match: Match, kept_id: Any) -> None:
        record = orjson.loads(line)
        annotate(
            record,
            "dedup",
            signature=self.plan.name,
            reason=match.reason,
            duplicate_of=kept_id,
            **_similarity(match),
        )
        outcome.keep(encode(record))
        outcome.marked[f"{self.plan.name}.{match.reason}"] += 1

    def _reject(self, outcome: Outcome, line: bytes, match: Match, kept_id: Any) -> None:
        # Without --rejects nobody reads the record again, and the counts are all that is needed.
        record = orjson.loads(line) if self.want_rejects else {}
        similarity = _similarity(match)
        reason: str = match.reason
        if similarity:  # else the keys are the same, and nothing was measured
            threshold = threshold_of(self.plan.signature)
            reason = Reason(match.reason, similarity["similarity"], threshold)
        outcome.reject(record, TOOL, self.plan.name, reason, duplicate_of=kept_id, **similarity)


def _expected(inputs: Sequence[str]) -> int:
    """Return about how many bytes of records the input files hold, as far as that can be seen."""
    size = 0
    for path in map(Path, inputs):
        if path.is_file():
            packed = _first_byte(path) in (b"\x28", b"\x1f")
            size += path.stat().st_size * (_PACKED if packed else 1)
    return size


def _first_byte(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(1)


def _similarity(match: Match) -> dict[str, float]:
    return {} if match.similarity is None else {"similarity": round(match.similarity, 4)}


def _guard(recipe: Recipe, allow: bool) -> Guard:
    values = recipe.values["guard"]
    values.setdefault("max_removed", Guard.max_removed)
    values.setdefault("min_documents", Guard.min_documents)
    share, least = values["max_removed"], values["min_documents"]
    if isinstance(share, bool) or not isinstance(share, (int, float)) or type(least) is not int:
        raise UsageError(
            f"recipe {recipe.name}: [guard] wants max_removed as a share and min_documents as "
            f"a whole number, not {share!r} and {least!r}"
        )
    return Guard(float(share), least, allow)


def _writable(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the defaults that TOML can hold; it has no null."""
    return {name: value for name, value in options.items() if value not in (None, ...)}


def describe(plan: Plan) -> str:
    """Return what would be done, for --dry-run."""
    how = getattr(plan.signature, "decides", None)
    rule = (
        f"a shared key decides ({how})"
        if how
        else f"exact Jaccard similarity of at least {threshold_of(plan.signature)} decides"
    )
    guard = plan.guard
    limit = (
        "is off (--allow)"
        if guard.allow
        else f"stops at {guard.max_removed:.0%} removed of a source of {guard.min_documents}+"
    )
    return f"signature {plan.name}: {plan.signature}\n{rule}; the first copy stays\nguard {limit}\n"
