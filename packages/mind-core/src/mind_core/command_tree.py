"""All commands of a tool, for what is made from them: man pages, catalogues, the site."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from typing import Any

import typer


def command_tree(tool: str) -> Iterator[tuple[str, Any]]:
    """Yield each command of a tool with how it is called: "mind-clean", "mind-clean status".

    Verbs that the tool's `main` looks for by itself are what `other_apps` of its `cli` gives.
    """
    module = importlib.import_module(f"{tool.replace('-', '_')}.cli")
    others: dict[str, typer.Typer] = getattr(module, "other_apps", dict)()
    yield from _below(tool, typer.main.get_command(module.app))
    for verb, app in others.items():
        yield from _below(f"{tool} {verb}", typer.main.get_command(app))


def _below(called: str, command: Any) -> Iterator[tuple[str, Any]]:
    yield called, command
    for name, verb in getattr(command, "commands", {}).items():
        yield from _below(f"{called} {name}", verb)
