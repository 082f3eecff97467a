"""What `--list` and `--plugins` answer: components, plugins, and those that could be installed."""

from __future__ import annotations

from importlib import resources
from importlib.metadata import PackageNotFoundError, distribution
from typing import Any, NamedTuple

import orjson

from mind_core.errors import MindError
from mind_core.plugins import Plugins


def components(plugins: Plugins, json: bool) -> str:
    """Return every component with its options, as text or as JSON."""
    rows = _component_rows(plugins)
    return _as_json(rows) if json else _as_text(rows, components=True)


def installed(plugins: Plugins, json: bool) -> str:
    """Return every plugin with its hooks, as text or as JSON."""
    rows = _plugin_rows(plugins)
    return _as_json(rows) if json else _as_text(rows, components=False)


def _component_rows(plugins: Plugins) -> list[dict[str, Any]]:
    rows = []
    for component in plugins.all_components():
        row: dict[str, Any] = {
            "name": component.name,
            "kind": component.kind,
            "plugin": component.plugin,
            "version": component.version,
        }
        try:
            row["summary"] = component.summary()
            row["options"] = {
                # JSON has no word for an option without a default.
                name: None if default is ... else default
                for name, default in component.options().items()
            }
        # One that cannot be imported is listed with its error, and the others after it.
        except MindError as error:
            row["error"] = f"{error.message} ({error.cause})"
        rows.append(row)
    return rows


def _plugin_rows(plugins: Plugins) -> list[dict[str, Any]]:
    return [
        {
            "name": status.name,
            "version": status.version,
            "status": "broken" if status.error else "loaded",
            "hooks": list(status.hooks),
            **({"error": f"{type(status.error).__name__}: {status.error}"} if status.error else {}),
        }
        for status in plugins.status.values()
    ]


def directory(tool: str) -> str:
    """Name the project's plugins for a tool that are not installed."""
    lines = [f"  {one.name}\n      {one.summary}" for one in not_installed(tool)]
    head = "\nnot installed (pip install NAME):\n" if lines else ""
    own = "\none of your own: python -m mind_core.new_plugin KIND NAME\n"
    return head + "".join(f"{line}\n" for line in lines) + own


def _as_json(rows: list[dict[str, Any]]) -> str:
    return orjson.dumps(
        rows, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE, default=str
    ).decode()


def _as_text(rows: list[dict[str, Any]], *, components: bool) -> str:
    lines = []
    for row in rows:
        if components:
            lines.append(f"{row['name']}  ({row['kind']}, {row['plugin']} {row['version']})")
            lines.append(f"    {row.get('summary') or row.get('error', '')}")
            lines += [f"    {name} = {value!r}" for name, value in row.get("options", {}).items()]
        else:
            hooks = ", ".join(row["hooks"]) or row.get("error", "")
            lines.append(f"{row['name']} {row['version']}  {row['status']}  {hooks}")
    return "\n".join(lines) + "\n"


FILE = "plugin_directory.tsv"


class ListedPlugin(NamedTuple):
    """One line of the directory: the package, the tool that it is for, what it is."""

    name: str
    tool: str
    summary: str


def listed_plugins() -> list[ListedPlugin]:
    """Return the plugins of the project, by name."""
    text = resources.files("mind_core").joinpath(FILE).read_text("utf-8")
    return [ListedPlugin(*line.split("\t")) for line in text.splitlines()]


def not_installed(tool: str) -> list[ListedPlugin]:
    """Return those for a tool, or for all of them, that are not here."""
    return [
        one for one in listed_plugins() if one.tool in (tool, "mind-core") and not _is_here(one)
    ]


def _is_here(one: ListedPlugin) -> bool:
    try:
        distribution(one.name)
    except PackageNotFoundError:
        return False
    return True
