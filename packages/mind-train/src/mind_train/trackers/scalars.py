"""A metrics line as flat numbers, as every tracker wants them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any


def scalars(line: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, float]]:
    """Yield the numbers of a metrics line by path: loss, validation/books/zh/nats_per_token …

    The step itself is left out; true and false are 1 and 0.
    """
    for key, value in line.items():
        if isinstance(value, Mapping):
            yield from scalars(value, f"{prefix}{key}/")
        elif isinstance(value, int | float) and key != "step":
            yield f"{prefix}{key}", float(value)
