"""The plugins that ship with the project, installed or not: what `--plugins` shows besides."""

from __future__ import annotations

from importlib import resources
from importlib.metadata import PackageNotFoundError, distribution
from typing import NamedTuple

FILE = "plugin_directory.tsv"


class ListedPlugin(NamedTuple):
    """One line of the directory: the package, the tool that it is for, what it is."""

    name: str
    tool: str
    summary: str


def directory() -> list[ListedPlugin]:
    """Return the plugins of the project, by name."""
    text = resources.files("mind_core").joinpath(FILE).read_text("utf-8")
    return [ListedPlugin(*line.split("\t")) for line in text.splitlines()]


def not_installed(tool: str) -> list[ListedPlugin]:
    """Return those for a tool, or for all of them, that are not here."""
    return [one for one in directory() if one.tool in (tool, "mind-core") and not _is_here(one)]


def _is_here(one: ListedPlugin) -> bool:
    try:
        distribution(one.name)
    except PackageNotFoundError:
        return False
    return True
