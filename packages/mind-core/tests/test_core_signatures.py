"""Arguments of a compiled loop are refused where its machine code would read something else."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from mind_core.kernels.signatures import parse_signature

SIGNATURE = parse_signature("i8(u8[], (i8[,], f8[]), i8)")
BYTES, ROWS, NUMBERS = np.zeros(3, np.uint64), np.zeros((2, 2), np.int64), np.zeros(2)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ((BYTES, (ROWS, NUMBERS)), "3 arguments, not 2"),
        (([1], (ROWS, NUMBERS), 1), "not list"),
        ((BYTES.astype(np.int64), (ROWS, NUMBERS), 1), r"not int64\(3,\)"),
        ((np.zeros((3, 1), np.uint64), (ROWS, NUMBERS), 1), r"not uint64\(3, 1\)"),
        ((BYTES[::2], (ROWS, NUMBERS), 1), "not in one piece"),
        ((BYTES, (ROWS.T, NUMBERS), 1), "not in one piece"),
        ((BYTES, (ROWS, NUMBERS.astype(np.float32)), 1), "not float32"),
    ],
)
def test_what_a_loop_was_not_compiled_for_is_refused(values: Any, message: str) -> None:
    with pytest.raises(TypeError, match=message):
        SIGNATURE.check("loop", values)


def test_what_it_was_compiled_for_is_taken() -> None:
    SIGNATURE.check("loop", (BYTES, (ROWS, NUMBERS), 1))
    SIGNATURE.check("loop", (BYTES[:0], (ROWS[:1], NUMBERS), -1))
