"""Configuration of a selection: the effective recipe, checked, with its scorers and reference."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from mind_core.chats import ChatFormat
from mind_core.errors import UsageError
from mind_core.plugins import Plugins
from mind_core.recipe import STEP, Recipe, load_recipe
from mind_sft_select.bands import Band, check_shares
from mind_sft_select.hookspecs import Scorer
from mind_sft_select.references import (
    Reference,
    check_source,
    measured_reference,
    parse_reference,
)
from mind_sft_select.scoring.answer_model import check_model, model_of
from mind_sft_select.selection import SelectionRule

HOOK = "register_scorers"
KIND = "scorer"
KEYS = {"band": None, "quantile": None, "per_language": None, "max": None, "clusters": None,
        STEP: None}  # fmt: skip


@dataclass(frozen=True)
class SelectionConfig:
    """A checked configuration; the first scorer decides."""

    names: Sequence[str]
    scorers: Sequence[Scorer]
    reference: Reference | None
    band: tuple[float, float] | None
    quantile: tuple[float, float] | None
    per_language: bool
    max: int | None
    clusters: int | None
    mark: bool
    seed: int
    model: str
    device: str
    started: float
    format: ChatFormat = field(default_factory=ChatFormat)

    @property
    def needs_all(self) -> bool:
        """Tell whether a decision needs the scores of all records."""
        return any(value is not None for value in (self.quantile, self.max, self.clusters))

    @property
    def uses_model(self) -> bool:
        """Tell whether a scorer reads a checkpoint."""
        return any(getattr(scorer, "model", "") for scorer in self.scorers)

    def device_name(self) -> str:
        """Name the device that scores, for people."""
        from mind_eval.models.model import device_name

        return f"{device_name(self.device)}, float32"

    def rule(self) -> SelectionRule:
        """Return the rule as far as it is known before any record is read."""
        first = self.scorers[0]
        return SelectionRule(
            step=self.names[0],
            notes=[
                str(getattr(scorer, "note", name))
                for name, scorer in zip(self.names, self.scorers, strict=True)
            ],
            unscored=str(getattr(first, "unscored", "unscored")),
            reference=self.reference,
            band=Band(*self.band) if self.band is not None else None,
            model=str(getattr(first, "model", "")),
        )

    def model_details(self) -> dict[str, Any]:
        """Identify the checkpoint for the summary; empty if no scorer read one."""
        if not self.model:
            return {}
        model = model_of(self.model, self.device)
        return {"fingerprint": model.fingerprint, "step": model.about["step"],
                "context": model.context, "device": self.device}  # fmt: skip


def effective_recipe(name: str | None, flags: dict[str, Any], assignments: Sequence[str]) -> Recipe:
    """Return the recipe with --set and flags applied; flags that are None change nothing.

    `scope` and `long` are options of each scorer that has them. A band and a quantile exclude each
    other: the flag wins over the recipe, and two flags are an error.
    """
    recipe = load_recipe(name or "mindllm", "mind_sft_select")
    for assignment in assignments:
        # `entropy.long=cut` is of a scorer's step, `max=100` of the recipe itself.
        recipe.set(assignment, [KIND] if "." in assignment.partition("=")[0] else [])
    recipe.check_keys(KEYS)
    if flags.get("band") is not None and flags.get("quantile") is not None:
        raise UsageError("--band and --quantile exclude each other")
    for key in ("band", "quantile", "per_language", "max", "clusters"):
        if flags.get(key) is not None:
            value = flags[key]
            recipe.values[key] = list(value) if isinstance(value, tuple) else value
    for given, other in (("quantile", "band"), ("band", "quantile")):
        if flags.get(given) is not None:
            # A flag wins over the recipe's own way to bound what is kept.
            recipe.values.pop(other, None)
    if flags.get("scope") is not None:
        for step in recipe.values.get(STEP, []):
            if "scope" in step or step.get(KIND) in ("entropy", "length"):
                step["scope"] = flags["scope"]
    if "band" in recipe.values and "quantile" in recipe.values:
        raise UsageError(f"recipe {recipe.name} has a band and a quantile: leave one out")
    return recipe


def make_config(
    recipe: Recipe,
    plugins: Plugins,
    *,
    model: str,
    device: str,
    mark: bool,
    seed: int,
    reference_file: str | None = None,
    reference_entropy: str | None = None,
    dry_run: bool = False,
    chat_format: ChatFormat | None = None,
) -> SelectionConfig:
    """Make the scorers and the reference; raise `UsageError` for what cannot be done.

    In a dry run the model and the source of the reference are looked for, and nothing is measured.
    """
    started = time.monotonic()
    if chat_format is not None:
        chat_format.check()
    if model:
        from mind_eval.models.model import usable_device

        device = usable_device(device)
    names, scorers = [], []
    for _, name, options in recipe.steps([KIND]):
        known = plugins.find(HOOK, name).options()
        given = {"model": model, "device": device}
        # A scorer that needs no model gets none; a step's own model comes before --model.
        options = {**{k: v for k, v in given.items() if k in known}, **options}
        names.append(name)
        scorers.append(plugins.make(HOOK, name, options))
        if dry_run and "model" in known:
            check_model(options["model"])
    if not scorers:
        raise UsageError(f"recipe {recipe.name} names no scorer")
    values = recipe.values
    limits = {name: _count(values.get(name), name) for name in ("max", "clusters")}
    quantile = _pair(values.get("quantile"), "quantile")
    if quantile is not None:
        check_shares(*quantile)
    per_language = bool(values.get("per_language", True))
    reference = _reference(
        scorers[0], reference_file, reference_entropy, per_language, measure=not dry_run
    )
    band = values.get("band")
    if reference is None and band is not None:
        # With these two all records go on, so a band without a reference does no harm.
        if not mark and not limits["clusters"]:
            raise UsageError(
                "the band is measured from a reference, and none was given",
                hint="--reference HELDOUT.jsonl.zst, --reference-entropy X, or --quantile LOW,HIGH",
            )
        band = None  # scores are noted, nothing is decided by them
    return SelectionConfig(
        names=names,
        scorers=scorers,
        reference=reference,
        band=_pair(band, "band"),
        quantile=quantile,
        per_language=per_language,
        max=limits["max"],
        clusters=limits["clusters"],
        mark=mark,
        seed=seed,
        model=model,
        device=device,
        started=started,
        format=chat_format or ChatFormat(),
    )


def _reference(
    scorer: Scorer, source: str | None, given: str | None, per_language: bool, measure: bool
) -> Reference | None:
    if source is not None and given is not None:
        raise UsageError("--reference and --reference-entropy exclude each other")
    if given is not None:
        return parse_reference(given, per_language)
    if source is None:
        return None
    if not measure:
        check_source(scorer, source)
        # A stand-in: a dry run decides nothing.
        return Reference({}, per_language)
    return measured_reference(scorer, source, per_language)


def _count(value: Any, name: str) -> int | None:
    if value is None:
        return None
    if isinstance(value, int) and not isinstance(value, bool) and value >= 1:
        return value
    raise UsageError(f"recipe: {name} must be a whole number from 1, not {value!r}")


def _pair(value: Any, name: str) -> tuple[float, float] | None:
    if value is None:
        return None
    if (
        isinstance(value, list)
        and len(value) == 2
        and all(isinstance(v, (int, float)) and not isinstance(v, bool) for v in value)
        and all(math.isfinite(v) for v in value)
        and value[0] <= value[1]
    ):
        return float(value[0]), float(value[1])
    raise UsageError(f"recipe: {name} must be two numbers, the lower one first, not {value!r}")
