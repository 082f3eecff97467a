"""Which packages have loops, without loading anything for them."""

from __future__ import annotations

PACKAGES: set[str] = set()
"""Packages of which a module with loops was imported."""


def loops_of(package: str) -> str:
    """Return where the loops of a package come from: "shipped", "jit", or "" if it has used none.

    "" also stands for loops that could not be had, which nobody has called.
    """
    if package not in PACKAGES:
        return ""
    from mind_core.errors import MindError
    from mind_core.kernels.library import CompiledLibrary, library_of

    try:
        return "shipped" if isinstance(library_of(package), CompiledLibrary) else "jit"
    except MindError:
        return ""
