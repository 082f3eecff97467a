"""Compile a loop over arrays to machine code, once a machine.

numba is imported with this module (about 0.5 CPU seconds) and compiles a kernel at its first call;
the machine code is kept beside the source, or in the user's cache folder where that cannot be
written, so that the next process loads it in milliseconds.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar, cast

import numba

P = ParamSpec("P")
R = TypeVar("R")


def kernel(function: Callable[P, R]) -> Callable[P, R]:
    """Compile a function of numbers and numpy arrays; it is called as it was written.

    Integers wrap around and nothing checks bounds, as in C: a kernel is tested against plain
    Python. Floating-point sums keep their order, so that a result is the same on every machine.
    """
    compiled: Any = numba.njit(cache=True, nogil=True, fastmath=False, error_model="numpy")(
        function
    )
    return cast(Callable[P, R], compiled)
