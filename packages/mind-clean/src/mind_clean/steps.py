"""From a recipe to the steps that run, and what --print-recipe and --dry-run show of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from mind_core.component_calls import failure_to_start
from mind_core.errors import MindError, UsageError, did_you_mean
from mind_core.plugins import Component, Plugins
from mind_core.recipe import STEP, Recipe, load_recipe

HOOKS = {
    "extractor": "register_extractors",
    "transform": "register_transforms",
    "filter": "register_filters",
}
KINDS = tuple(HOOKS)
KEYS = ("description", STEP)
DEFAULT_RECIPE = "mindllm"
_SPANS = "spans"


@dataclass(frozen=True)
class Step:
    """One component with its options, ready to run."""

    kind: str
    name: str
    plugin: str
    call: Callable[..., Any]

    def prepare(self) -> None:
        """Let the component load what it needs before workers start, so that they share it."""
        prepare = getattr(self.call, "prepare", None)
        if prepare is not None:
            try:
                prepare()
            except MindError:
                raise
            except BaseException as error:
                raise failure_to_start(str(self), error) from error

    @property
    def is_builtin(self) -> bool:
        """Return whether the component is one of this tool's own."""
        return self.plugin.startswith("mind-clean ")

    def __str__(self) -> str:
        """Return who this is, for messages."""
        return f"{self.kind} {self.name!r} of plugin {self.plugin}"


def effective_recipe(
    plugins: Plugins,
    name: str | None = None,
    steps: Sequence[str] = (),
    assignments: Sequence[str] = (),
    mark: bool = False,
    without: Sequence[str] = (),
) -> Recipe:
    """Return the recipe as it will run: steps picked, values set, every default written out.

    Raises `UsageError` for what the recipe, a step or a value gets wrong.
    """
    recipe = load_recipe(name or DEFAULT_RECIPE, "mind_clean")
    recipe.check_keys(dict.fromkeys(KEYS))
    # Only for what it raises: a step of an unknown kind is named before any other option is judged.
    list(recipe.steps(KINDS))
    if steps:
        recipe.values[STEP] = [_picked(plugins, recipe, step) for step in steps]
        # It describes all steps of the recipe, which no longer run.
        recipe.values.pop("description", None)
    for name in without:
        _leave_out(recipe, name)
    for assignment in assignments:
        recipe.set(assignment, KINDS)
    recipe.values[STEP] = [
        {kind: name, **_with_defaults(plugins.find(HOOKS[kind], name), options, mark)}
        for kind, name, options in recipe.steps(KINDS)
    ]
    return recipe


def _leave_out(recipe: Recipe, name: str) -> None:
    """Take every step of a name out of a recipe; raise `UsageError` if there is none."""
    names = [found for _, found, _ in recipe.steps(KINDS)]
    if name not in names:
        raise UsageError(
            f"--without {name}: the recipe has no such step",
            hint=did_you_mean(name, names) or f"its steps: {', '.join(names)}",
        )
    recipe.values[STEP] = [
        step
        for step, (_, found, _) in zip(recipe.values[STEP], recipe.steps(KINDS), strict=True)
        if found != name
    ]


def make_steps(plugins: Plugins, recipe: Recipe) -> tuple[Step, ...]:
    """Make the components of a recipe, in its order."""
    made = []
    for kind, name, options in recipe.steps(KINDS):
        call = plugins.make(HOOKS[kind], name, options)
        component = plugins.find(HOOKS[kind], name)
        made.append(Step(kind, name, f"{component.plugin} {component.version}", call))
    return tuple(made)


def recipe_text(plugins: Plugins, recipe: Recipe) -> str:
    """Return the recipe as TOML that can be fed back, after the versions of its components."""
    # Makes each component, so that wrong options are said here as well, and versions are known.
    make_steps(plugins, recipe)
    used = [f"# {name}: {version}\n" for name, version in plugins.used().items()]
    return "".join(used) + "\n" + recipe.to_toml()


def list_steps(plugins: Plugins, recipe: Recipe) -> str:
    """Return one line per step: number, kind, name, options, and who brings it."""
    make_steps(plugins, recipe)
    used = plugins.used()
    return "".join(
        f"{number}. {kind} {name}"
        + "".join(f" {option}={value!r}" for option, value in options.items())
        + f"  ({used[name]})\n"
        for number, (kind, name, options) in enumerate(recipe.steps(KINDS), 1)
    )


def _picked(plugins: Plugins, recipe: Recipe, wanted: str) -> dict[str, Any]:
    """Return the step of a name with the recipe's options, or with none if it is not in it."""
    kind, _, name = wanted.rpartition(":")
    matching = [
        {found_kind: found, **options}
        for found_kind, found, options in recipe.steps(KINDS)
        if found == name and kind in ("", found_kind)
    ]
    if not matching:
        return {_kind_of(plugins, kind, name): name}
    # Alike in all options, it does not matter which of them is meant.
    if any(other != matching[0] for other in matching):
        raise UsageError(
            f"--step {wanted}: the recipe has several such steps, which differ",
            hint="write a recipe with the one that is meant",
        )
    return matching[0]


def _kind_of(plugins: Plugins, kind: str, name: str) -> str:
    if kind:
        if kind not in HOOKS:
            if "=" in name:
                raise UsageError(
                    f"--step {kind}:{name} is not of the form NAME",
                    hint=f"--step {kind} --set {kind}.{name}",
                )
            raise UsageError(
                f"there is no kind of component {kind!r}", hint=f"known: {', '.join(KINDS)}"
            )
        return kind
    kinds = _kinds_offering(plugins, name)
    # What is installed is only looked at for a name that is not built in.
    if not kinds:
        plugins.load_installed()
        kinds = _kinds_offering(plugins, name)
    if len(kinds) == 1:
        return kinds[0]
    if kinds:
        raise UsageError(
            f"--step {name}: there is a {' and a '.join(kinds)} of this name",
            hint=f"write --step {kinds[0]}:{name}",
        )
    known = [n for hook in HOOKS.values() for n in plugins.components(hook)]
    raise UsageError(
        f"there is no step {name!r}",
        hint=f"{did_you_mean(name, known) or 'known: ' + ', '.join(known)}; "
        f"`{plugins.tool} --list` shows all",
    )


def _kinds_offering(plugins: Plugins, name: str) -> list[str]:
    return [kind for kind, hook in HOOKS.items() if name in plugins.components(hook)]


def _with_defaults(component: Component, options: dict[str, Any], mark: bool) -> dict[str, Any]:
    """Return all options; `None` has no form in TOML and stays out."""
    defaults = component.options()
    filled: dict[str, Any] = {}
    for name, default in defaults.items():
        if name == _SPANS and mark and name not in options:
            # Who looks at marked records wants to see where things stand in the text.
            default = True
        # TOML has lists only.
        if isinstance(default, tuple):
            default = list(default)
        if isinstance(default, bool | int | float | str | list):
            filled[name] = default
    return {**filled, **options}
