"""Packages that a tracker needs, asked for before a run begins."""

from __future__ import annotations

from importlib.util import find_spec

from mind_core import MindError


def require_package(package: str, extra: str) -> None:
    """Raise MindError, with the command that installs it, where a package is not there."""
    if find_spec(package) is None:
        raise MindError(
            f"the tracker {extra!r} needs the package {package}",
            hint=f"pip install 'mind-train[{extra}]', or leave it out of the recipe's [[tracker]]",
        )
