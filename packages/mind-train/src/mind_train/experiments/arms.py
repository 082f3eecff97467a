"""Arms of an experiment: what is read in which order, and what the shards have for it."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from mind_core.errors import MindError, UsageError
from mind_train.experiments.plan_file import Plan
from mind_train.experiments.prepared_data import Preparation, plain_language
from mind_train.shards import Shards


@dataclass(frozen=True)
class Arm:
    """One arm: shards, shares or phases, and what else of the recipe is its own.

    `phases` are (share of all steps, shares, order). `factor` multiplies the plan's tokens.
    `by_seed` says that the order of the phases is drawn by the seed. `block` is in batches.
    """

    name: str
    preparation: Preparation
    shares: dict[str, float] = field(default_factory=dict)
    phases: tuple[tuple[float, dict[str, float]], ...] = ()
    schedule: dict[str, Any] = field(default_factory=dict)
    factor: float = 1.0
    block: int = 0
    by_seed: bool = False
    measures: tuple[str, ...] = ()
    size: str = ""
    """The one size that it is for; "" is every size."""
    seeds: tuple[int, ...] = ()
    """Seeds of its own; () takes those of the plan."""


@dataclass(frozen=True)
class Corpus:
    """What the shards of a plan hold: training tokens by source, and by source and language."""

    fingerprint: str
    tokens: dict[str, dict[str, int]]

    @property
    def sources(self) -> list[str]:
        """Name the sources of the corpus that arms are made of."""
        return sorted(self.tokens)

    def of(self, source: str) -> int:
        """Count the training tokens of a source."""
        return sum(self.tokens[source].values())


def corpus_of(opened: Shards) -> Corpus:
    """Read what shards hold from their manifest; scripts of a language are one language."""
    found: dict[str, dict[str, int]] = {}
    for source, languages in opened.manifest["counts"]["train"].items():
        table = found.setdefault(source, {})
        for language, numbers in languages.items():
            name = plain_language(language)
            table[name] = table.get(name, 0) + int(numbers["tokens"])
    return Corpus(opened.fingerprint, found)


def used_sources(plan: Plan, corpus: Corpus) -> list[str]:
    """Name the sources that a plan uses: all but those it leaves out."""
    return [source for source in corpus.sources if source not in plan.leave_out]


def check_enough(plan: Plan, corpus: Corpus, wanted: Mapping[str, float]) -> None:
    """Refuse sources that would be read more often than the plan allows, with all their names."""
    few = [
        f"{source} has {corpus.of(source):,} training tokens, {tokens:,.0f} are asked of it: "
        f"{tokens / max(corpus.of(source), 1):.1f} epochs"
        for source, tokens in sorted(wanted.items())
        if tokens > plan.max_epochs * corpus.of(source)
    ]
    if few:
        raise MindError(
            f"{plan.name}: too few tokens for at most {plan.max_epochs:g} epochs",
            cause="; ".join(few),
            hint='more text, fewer tokens, or [leave_out] webtext = "too few tokens"',
        )


def one_length(plan: Plan) -> tuple[int]:
    """Return the one number of tokens of a plan; raise UsageError where it has several."""
    if len(plan.tokens) != 1:
        raise UsageError(
            f"{plan.name}: a plan of kind {plan.kind!r} has one number of tokens",
            hint="equal tokens are what makes its arms comparable",
        )
    return (plan.tokens[0],)


def phases_of_arm(arm: Arm, steps: int, seed: int) -> list[dict[str, Any]]:
    """Return the [[phase]] tables of an arm over so many steps.

    Parts are whole steps; what is left over goes to the last. Blocks come in rounds, each source
    once a round in an order drawn by the seed, so that no source is last for every seed.
    """
    # Of its own, by the seed alone: the same order on every machine, whatever drew before.
    draw = random.Random(seed)
    parts = list(arm.phases)
    if arm.block:
        phases: list[dict[str, Any]] = []
        done = 0
        while done < steps:
            for _, shares in draw.sample(parts, len(parts)) if arm.by_seed else parts:
                count = min(arm.block, steps - done)
                if count:
                    phases.append({"steps": count, "shares": dict(shares)})
                    done += count
        return phases
    if arm.by_seed:
        parts = draw.sample(parts, len(parts))
    found, done, share = [], 0, 0.0
    for number, (part, shares) in enumerate(parts, 1):
        share += part
        # Shares are added up before they are rounded, so that errors do not add up too.
        stop = steps if number == len(parts) else round(steps * share)
        if stop <= done:
            raise MindError(
                f"{arm.name}: {steps} steps are too few for {len(parts)} parts",
                hint="more tokens, or a smaller batch",
            )
        found.append({"steps": stop - done, "shares": dict(shares)})
        done = stop
    return found
