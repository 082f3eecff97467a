"""Numbers that are not finite are errors wherever they come in or would go out.

A nan compares as false with every limit, and JSON has no word for it: unnoticed, it passes gates
and becomes ``null`` in a log.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from mind_core import MindError

if TYPE_CHECKING:
    from torch import Tensor, dtype


def not_finite(values: Any, path: str = "") -> Iterator[tuple[str, float]]:
    """Yield (path, value) of each float in nested tables and lists that is nan or infinite."""
    if isinstance(values, float):
        if not math.isfinite(values):
            yield path, values
        return
    if isinstance(values, Mapping):
        inner = [(str(key), value) for key, value in values.items()]
    elif isinstance(values, list | tuple):
        inner = [(str(number), value) for number, value in enumerate(values, 1)]
    else:
        return
    for name, value in inner:
        yield from not_finite(value, f"{path}.{name}" if path else name)


def is_finite(tensor: Tensor) -> bool:
    """Tell whether every element is finite; without a second tensor of the size."""
    if not tensor.is_floating_point() or not tensor.numel():
        return True
    low, high = tensor.detach().aminmax()  # a nan becomes both
    return math.isfinite(low) and math.isfinite(high)


def require_finite(tensor: Tensor, what: str, hint: str) -> None:
    """Raise MindError, with ``what`` as its subject, for a tensor that is not finite."""
    if not is_finite(tensor):
        raise MindError(f"{what} is not finite (nan or infinite)", hint=hint)


def overflowed(step: int, what: str, computed: dtype) -> MindError:
    """Say that a step's numbers, in the type ``computed``, are not finite, and what to do."""
    half = "float16" in str(computed).split(".")
    return MindError(
        f"step {step}: {what}",
        cause="the numbers overflowed, usually because the learning rate is too high"
        + (", or beyond 65,504, where float16 ends" if half else ""),
        hint="the last checkpoint is sound: go on from it with a lower optimizer.lr "
        f'(--continue); or, if the rows are to blame, past them: on_nan = "skip" or '
        f"[[skip]] from = {step}" + ("; or with train.dtype=float32" if half else ""),
    )
