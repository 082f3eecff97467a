"""What to type instead, where a command line cannot be read: the hints of typer's usage errors."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from typing import Any

_NO_NUMBER = re.compile(r" is not a valid (?:float|int|integer)(?: range)?\.")
_UNKNOWN = re.compile(r"No such option: (-{1,2}[\w-]+)")
_PERCENT = re.compile(r"'(\d{1,3}(?:\.\d{1,9})?)\s?[%％]'")


def usage_hint(error: Any, tool: str) -> str:
    """Return the hint for a usage error of typer: an option, a value or the whole help."""
    context = error.ctx
    path = context.command_path if context is not None else tool
    message: str = error.format_message()
    # Other tools take -v for their version, or to say more.
    if message.startswith(("No such option: -v", "No such option: -V")):
        return f"`{tool} --version` prints the versions; the live line comes with --progress"
    option = getattr(error, "param", None)
    if message.startswith("Missing option") and option is not None:
        return f"{option_help(option)}; `{path} --help` shows the others"
    if _NO_NUMBER.search(message) and option is not None:
        if percent := _PERCENT.search(message):
            return f"a share is a number: {option.opts[-1]} {float(percent[1]) / 100:g}"
        usual = option.default
        if not isinstance(usual, int | float):
            usual = 0.5 if "float" in message else 10
        return f"a plain number, for example {option.opts[-1]} {usual}"
    if (unknown := _UNKNOWN.match(message)) and (found := _in_recipes(tool, unknown[1])):
        return f"it is an option of the recipe: --set {found}=…"
    return f"`{path} --help` shows the usage"


def option_help(option: Any) -> str:
    """Return how an option is written and what it is for: "-o FOLDER, a folder …"."""
    text = " ".join((option.help or "").split()).split(". ")[0].rstrip(".:")
    return f"{option.opts[0]} {option.metavar or ''}".rstrip() + (f": {text}" if text else "")


def _in_recipes(tool: str, option: str) -> str | None:
    """Return what --set calls a value of the shipped recipes that is named like an option."""
    from mind_core.recipe import load_recipe, recipe_names

    package, wanted = tool.replace("-", "_"), option.lstrip("-").replace("-", "_")
    # A program of someone else's, run by `mind_core.cli.run`, need not be a package.
    if wanted in ("plugin", "recipe") or find_spec(package) is None:
        return None
    found = [
        path
        for name in recipe_names(package)
        for path in _paths(load_recipe(name, package).values)
        if path.rpartition(".")[2] == wanted
    ]
    return min(found, key=len) if found else None


def _paths(values: Mapping[str, Any]) -> Iterator[str]:
    """Yield what --set calls each value of a recipe: table.key, or step.option."""
    for key, value in values.items():
        if isinstance(value, Mapping):
            yield from (f"{key}.{path}" for path in _paths(value))
        elif isinstance(value, list):
            for step in value:
                # A step names its component under its kind, `filter = "running_text"`.
                if isinstance(step, Mapping) and step:
                    first, *options = step
                    yield from (f"{step[first]}.{name}" for name in options)
        else:
            yield key
