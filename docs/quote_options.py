"""Quote option tables from dataclasses, for cog."""

from __future__ import annotations

import dataclasses
from importlib import import_module

import cog


def options_table(module: str, names: list[str]) -> None:
    """Write each dataclass's docstring and a table of its fields."""
    for name in names:
        kind = getattr(import_module(module), name)
        text = " ".join(line.strip() for line in (kind.__doc__ or "").splitlines()).strip()
        cog.outl(text.replace("``", "`") + "\n")
        cog.outl("| key | type | default |\n|---|---|---|")
        for field in dataclasses.fields(kind):
            default = field.default
            said = "{}" if field.default_factory is not dataclasses.MISSING else repr(default)
            if default is dataclasses.MISSING and said != "{}":
                said = "required"
            kinds = str(field.type).replace("|", "or")
            cog.outl(f"| `{field.name}` | {kinds} | `{said}` |")
        cog.outl("")
