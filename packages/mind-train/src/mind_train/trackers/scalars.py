"""What trackers share: the numbers of a metrics line, and the packages that they need."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from typing import Any

from mind_core import MindError


def scalars(line: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, float]]:
    """Yield the numbers of a metrics line by path: loss, validation/books/zh/nats_per_token …

    The step itself is left out; true and false are 1 and 0.
    """
    for key, value in line.items():
        if isinstance(value, Mapping):
            yield from scalars(value, f"{prefix}{key}/")
        elif isinstance(value, int | float) and key != "step":
            yield f"{prefix}{key}", float(value)


def require_package(package: str, extra: str) -> None:
    """Raise MindError, with the command that installs it, where a package is not there."""
    if find_spec(package) is None:
        raise MindError(
            f"the tracker {extra!r} needs the package {package}",
            hint=f"pip install 'mind-train[{extra}]', or leave it out of the recipe's [[tracker]]",
        )
