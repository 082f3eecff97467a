"""One thing that a plugin offers under a name: its factory, what it says of itself, its options."""

from __future__ import annotations

import importlib
import inspect
import math
import sys
from collections.abc import Callable, Mapping
from contextlib import redirect_stdout
from dataclasses import dataclass
from typing import Any

from mind_core.component_calls import is_interrupt
from mind_core.errors import MindError, UsageError, did_you_mean

ENVIRONMENT = "MIND_PLUGINS"


@dataclass(frozen=True)
class Component:
    """One thing that a plugin offers under a name."""

    name: str
    hook: str
    plugin: str
    version: str
    target: Callable[..., Any] | str

    @property
    def kind(self) -> str:
        """Return what the hook registers, in the singular: "filter" for `register_filters`."""
        return kind_of(self.hook)

    def factory(self) -> Callable[..., Any]:
        """Import the factory if it is named by a string; raise `MindError` if that fails."""
        if not isinstance(self.target, str):
            return self.target
        module, _, attribute = self.target.partition(":")
        try:
            with redirect_stdout(sys.stderr):
                factory: Callable[..., Any] = getattr(importlib.import_module(module), attribute)
        except BaseException as error:
            if is_interrupt(error):
                raise
            raise MindError(
                f"{self.kind} {self.name!r} of plugin {self.plugin} cannot be imported",
                cause=error,
                hint=install_hint(error),
            ) from error
        return factory

    def summary(self) -> str:
        """Return the first line of the factory's docstring."""
        return (inspect.getdoc(self.factory()) or "").strip().split("\n")[0]

    def options(self) -> dict[str, Any]:
        """Return the factory's options with their defaults; `...` marks one without a default."""
        parameters = inspect.signature(self.factory()).parameters.values()
        return {
            p.name: ... if p.default is p.empty else p.default
            for p in parameters
            if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)
        }


def kind_of(hook: str) -> str:
    """Return what a hook registers, in the singular."""
    plural = hook.removeprefix("register_")
    return (plural[:-3] + "y" if plural.endswith("ies") else plural.removesuffix("s")).replace(
        "_", " "
    )


def check_options(component: Component, options: Mapping[str, Any]) -> None:
    """Raise `UsageError` for an option that a component does not have, or one of a wrong type."""
    known = component.options()
    for name, value in options.items():
        if name not in known:
            hint = did_you_mean(name, known) or f"its options: {', '.join(known) or 'none'}"
            raise UsageError(
                f"{component.kind} {component.name!r} has no option {name!r}", hint=hint
            )
        default = known[name]
        if isinstance(value, float) and not math.isfinite(value):
            raise UsageError(
                f"{component.kind} {component.name!r}: option {name!r} is {value!r}",
                hint="give a finite number",
            )
        # Without a default nothing says what type is meant.
        if default is ... or default is None:
            continue
        # A whole number will do for a float, and true, an int to Python, for neither.
        wanted = (int, float) if type(default) is float else type(default)
        if isinstance(default, (bool, int, float, str)) and (
            not isinstance(value, wanted)
            or (isinstance(value, bool) and not isinstance(default, bool))
        ):
            raise UsageError(
                f"{component.kind} {component.name!r}: option {name!r} is {value!r}",
                hint=f"give a value like its default, {default!r}",
            )


def install_hint(error: BaseException, otherwise: str = "") -> str:
    """Return how to mend what could not be imported."""
    if isinstance(error, ModuleNotFoundError) and error.name:
        return f"pip install {error.name.split('.')[0].replace('_', '-')}"
    return (
        otherwise
        or f"mend the plugin, or set {ENVIRONMENT}=none to run without third-party plugins"
    )
