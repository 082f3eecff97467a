"""The page of Python names: what a plugin author imports, with signatures, fields and docstrings."""

from __future__ import annotations

import dataclasses
import importlib
import inspect
import re
from collections.abc import Iterator
from typing import Any

MODULES = (
    "mind_core", "mind_core.testing", "mind_core.chats", "mind_clean", "mind_dedup", "mind_tok",
    "mind_train", "mind_sft_select", "mind_eval", "mind_domain",
)  # fmt: skip
"""What is public: the names in `__all__`, else those that a module defines without an underscore."""

HOME = re.compile(r"\b(?:mind_\w+|collections|pathlib|torch|pluggy|numpy|typing)(?:\.\w+)+\.(?=\w)")


def python_page() -> str:
    """Return the page: a section a module, an entry a name."""
    lines = ["# Python names", "",
             "What plugins and scripts import, from the code: the hooks that take them are in "
             "[hooks](../plugins/hooks.md), whole examples in [tutorials](../plugins/tutorials.md).",
             ""]  # fmt: skip
    for name in MODULES:
        module = importlib.import_module(name)
        lines += [f"## {name}", "", _said(module), ""]
        for public in _names(module):
            lines += _entry(public, getattr(module, public))
    return "\n".join(lines) + "\n"


def _names(module: Any) -> list[str]:
    listed = getattr(module, "__all__", None)
    if listed is None:
        listed = [
            name
            for name, one in vars(module).items()
            if not name.startswith("_") and getattr(one, "__module__", "") == module.__name__
        ]
    return sorted(name for name in listed if name != "hookimpl")


def _entry(name: str, one: Any) -> list[str]:
    """Return the lines of one name: its signature, its docstring, fields and methods."""
    if not (inspect.isclass(one) or inspect.isfunction(one)):
        return [f"### {name}", "", f"`{_shown(one)}`", ""]
    lines = [f"### {name}", "", "```python", _head(name, one), "```", "", _said(one), ""]
    if inspect.isclass(one):
        for field in dataclasses.fields(one) if dataclasses.is_dataclass(one) else ():
            lines.append(f"* `{field.name}: {_shown(field.type)}`")
        lines.append("")
        for method, function in _methods(one):
            said = [f"> {line}".rstrip() for line in _said(function).splitlines()]
            lines += [f"`{_head(method, function)}`", "", *said, ""]
    return lines


def _methods(one: type) -> Iterator[tuple[str, Any]]:
    for name, function in vars(one).items():
        public = not name.startswith("_") or name == "__call__"
        if public and inspect.isfunction(function) and (_said(function) or name == "__call__"):
            yield name, function


def _head(name: str, one: Any) -> str:
    if getattr(one, "_is_protocol", False):
        return f"class {name}(Protocol)"
    try:
        return f"{name}{_shown(inspect.signature(one))}"
    except (TypeError, ValueError):
        return name


def _shown(one: Any) -> str:
    """Return a type or signature without the modules that its names live in."""
    text = one.__name__ if inspect.isclass(one) else str(one)
    text = re.sub(r"<class '?([\w.]+)'?>", r"\1", text)
    return HOME.sub("", re.sub(r"(: |-> |^)'([^']*)'", r"\1\2", text).replace("~", ""))


def _said(one: Any) -> str:
    text = inspect.cleandoc(one.__doc__ or "")
    return "" if text.startswith(f"{getattr(one, '__name__', '')}(") else text.replace("``", "`")
