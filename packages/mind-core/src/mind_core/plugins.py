"""Load plugins, list what they offer, and set aside what is broken.

Built-ins register through the same hooks as third parties, which are loaded only when a name is
asked for that no built-in has, or when everything is listed: installing a plugin never changes a
result, and never slows a start that does not use it.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from types import ModuleType
from typing import Any

import pluggy

from mind_core.component import ENVIRONMENT, Component, check_options, install_hint, kind_of
from mind_core.component_calls import failure_to_start, is_interrupt
from mind_core.errors import MindError, UsageError, did_you_mean
from mind_core.plugin_files import read_plugin_file
from mind_core.progress import log
from mind_core.summary import version_of


@dataclass(frozen=True)
class PluginStatus:
    """What became of one plugin."""

    name: str
    version: str
    hooks: tuple[str, ...] = ()
    error: BaseException | None = None


class Plugins:
    """Hold the plugins of one tool.

    `project` is its import name, entry-point group and pluggy name in one.
    """

    def __init__(
        self,
        project: str,
        hookspecs: ModuleType,
        builtins: ModuleType,
        files: Sequence[str | Path] = (),
    ) -> None:
        self.project = project
        self.tool = project.replace("_", "-")
        self.manager = pluggy.PluginManager(project)
        self.manager.add_hookspecs(hookspecs)
        self.status: dict[str, PluginStatus] = {}
        self._offered: dict[str, dict[str, list[Component]]] = {}
        self._used: dict[str, str] = {}
        self._loaded_installed = False
        self._add(self.tool, version_of(self.tool), lambda: builtins)
        # Without its built-ins there is no tool to go on with.
        if broken := self.status[self.tool].error:
            raise broken
        for file in files:
            self._add_file(Path(file))

    @property
    def hooks(self) -> list[str]:
        """Return the names of the tool's hooks."""
        return sorted(name for name in vars(self.manager.hook) if name.startswith("register_"))

    def components(self, hook: str) -> dict[str, Component]:
        """Return everything that the loaded plugins offer for a hook, built-ins first."""
        return {name: offers[0] for name, offers in self._offered.get(hook, {}).items()}

    def all_components(self) -> list[Component]:
        """Load every installed plugin; return all components in the order of hooks and names."""
        self.load_installed()
        return [
            offer
            for hook in self.hooks
            for _, offers in sorted(self._offered.get(hook, {}).items())
            for offer in offers
        ]

    def find(self, hook: str, name: str) -> Component:
        """Return the component of a name; raise `UsageError` with near names if there is none."""
        offers = self._offered.get(hook, {}).get(name)
        if offers is None:
            self.load_installed()
            offers = self._offered.get(hook, {}).get(name)
        kind = kind_of(hook)
        if not offers:
            known = self._offered.get(hook, {})
            broken = [s.name for s in self.status.values() if s.error]
            hint = did_you_mean(name, known) or f"known: {', '.join(sorted(known)) or 'none'}"
            if broken:
                hint += f"; a plugin that failed to load may offer it: {', '.join(broken)}"
            raise UsageError(
                f"there is no {kind} {name!r}",
                hint=f"{hint}{'' if hint.endswith('?') else ';'} `{self.tool} --list` shows all",
            )
        # A built-in goes before all others; between two of others nobody but the user can choose.
        if len(offers) > 1 and offers[0].plugin != self.tool:
            raise UsageError(
                f"{kind} {name!r} is offered by several plugins: "
                + " and ".join(offer.plugin for offer in offers),
                hint=f"name the one to load: {ENVIRONMENT}={offers[0].plugin}",
            )
        return offers[0]

    def make(self, hook: str, name: str, options: Mapping[str, Any] | None = None) -> Any:
        """Make a component with the given options.

        Raises `UsageError` for an unknown name or option, or one of the wrong type.
        """
        component = self.find(hook, name)
        factory = component.factory()
        options = dict(options or {})
        check_options(component, options)
        try:
            with redirect_stdout(sys.stderr):
                made = factory(**options)
        except (TypeError, ValueError) as error:
            raise UsageError(
                f"{component.kind} {name!r} refuses its options",
                cause=error,
                hint=f"`{self.tool} --list` shows the options with their defaults",
            ) from error
        except MindError:
            raise
        except BaseException as error:
            raise failure_to_start(f"{component.kind} {name!r}", error) from error
        self._used[name] = f"{component.plugin}=={component.version}"
        return made

    def used(self) -> dict[str, str]:
        """Return "plugin==version" for each component that was made, for the summary."""
        return dict(self._used)

    def load_installed(self) -> None:
        """Load the plugins that are installed, sorted by name; complain about broken ones once."""
        if self._loaded_installed:
            return
        self._loaded_installed = True
        # Set and empty is none of them, unset is all.
        wanted = os.environ.get(ENVIRONMENT)
        names = None if wanted is None else {n for n in wanted.split(",") if n}
        # In the order of their names, not of the disk: which offer comes first must not depend on
        # the machine.
        points = metadata.entry_points(group=self.project)
        for point in sorted(points, key=lambda point: point.name):
            if names is not None and point.name not in names:
                continue
            version = point.dist.version if point.dist else "unknown"
            self._add(point.name, version, point.load)
            if error := self.status[point.name].error:
                log(self.tool, f"warning: plugin {point.name} is set aside: {error}")

    def _add_file(self, path: Path) -> None:
        if not path.is_file():
            raise UsageError(f"there is no plugin file {path}", hint="--plugin takes a Python file")
        name = path.name
        try:
            plugin_file = read_plugin_file(path)
        except OSError as refused:
            raise UsageError(
                f"cannot read {path}", cause=refused.strerror, hint="check its rights"
            ) from None
        self._add(name, plugin_file.version, plugin_file.load)
        if error := self.status[name].error:
            raise MindError(
                f"plugin {path} failed to load",
                cause=error,
                hint=self._hooks_like(error)
                or install_hint(error, f"mend {path.name}, or leave --plugin out"),
            ) from error

    def _hooks_like(self, error: BaseException) -> str:
        """Return the hooks that a misspelt one may have meant; empty for any other error."""
        found = re.search(r"unknown hook '(\w+)'", str(error))
        if not found or not isinstance(error, pluggy.PluginValidationError):
            return ""
        # pluggy has made a hook of the misspelt name as well.
        hooks = [
            name
            for name in vars(self.manager.hook)
            if name.startswith("register_") and name != found[1]
        ]
        return did_you_mean(found[1], hooks) or f"{self.tool} has {', '.join(hooks)}"

    def _add(self, name: str, version: str, load: Callable[[], Any]) -> None:
        """Register one plugin and collect its offers; a failure undoes all of it."""
        try:
            with redirect_stdout(sys.stderr):  # stdout is for records and answers
                plugin = load()
                self.manager.register(plugin, name=name)
                self.manager.check_pending()  # a misspelt hook is an error, not silence
                hooks = self._collect(name, version)
        except BaseException as error:
            if is_interrupt(error):
                raise
            if self.manager.has_plugin(name):
                self.manager.unregister(name=name)
            self.status[name] = PluginStatus(name, version, error=error)
        else:
            self.status[name] = PluginStatus(name, version, tuple(hooks))

    def _collect(self, plugin: str, version: str) -> list[str]:
        # Collected first: of a plugin that is broken in its last hook nothing is offered.
        found: list[Component] = []
        for hook in self.hooks:
            for implementation in getattr(self.manager.hook, hook).get_hookimpls():
                if implementation.plugin_name != plugin:
                    continue
                offers = implementation.function()
                if not isinstance(offers, Mapping):
                    raise TypeError(f"{hook}() must return a mapping, not {type(offers).__name__}")
                for name, target in offers.items():
                    if not (callable(target) or (isinstance(target, str) and ":" in target)):
                        raise TypeError(f"{hook}(): {name!r} must be a callable or 'module:name'")
                    found.append(Component(name, hook, plugin, version, target))
        for component in found:
            self._offered.setdefault(component.hook, {}).setdefault(component.name, []).append(
                component
            )
        return sorted({component.hook for component in found})


__all__ = ["ENVIRONMENT", "Component", "PluginStatus", "Plugins", "kind_of"]
