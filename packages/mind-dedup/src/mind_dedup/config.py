"""What a recipe asks for, checked and made: signature, comparison, keep policy, scope, guard."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mind_core.errors import UsageError
from mind_core.plugins import Component, Plugins
from mind_core.recipe import Recipe
from mind_dedup import builtins, hookspecs
from mind_dedup.candidates import Measure
from mind_dedup.clusters import check_weights
from mind_dedup.compared_text import TEXT, ComparedText
from mind_dedup.guard import Guard
from mind_dedup.index_columns import EXACT, SETS
from mind_dedup.signature import KeepPolicy, Signature, reason_of, scheme_of, threshold_of
from mind_dedup.unit_rules import UnitRule

PACKAGE = "mind_dedup"
SIGNATURES, POLICIES = "register_signatures", "register_keep_policies"

_TABLES: Mapping[str, Mapping[str, Any] | None] = {
    "signature": None,  # its options are its component's, and so are those of keep
    "compare": {"measure": "jaccard", "verified": True, "text_field": "text", "chat": ""},
    "keep": None,
    "scope": {
        "unit": "document",
        "min_characters": 30,
        "min_tokens": 50,
        "min_copies": 2,
        "keep_first": True,
        "keep_headings": False,
    },
    "guard": {"max_removed": 0.6, "min_documents": 100, "max_cluster": 10_000},
    "run": {"memory": "", "weights": ""},
    "index": {"sets": EXACT},
}
PASSAGE = "passage"
UNITS = ("document", "paragraph", "line", "passage")


def make_plugins(files: Sequence[Path] = ()) -> Plugins:
    """Return the plugins of this tool."""
    return Plugins(PACKAGE, hookspecs, builtins, files)


@dataclass(frozen=True)
class DedupConfig:
    """Hold what a recipe asks for, checked."""

    recipe: Recipe
    name: str
    signature: Signature
    policy_name: str
    policy: KeepPolicy
    measure: Measure
    verified: bool
    unit: str
    min_characters: int
    guard: Guard
    components: dict[str, str]
    memory: int
    """Bytes; 0 for no bound."""

    weights: str
    units: UnitRule = UnitRule("document", 30)  # noqa: RUF009 - it is frozen
    compared: ComparedText = TEXT
    index_sets: str = EXACT
    """Whether a new index holds whole sets or sketches of them."""

    @property
    def scheme(self) -> str:
        """Return what the keys are, with all that they depend on: indexes carry it."""
        return scheme_of(self.name, self.signature) + self.compared.scheme

    @property
    def streams(self) -> bool:
        """Say whether the keep policy can decide as the records come."""
        return bool(getattr(self.policy, "streams", False))


def plan(recipe: Recipe, plugins: Plugins, allow: bool = False) -> DedupConfig:
    """Check a recipe and make its components; raise `UsageError` for what it gets wrong.

    The recipe is completed with the defaults, its own and the components'.
    """
    recipe.check_keys(_TABLES)
    _refuse_old(recipe)
    for table, defaults in _TABLES.items():
        values = recipe.values.setdefault(table, {})
        if not isinstance(values, dict):
            raise UsageError(f"recipe {recipe.name}: {table!r} is a table, [{table}]")
        if defaults is not None:
            Recipe(recipe.name, values).check_keys(dict.fromkeys(defaults))
            recipe.values[table] = {**defaults, **values}
    name, signature = _component(recipe, plugins, "signature", SIGNATURES, "minhash")
    policy_name, policy = _component(recipe, plugins, "keep", POLICIES, "first")
    compare, scope, run = (recipe.values[table] for table in ("compare", "scope", "run"))
    if reason_of(signature) is None and not 0 < threshold_of(signature) <= 1:
        raise UsageError(
            f"signature {name}: a threshold of {threshold_of(signature)} is not above 0 and at "
            "most 1"
        )
    _check_type(recipe, "compare", compare, verified=bool)
    _check_type(recipe, "scope", scope, min_characters=int, min_copies=int, keep_first=bool)
    _check_type(recipe, "scope", scope, keep_headings=bool, min_tokens=int)
    if scope["min_tokens"] < 2:
        raise UsageError(f"[scope] min_tokens = {scope['min_tokens']}: a passage has 2 or more")
    if scope["unit"] == PASSAGE:  # runs are compared, and no signature is made
        name = PASSAGE
    if scope["min_copies"] < 2:
        raise UsageError(f"[scope] min_copies = {scope['min_copies']}: one copy repeats nothing")
    return DedupConfig(
        recipe=recipe,
        name=name,
        signature=signature,
        policy_name=policy_name,
        policy=policy,
        measure=Measure(_one_of(recipe, "compare.measure", compare["measure"], _MEASURES)),
        verified=compare["verified"],
        unit=_one_of(recipe, "scope.unit", scope["unit"], UNITS),
        min_characters=scope["min_characters"],
        guard=_guard(recipe, allow),
        components=plugins.used(),
        memory=parse_size(run["memory"]),
        weights=check_weights(run["weights"]),
        units=UnitRule(
            str(scope["unit"]),
            scope["min_characters"],
            scope["min_copies"],
            scope["keep_first"],
            scope["keep_headings"],
            scope["min_tokens"],
        ),
        compared=ComparedText(str(compare["text_field"]), str(compare["chat"])),
        index_sets=_one_of(recipe, "index.sets", recipe.values["index"]["sets"], SETS),
    )


def _refuse_old(recipe: Recipe) -> None:
    """Refuse what recipes said before with the way out."""
    run = recipe.values.get("run")
    if isinstance(run, dict) and "kernels" in run:
        raise UsageError(
            f"recipe {recipe.name}: there is no run.kernels any more",
            hint="leave it out: the loops are always compiled; MIND_LOOPS says where from",
        )


_MEASURES = (Measure.JACCARD.value, Measure.CONTAINMENT.value)


def parse_size(text: str) -> int:
    """Return the bytes of a size like 500M or 2G; "" is 0."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([kKMGT]?)(?:i?B)?", str(text).strip())
    if text == "":
        return 0
    size = 0.0
    if match is not None:
        size = float(match[1]) * 1000.0 ** " kMGT".index(match[2].replace("K", "k") or " ")
    # 2⁶² bytes stand for no bound (`Store.memory`).
    if not 1 <= size < 1 << 62:
        raise UsageError(f"{text!r} is no size", hint="give bytes with k, M, G or T: 500M, 2G")
    return int(size)


def _component(
    recipe: Recipe, plugins: Plugins, table: str, hook: str, default: str
) -> tuple[str, Any]:
    """Make the component of a table; the table is completed with its defaults."""
    options = dict(recipe.values[table])
    name = options.pop("use", default)
    if not isinstance(name, str):
        raise UsageError(f"recipe {recipe.name}: {table}.use is {name!r}, wanted is a name")
    name, _, value = name.partition(":")
    if value:
        # best:FIELD is short for the first option of `best`.
        options |= _first_option(plugins.find(hook, name), value)
    made = plugins.make(hook, name, options)
    defaults = plugins.find(hook, name).options()
    recipe.values[table] = {"use": name, **_writable(defaults), **options}
    return name, made


def _first_option(component: Component, value: str) -> dict[str, Any]:
    """Return the value for a component's first option, as a number where that is one."""
    for name, default in component.options().items():
        if type(default) in (int, float):
            try:
                return {name: type(default)(value)}
            except ValueError:
                raise UsageError(f"{component.name}:{value} wants a number") from None
        return {name: value}
    raise UsageError(f"{component.name} has no option that could be {value!r}")


def _guard(recipe: Recipe, allow: bool) -> Guard:
    values = recipe.values["guard"]
    share, min_documents, max_cluster = (
        values[n] for n in ("max_removed", "min_documents", "max_cluster")
    )
    if isinstance(share, bool) or not isinstance(share, (int, float)):
        raise UsageError(
            f"recipe {recipe.name}: [guard] wants max_removed as a share, not {share!r}"
        )
    _check_type(recipe, "guard", values, min_documents=int, max_cluster=int)
    return Guard(float(share), min_documents, max_cluster, allow)


def _check_type(recipe: Recipe, table: str, values: Mapping[str, Any], **wanted: type) -> None:
    for name, kind in wanted.items():
        # `type`, as true is an int to isinstance.
        if type(values[name]) is not kind:
            what = "true or false" if kind is bool else "a whole number"
            raise UsageError(
                f"recipe {recipe.name}: [{table}] wants {name} as {what}, not {values[name]!r}"
            )


def _one_of(recipe: Recipe, name: str, value: Any, known: Sequence[str]) -> str:
    if value not in known:
        raise UsageError(f"recipe {recipe.name}: {name} = {value!r} is none of {', '.join(known)}")
    return str(value)


def _writable(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the defaults that TOML can hold; it has no null."""
    return {
        name: list(value) if isinstance(value, tuple) else value
        for name, value in options.items()
        if value not in (None, ...)
    }


def describe(plan: DedupConfig) -> str:
    """Return what would be done, for --dry-run."""
    if plan.unit == PASSAGE:
        return f"passages of {plan.units.tokens} tokens and more are taken out where they repeat\n"
    how = reason_of(plan.signature)
    if how is not None:
        rule = f"a shared key decides ({how})"
    elif not plan.verified:
        rule = "a shared key decides, unverified: texts that only resemble each other will go too"
    else:
        what = "Jaccard similarity" if plan.measure is Measure.JACCARD else "containment"
        rule = f"exact {what} of at least {threshold_of(plan.signature)} decides"
    guard = plan.guard
    limit = (
        "is off (--allow)"
        if guard.allow
        else f"stops at {guard.max_removed:.0%} removed of a source of {guard.min_documents}+, "
        f"and at clusters of over {guard.max_cluster:,}"
    )
    stays = "the first copy stays" if plan.streams else f"the copy that {plan.policy} prefers stays"
    return (
        f"signature {plan.name}: {plan.signature}\n{rule}; {stays}\n"
        f"compared are {plan.unit}s\nguard {limit}\n"
    )
