"""From a recipe to settings: every key checked, with the nearest name for a misspelt one."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mind_core.errors import MindError, UsageError, did_you_mean
from mind_core.plugins import Component, Plugins
from mind_core.recipe import Recipe, load_recipe
from mind_train.finite import not_finite
from mind_train.recipe_keys import check_tables
from mind_train.train_options import (
    TABLE_KEYS,
    DataOptions,
    PhaseOptions,
    SkipOptions,
    TrainOptions,
    check_keys,
    checked,
    defaults_of,
    phases_of,
    skips_of,
)

if TYPE_CHECKING:
    from mind_train.hookspecs import OptimizerFactory, Schedule, Tracker
    from mind_train.models.language_model import Config

TABLES = ("model", "data", "train", "optimizer", "schedule")
PHASE, SKIP, TRACKER = "phase", "skip", "tracker"
LISTS = (PHASE, SKIP, TRACKER)
COMPONENTS = {
    "optimizer": ("register_optimizers", "adamw"),
    "schedule": ("register_schedules", "constant"),
}


@dataclass(frozen=True)
class Settings:
    """A recipe, resolved: what to train, how, and with which components; ``recipe`` is whole."""

    recipe: Recipe
    seed: int
    train: TrainOptions
    data: DataOptions
    phases: tuple[PhaseOptions, ...]
    optimizer: OptimizerFactory
    schedule: Schedule
    phase_schedules: tuple[Schedule | None, ...] = ()
    skips: tuple[SkipOptions, ...] = ()
    trackers: tuple[tuple[str, Tracker], ...] = ()
    decay_schedule: Schedule | None = None


def effective_recipe(
    name: str,
    changes: Sequence[str],
    seed: int | None,
    inherited: bool = False,
    values: Mapping[str, Any] | None = None,
) -> Recipe:
    """Load a recipe, apply ``--set`` and ``--seed``; check the names of its tables and keys.

    A seed that is ``inherited`` from the environment comes after ``--set`` too. ``values`` are the
    recipe's where they have been read already.
    """
    recipe = load_recipe(name, "mind_train") if values is None else Recipe(name, dict(values))
    # The environment comes before what was typed, an option after it.
    if inherited and seed is not None:
        recipe.values["seed"] = seed
    for change in changes:
        recipe.set(change)
    if not inherited and seed is not None:
        recipe.values["seed"] = seed
    recipe.values.setdefault("seed", 0)
    check_tables(recipe, ("seed", *TABLES, *LISTS), TABLE_KEYS)
    for key, value in not_finite(recipe.values):
        raise UsageError(
            f"recipe {name}: {key} is {value}", hint="give a finite number, like 1e9 for no limit"
        )
    for table in TABLES:
        if not isinstance(recipe.values.get(table, {}), dict):
            raise UsageError(f"recipe {name}: {table} must be a table", hint=f"write [{table}]")
    for table, kind in (("train", TrainOptions), ("data", DataOptions)):
        known = [field.name for field in dataclasses.fields(kind)]
        check_keys(table, recipe.values.get(table, {}), known)
    return recipe


def whole(recipe: Recipe, plugins: Plugins) -> Recipe:
    """Write out what a recipe leaves to defaults and presets; a whole recipe stays as it is.

    The vocabulary is left to the tokenizer unless the recipe or its preset names one.
    """
    values = dict(recipe.values)
    if "architecture" in (model := values.get("model", {})):
        # A whole recipe names its architecture's options itself, so the preset has done its work.
        values["model"] = _without_preset(model, plugins)
    values["train"] = defaults_of(TrainOptions) | values.get("train", {})
    values["data"] = defaults_of(DataOptions) | values.get("data", {})
    if phases := phases_of(values):
        values[PHASE] = [phase.described() for phase in phases]
        _take_steps(values["train"], sum(phase.steps for phase in phases))
    for table, (hook, usual) in COMPONENTS.items():
        # The name first: a component's defaults are those of the one that is named.
        given = {"name": usual} | values.get(table, {})
        defaults = _defaults(plugins.find(hook, str(given["name"])))
        values[table] = {"name": given["name"]} | defaults | given
    order = ["seed", *TABLES, *LISTS]
    # In a fixed order, so that equal recipes are equal files.
    return Recipe(recipe.name, {key: values[key] for key in order if key in values})


def settings(recipe: Recipe, plugins: Plugins) -> Settings:
    """Resolve everything of a recipe but the model."""
    recipe = whole(recipe, plugins)
    values = recipe.values
    seed = values["seed"]
    # True and False are ints in Python.
    if not isinstance(seed, int) or isinstance(seed, bool) or seed < 0:
        raise UsageError(f"seed {seed!r} is not a whole number from 0 on", hint="--seed 1")
    train = checked("train", values["train"], TrainOptions)
    data = checked("data", values["data"], DataOptions)
    phases = phases_of(values)
    return Settings(
        recipe,
        seed,
        train,
        data,
        phases,
        _named_table(plugins, "optimizer", values["optimizer"]),
        _named_table(plugins, "schedule", values["schedule"]),
        tuple(
            _inner_schedule(plugins, f"phase {number}", phase.schedule)
            for number, phase in enumerate(phases, 1)
        ),
        skips_of(values),
        _trackers(plugins, values, train.tensorboard),
        _inner_schedule(plugins, "train.weight_decay_schedule", train.weight_decay_schedule),
    )


def _trackers(
    plugins: Plugins, values: Mapping[str, Any], tensorboard: bool
) -> tuple[tuple[str, Tracker], ...]:
    """Make the trackers of a recipe; ``train.tensorboard`` is short for one of them."""
    tables = values.get(TRACKER, [])
    if not isinstance(tables, list) or not all(
        isinstance(table, dict) and isinstance(table.get("name"), str) for table in tables
    ):
        raise UsageError(
            "write each tracker as a [[tracker]] table with a name", hint='name = "trackio"'
        )
    if tensorboard and not any(table["name"] == "tensorboard" for table in tables):
        tables = [{"name": "tensorboard"}, *tables]
    return tuple(
        (str(table["name"]), _component(plugins, "register_trackers", table)) for table in tables
    )


def _inner_schedule(plugins: Plugins, where: str, table: Mapping[str, Any]) -> Schedule | None:
    """Make a schedule that is a table inside another one; None if it is empty."""
    if not table:
        return None
    if not isinstance(table.get("name"), str):
        raise UsageError(f"{where}: its schedule has no name", hint='{ name = "linear" }')
    schedule: Schedule = _component(plugins, COMPONENTS["schedule"][0], table)
    return schedule


def model_config(recipe: Recipe, plugins: Plugins, vocab: int) -> tuple[str, Config]:
    """Make the model's config of a whole recipe; ``vocab`` is used where it gives none."""
    table = dict(recipe.values.get("model", {}))
    architecture = table.pop("architecture", None)
    if not isinstance(architecture, str):
        raise UsageError(
            "the recipe names no model.architecture", hint="--set model.architecture=mindllm"
        )
    component = plugins.find("register_architectures", architecture)
    presets = getattr(component.factory(), "presets", {})
    options = {"vocab": vocab, **table}
    missing = [n for n, d in component.options().items() if d is ... and n not in options]
    if missing:
        raise UsageError(
            f"the recipe does not say model.{missing[0]}",
            hint=f"choose a preset: --set model.preset=NAME ({', '.join(presets)})"
            if presets
            else f"--set model.{missing[0]}=N",
        )
    config: Config = plugins.make("register_architectures", architecture, options)
    _check_config(architecture, config)
    # More rows than tokens are fine: tables may be padded.
    if config.vocab < vocab:
        raise MindError(
            f"the tokenizer has {vocab:,} tokens, the model's vocabulary only {config.vocab:,}",
            hint=f"--set model.vocab={vocab}",
        )
    return architecture, config


def _check_config(architecture: str, config: Any) -> None:
    """Refuse a plugin's config that a checkpoint could not hold, or that has no vocab or context.

    A checkpoint keeps its fields as JSON, and makes it of them again.
    """
    wrong = ""
    if not dataclasses.is_dataclass(config) or isinstance(config, type):
        wrong = f"gives a {type(config).__name__}, which is no dataclass"
    elif odd := [n for n in ("vocab", "context") if type(getattr(config, n, None)) is not int]:
        wrong = f"gives a {type(config).__name__} without {odd[0]}, a whole number"
    elif not callable(getattr(config, "build", None)):
        wrong = f"gives a {type(config).__name__} without build()"
    if wrong:
        raise MindError(
            f"architecture {architecture!r} {wrong}",
            hint="it is a frozen dataclass with the fields vocab and context, and build() -> "
            "torch.nn.Module; docs/plugins/architecture.md has an example",
        )


def _without_preset(table: Mapping[str, Any], plugins: Plugins) -> dict[str, Any]:
    """Put a preset's values in the place of its name, and the architecture's defaults beside."""
    given = dict(table)
    architecture, preset = str(given.pop("architecture")), given.pop("preset", None)
    component = plugins.find("register_architectures", architecture)
    options = component.options()
    check_keys("model", given, ["preset", *options])
    chosen: Mapping[str, Any] = {}
    if preset is not None:
        presets = getattr(component.factory(), "presets", {})
        if preset not in presets:
            raise UsageError(
                f"architecture {architecture!r} has no preset {preset!r}",
                hint=_preset_hint(plugins, str(preset), presets),
            )
        chosen = presets[preset]
        # Fields without a default are the sizes. If all of a preset's are given elsewhere, it does
        # nothing.
        sizes = [name for name in chosen if options.get(name) is ... and name != "vocab"]
        if sizes and all(name in given for name in sizes):
            raise UsageError(
                f"model.preset {preset!r} would change no size: the recipe gives "
                f"{', '.join(sizes)} itself",
                hint="take those lines out of the recipe, or leave the preset out",
            )
    # The later ones win: what the recipe says itself comes before preset and defaults.
    values = {**_defaults(component), **chosen, **given}
    return {
        "architecture": architecture,
        **{name: values[name] for name in options if name in values},
    }


def _preset_hint(plugins: Plugins, preset: str, presets: Mapping[str, Any]) -> str:
    for name, component in plugins.components("register_architectures").items():
        if preset in getattr(component.factory(), "presets", {}):
            return f"it is one of {name!r}: --set model.architecture={name}"
    return did_you_mean(preset, presets) or f"it has {', '.join(presets)}"


def _take_steps(train: dict[str, Any], steps: int) -> None:
    """Let the phases say how long the run is; raise UsageError if [train] says something else."""
    if train["epochs"] or train["steps"] not in (0, steps):
        raise UsageError(
            f"the phases have {steps:,} steps, train.steps is {train['steps']:,}",
            hint="leave train.steps and train.epochs out: the phases say it",
        )
    train["steps"] = steps


def _defaults(component: Component) -> dict[str, Any]:
    """Give the options whose default can be said in TOML."""
    return {n: d for n, d in component.options().items() if isinstance(d, bool | int | float | str)}


def _component(plugins: Plugins, hook: str, table: Mapping[str, Any]) -> Any:
    options = dict(table)
    return plugins.make(hook, str(options.pop("name")), options)


def _named_table(plugins: Plugins, table: str, values: Mapping[str, Any]) -> Any:
    """Make the component of a table; a name that was changed may leave another one's options."""
    hook, usual = COMPONENTS[table]
    name = str(values["name"])
    known = plugins.find(hook, name).options()
    odd = [key for key in values if key != "name" and key not in known]
    if odd and name != usual and not did_you_mean(odd[0], known):
        kept = ", ".join([f"name={name!r}", *(f"{k}={values[k]!r}" for k in known if k in values)])
        whole_table = f'"{table}={{{kept}}}"'
        raise UsageError(
            f"{table} {name!r} has no option {odd[0]!r}",
            hint=f"it may be left from another one; give the whole table: --set {whole_table}",
        )
    return _component(plugins, hook, values)
