"""The cells of a plan: its arms at each size, number of tokens and seed.

Two plans that ask for the same run ask for the same cell, which is trained once.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

from mind_core.errors import MindError, UsageError
from mind_core.plugins import Plugins
from mind_core.recipe import Recipe
from mind_train.config import effective_recipe, model_config, whole
from mind_train.experiments.arms import Arm, Corpus, corpus_of, phases_of_arm
from mind_train.experiments.cell import Cell
from mind_train.experiments.designs import arms_of
from mind_train.experiments.plan_file import Plan, Size
from mind_train.flops import flops
from mind_train.models.bare_model import build_bare
from mind_train.plan import parameters
from mind_train.shards import Shards

SCALING_DECAY = 0.2
MAX_WARMUP = 0.05
"""The largest share of the shortest run that may be warm-up."""


def cells_of(plan: Plan, plugins: Plugins, opened: Shards | None = None) -> list[Cell]:
    """Return the cells of a plan in the order in which they are run.

    Two arms that are one run are two cells of one name, and it is trained once.
    """
    opened = opened or Shards.open(plan.shard_folders(), "text")
    corpus = corpus_of(opened)
    found: dict[tuple[str, str], Cell] = {}
    for arm in arms_of(plan, corpus):
        for size in plan.sizes:
            if arm.size and arm.size != size.name:
                continue
            for seed in arm.seeds or plan.seeds_at(size.name):
                for cell in _cells(plan, plugins, opened, arm, size, seed):
                    found.setdefault((cell.name, cell.arm), cell)
    if plan.kind == "scaling":
        _check_warmup(plan, list(found.values()))
    return list(found.values())


def cells_of_arms(
    plan: Plan, plugins: Plugins, arms: Sequence[Arm], size: str, seeds: Sequence[int]
) -> list[Cell]:
    """Return the cells of arms that are not in the plan itself, at one size."""
    opened = Shards.open(plan.shard_folders(), "text")
    (chosen,) = [one for one in plan.sizes if one.name == size]
    return [
        cell
        for arm in arms
        for seed in seeds
        for cell in _cells(plan, plugins, opened, arm, chosen, seed)
    ]


def corpus_at(plan: Plan) -> Corpus:
    """Open the shards of a plan and read what they hold."""
    return corpus_of(Shards.open(plan.shard_folders(), "text"))


def _cells(
    plan: Plan, plugins: Plugins, opened: Shards, arm: Arm, size: Size, seed: int
) -> list[Cell]:
    if plan.kind == "scaling":
        return _ladder(plan, plugins, opened, arm, size, seed)
    made = []
    rates = plan.options.get("rates", [0.0]) if plan.kind == "rate" else [0.0]
    for tokens in plan.tokens:
        for rate in rates:
            name = f"{arm.name} {rate:g}".strip() if rate else arm.name
            base = _base(plan, plugins, opened, replace(arm, name=name), size, seed)
            if rate:
                base.recipe["optimizer"]["lr"] = float(rate)
            made.append(_with_steps(plan, base, arm, int(tokens * arm.factor)))
    return made


def _base(plan: Plan, plugins: Plugins, opened: Shards, arm: Arm, size: Size, seed: int) -> Cell:
    """Make a cell without its length: the whole recipe, sizes and FLOPs of its model."""
    # Tables are copied: each cell changes its own, and the plan is for all of them.
    values = {k: dict(v) if isinstance(v, dict) else v for k, v in plan.recipe.items()}
    check_tables(plan, values)
    values["model"] = {"architecture": "mindllm", **values.get("model", {}), **size.model}
    for table, changes in size.changes.items():
        values[table] = {**values.get(table, {}), **changes}
    values["train"] = {"steps": 1, "device": "cpu", **values.get("train", {}), "epochs": 0.0}
    values["train"] |= {"evaluate_tokens": plan.curve_tokens, "keep": 1}
    values["data"] = {"shares": dict(arm.shares), "max_epochs": plan.max_epochs}
    if arm.schedule:
        # An arm's schedule says how the rate falls; the warm-up and floor are the recipe's.
        kept = {k: v for k, v in values.get("schedule", {}).items() if k in ("warmup", "floor")}
        values["schedule"] = {**kept, **arm.schedule}
    recipe = whole(effective_recipe(plan.name, [], seed, values=values), plugins).values
    vocab = int(opened.tokenizer["vocab_size"])
    _, config = model_config(Recipe(plan.name, recipe), plugins, vocab)
    recipe["train"]["sequence"] = recipe["train"]["sequence"] or config.context
    model = build_bare(config)
    counted = flops(model, recipe["train"]["sequence"])
    counts = parameters(model)
    sizes = {name: counts[name] for name in ("body", "body_and_head", "total")}
    recipe["optimizer"] = dict(recipe["optimizer"])
    if "rate" in plan.options:
        recipe["optimizer"]["lr"] = rate_at(plan.options["rate"], sizes["body_and_head"])
    return Cell(
        arm.name, size.name, 0, seed, recipe, arm.preparation, str(opened.tokenizer["sha256"]),
        plan.threads, arm.measures, sizes, asdict(counted),
    )  # fmt: skip


def rate_at(rule: Mapping[str, float], size: int) -> float:
    """Return the rule's rate c·N^−a, to four digits, for N parameters of body and head."""
    return float(f"{float(rule['c']) * size ** -float(rule['a']):.4g}")


def check_tables(plan: Plan, values: Mapping[str, Any]) -> None:
    """Refuse what a plan's recipe may not say, since the plan says it."""
    for table, key in (("train", "steps"), ("train", "epochs"), ("data", "shares"), ("phase", "")):
        if (key and key in values.get(table, {})) or (not key and table in values):
            raise UsageError(
                f"{plan.name}: its recipe says {table}{'.' + key if key else ''}",
                hint="tokens and arms of the plan say how long, and what is read",
            )


def _with_steps(plan: Plan, base: Cell, arm: Arm, tokens: int) -> Cell:
    """Give a cell its length, its phases, and the steps at which it is measured."""
    recipe = {k: dict(v) if isinstance(v, dict) else v for k, v in base.recipe.items()}
    train = recipe["train"]
    # Rounded down: a step more would read more than the plan says.
    steps = tokens // (int(train["batch"]) * int(train["sequence"]))
    if steps < plan.checkpoints:
        raise MindError(
            f"{plan.name}: {tokens:,} tokens are {steps} steps, for {plan.checkpoints} checkpoints",
            hint="more tokens, a smaller batch, or fewer checkpoints",
        )
    every = max(1, steps // plan.checkpoints)
    train |= {"steps": steps, "evaluate_every": every, "save_every": every}
    if base.measures:
        train["keep_every"] = every
    if arm.phases:
        recipe["phase"] = phases_of_arm(arm, steps, base.seed)
        recipe["data"] = {"shares": {}, "max_epochs": plan.max_epochs}
    return replace(base, recipe=recipe, tokens=tokens)


def _ladder(
    plan: Plan, plugins: Plugins, opened: Shards, arm: Arm, size: Size, seed: int
) -> list[Cell]:
    """Return a stable trunk and a branch from it that decays, for each number of tokens."""
    decay = float(plan.options.get("decay", SCALING_DECAY))
    base = _base(plan, plugins, opened, arm, size, seed)
    train = base.recipe["train"]
    each = int(train["batch"]) * int(train["sequence"])
    totals = {tokens: tokens // each for tokens in sorted(plan.tokens)}
    begins = {tokens: math.floor(steps * (1 - decay)) for tokens, steps in totals.items()}
    if min(begins.values()) < 1:
        raise MindError(f"{plan.name}: {min(plan.tokens):,} tokens are too few", hint="more tokens")
    warmup = float(base.recipe["schedule"].get("warmup", 0.0))
    # In steps, as a share would be another length in each run of the ladder.
    warmup = warmup if warmup >= 1 else round(warmup * min(totals.values()))
    trunk_recipe = {k: dict(v) if isinstance(v, dict) else v for k, v in base.recipe.items()}
    trunk_recipe["schedule"] = _schedule(plugins, {"name": "constant", "warmup": float(warmup)})
    last = max(begins.values())
    trunk_recipe["train"] |= {
        "steps": last, "evaluate_every": last, "save_every": last, "keep": 1,
        # Every branch begins at a multiple of this, so each of those checkpoints stays.
        "keep_every": math.gcd(*begins.values()),
    }  # fmt: skip
    trunk = replace(base, arm=f"{arm.name} trunk", recipe=trunk_recipe, tokens=last * each)
    found = [trunk]
    for begin in begins.values():
        recipe = {k: dict(v) if isinstance(v, dict) else v for k, v in trunk_recipe.items()}
        # As `branch_changes` counts them: where it decays from is exactly the trunk's checkpoint.
        total = math.ceil(begin / (1 - decay) - 1e-9)
        wsd = {"name": "wsd", "warmup": float(warmup), "floor": 0.0, "decay": decay}
        recipe["schedule"] = _schedule(plugins, wsd)
        recipe["train"] |= {
            "steps": total, "evaluate_every": total, "save_every": total, "keep_every": 0,
        }  # fmt: skip
        found.append(replace(base, recipe=recipe, tokens=total * each, parent=trunk, step=begin))
    return found


def _schedule(plugins: Plugins, table: dict[str, Any]) -> dict[str, Any]:
    return dict(
        whole(Recipe("", {"train": {"steps": 1}, "schedule": table}), plugins).values["schedule"]
    )


def _check_warmup(plan: Plan, cells: Sequence[Cell]) -> None:
    for cell in cells:
        warmup = float(cell.recipe["schedule"].get("warmup", 0.0))
        shortest = min(c.tokens for c in cells if c.parent is not None)
        train = cell.recipe["train"]
        steps = shortest // (int(train["batch"]) * int(train["sequence"]))
        if warmup > MAX_WARMUP * steps + 1:
            raise MindError(
                f"{plan.name}: a warm-up of {warmup:g} steps is more than {MAX_WARMUP:.0%} of the "
                f"shortest branch, {steps:,} steps",
                cause="short runs would be bent away from the law (Porian et al. 2024)",
                hint="a shorter schedule.warmup, or more tokens",
            )
