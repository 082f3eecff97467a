"""What would run, for --print-recipe and --dry-run."""

from __future__ import annotations

from mind_clean.steps import KINDS, make_steps
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
