"""Recipes: TOML files that say which components run, in which order, with which options."""

from __future__ import annotations

import copy
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Any

from mind_core.errors import MindError, UsageError, did_you_mean
from mind_core.files import note_source
from mind_core.whole_files import MAX_JSON_BYTES

STEP = "step"


@dataclass
class Recipe:
    """Hold a recipe's values; `[[step]]` tables name one component each by its kind."""

    name: str
    values: dict[str, Any] = field(default_factory=dict)

    def steps(self, kinds: Sequence[str]) -> Iterator[tuple[str, str, dict[str, Any]]]:
        """Yield (kind, component, options) of each step.

        Raises `UsageError` for a step that names no component, or several.
        """
        steps = self.values.get(STEP, [])
        if not isinstance(steps, list) or not all(isinstance(step, dict) for step in steps):
            raise UsageError(f"recipe {self.name}: write each step as a [[{STEP}]] table")
        for number, step in enumerate(steps, 1):
            named = [kind for kind in kinds if kind in step]
            if len(named) != 1:
                hint = did_you_mean(next(iter(step), ""), kinds)
                raise UsageError(
                    f"recipe {self.name}: step {number} must have exactly one of "
                    + ", ".join(kinds),
                    hint=hint or f'for example: {kinds[-1]} = "name"',
                )
            kind = named[0]
            yield kind, step[kind], {k: v for k, v in step.items() if k != kind}

    def set(self, assignment: str, kinds: Sequence[str] = ()) -> None:
        """Apply "path.to.option=value"; the first part may be the name of a step's component.

        The value is read as TOML, and as a plain string where it is none.
        """
        path, equals, raw = assignment.partition("=")
        keys = path.strip().split(".")
        if not equals or not all(keys):
            raise UsageError(
                f"--set {assignment!r} is not of the form name.option=value",
                hint="for example --set text_density.min=0.8",
            )
        value = _toml_value(raw.strip())
        steps = [
            step
            for step in self.values.get(STEP, [])
            if any(step.get(kind) == keys[0] for kind in kinds)
        ]
        # Every step of that name: a recipe may run a component more than once.
        if steps and len(keys) == 2:
            for step in steps:
                step[keys[1]] = value
            return
        if steps:
            raise UsageError(
                f"--set {assignment!r} names a step, and no option of it",
                hint=f"for example --set {keys[0]}.OPTION={raw.strip()}; --list shows the options",
            )
        if kinds:
            names = [
                step[kind] for step in self.values.get(STEP, []) for kind in kinds if kind in step
            ]
            if keys[0] not in self.values:
                raise UsageError(
                    f"--set {assignment!r}: the recipe has no step {keys[0]!r}",
                    hint=did_you_mean(keys[0], names) or f"its steps: {', '.join(names) or 'none'}",
                )
        table = self.values
        for key in keys[:-1]:
            inner = table.setdefault(key, {})
            if not isinstance(inner, dict):
                raise UsageError(f"--set {assignment!r}: {key!r} is a value, not a table")
            table = inner
        table[keys[-1]] = value

    def check_keys(self, known: Mapping[str, Any]) -> None:
        """Raise `UsageError` with the nearest name for a top-level key that is not known."""
        for key in self.values:
            if key not in known:
                raise UsageError(
                    f"recipe {self.name}: unknown key {key!r}",
                    hint=did_you_mean(key, known) or f"known: {', '.join(known)}",
                )

    def to_toml(self) -> str:
        """Return the recipe as TOML, which can be fed back."""
        import tomli_w

        return tomli_w.dumps(self.values)


def load_recipe(name: str, package: str) -> Recipe:
    """Load a recipe by path, or by the name of one that ships in `<package>/recipes/`."""
    path = Path(name)
    if path.suffix == ".toml" or path.exists():
        try:
            with path.open("rb") as file:  # also the shell's `<(…)`
                data = file.read(MAX_JSON_BYTES + 1)
            if len(data) > MAX_JSON_BYTES:
                raise UsageError(
                    f"recipe {name} is too large to be read",
                    cause=f"at most {MAX_JSON_BYTES:,} bytes are read of a recipe",
                    hint="check which file was meant",
                )
            text = data.decode("utf-8").replace("\r\n", "\n")
        except OSError as error:
            shipped = ", ".join(recipe_names(package))
            hint = f"give the path of a file, or the name of a built-in one: {shipped}"
            raise UsageError(
                f"cannot read recipe {name}", cause=error.strerror, hint=hint
            ) from None
        except UnicodeDecodeError as error:
            raise UsageError(
                f"recipe {name} is not UTF-8",
                cause=error,
                hint="`iconv -f gb18030 -t utf-8` turns GBK",
            ) from None
        note_source(path)
        return parse_recipe(text, name)
    known = recipe_names(package)
    if name not in known:
        raise UsageError(
            f"there is no recipe {name!r}",
            hint=did_you_mean(name, known) or f"known: {', '.join(known)}; or give a .toml file",
        )
    text = resources.files(package).joinpath("recipes", f"{name}.toml").read_text("utf-8")
    return parse_recipe(text, name)


TOML_HINT = "a line is `key = value`, text stands in quotes, and a table begins with [name]"


def parse_recipe(text: str, name: str) -> Recipe:
    """Parse TOML into a recipe; raise `UsageError` with the position of what is wrong."""
    try:
        return Recipe(name, tomllib.loads(text))
    except ValueError as error:  # also of a number of thousands of digits
        raise UsageError(f"recipe {name} is not TOML", cause=str(error), hint=TOML_HINT) from None
    except RecursionError:
        raise UsageError(f"recipe {name} is nested too deeply") from None


def recipe_names(package: str) -> list[str]:
    """Return the names of the recipes that ship with a package."""
    folder = resources.files(package).joinpath("recipes")
    if not folder.is_dir():
        return []
    return sorted(
        f.name.removesuffix(".toml") for f in folder.iterdir() if f.name.endswith(".toml")
    )


def merged(base: Recipe, overrides: Mapping[str, Any]) -> Recipe:
    """Return a copy of a recipe with tables merged in, deep; values that are None are left out."""
    # The one that was loaded stays as it is, with the tables in it.
    result = Recipe(base.name, copy.deepcopy(base.values))
    _merge(result.values, overrides)
    return result


def _merge(into: dict[str, Any], values: Mapping[str, Any]) -> None:
    for key, value in values.items():
        if value is None:
            continue
        if isinstance(value, Mapping):
            inner = into.setdefault(key, {})
            if not isinstance(inner, dict):
                raise MindError(f"{key!r} is a value, not a table")
            _merge(inner, value)
        else:
            into[key] = value


def _toml_value(raw: str) -> Any:
    try:
        return tomllib.loads(f"value = {raw}")["value"]
    # No TOML: a word that was not quoted, as in --set name.mode=fast.
    except (ValueError, RecursionError):
        return raw
