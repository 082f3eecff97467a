"""What would run, for --print-recipe and --dry-run."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from mind_clean.steps import KINDS, make_steps
from mind_core.errors import MindError
from mind_core.plugins import Plugins
from mind_core.recipe import Recipe


def recipe_text(plugins: Plugins, recipe: Recipe) -> str:
    """Return the recipe as TOML that can be fed back, after the versions of its components."""
    make_steps(plugins, recipe)
    used = [f"# {name}: {version}\n" for name, version in plugins.used().items()]
    return "".join(used) + "\n" + recipe.to_toml()


def plan(plugins: Plugins, recipe: Recipe) -> str:
    """Return one line per step: number, kind, name, options, and who brings it."""
    make_steps(plugins, recipe)
    used = plugins.used()
    return "".join(
        f"{number}. {kind} {name}"
        + "".join(f" {option}={value!r}" for option, value in options.items())
        + f"  ({used[name]})\n"
        for number, (kind, name, options) in enumerate(recipe.steps(KINDS), 1)
    )


def check_inputs(inputs: Sequence[str]) -> None:
    """Raise `MindError` for an input file that cannot be read."""
    for name in inputs:
        if name == "-":
            continue
        try:
            Path(name).open("rb").close()
        except OSError as error:
            raise MindError(
                f"cannot read {name}", cause=error.strerror, hint="check the path"
            ) from None
