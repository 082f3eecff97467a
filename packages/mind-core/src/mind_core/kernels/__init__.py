"""Batch kernels over packed UTF-8: what is too slow as Python objects, one number loop at a time.

Nothing here is imported before a component that needs it is made: numba takes half a second.
"""

from __future__ import annotations

from collections.abc import Callable

PACKAGES: dict[str, Callable[[str], str]] = {}
"""Packages of which a module with loops was imported, and what says where their loops are from."""


def loops_of(package: str) -> str:
    """Return where the loops of a package come from: "shipped", "jit", or "" if it has used none.

    "" also stands for loops that could not be had, which nobody has called.
    """
    from mind_core.errors import MindError

    if package not in PACKAGES:
        return ""
    try:
        return PACKAGES[package](package)
    # A summary is no place to fail in: whoever calls such a loop is told why it is missing.
    except MindError:
        return ""
