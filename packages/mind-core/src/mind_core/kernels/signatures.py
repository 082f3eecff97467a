"""What a loop takes and returns, written as in `"i8(u1[], u4[,], f8)"`.

A number is `i8`, `f8`, `u1` or `b1`; an array is the type of its values with `[]` for one dimension
and `[,]` for two, in one piece (C order); several arrays in parentheses are a tuple of them. In
front stands what is returned: nothing (`void`), one number, or two as `(i8, i8)`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

NUMBERS = ("i8", "f8", "u1", "b1")
RETURNS = ("void", "i8", "b1", "(i8, i8)")

_CALL = re.compile(r"(?P<returns>void|i8|b1|\(i8, i8\))\((?P<takes>.*)\)", re.DOTALL)
_ARRAY = re.compile(r"(?P<values>[iuf][1248]|b1)\[(?P<more>,?)\]")


@dataclass(frozen=True)
class ArrayType:
    """An array in C order."""

    values: str
    """The type of its values, as numpy writes it."""

    dimensions: int

    # Asked for at each call, for each array.
    @cached_property
    def dtype(self) -> np.dtype[Any]:
        """Return the type of its values."""
        return np.dtype(self.values)

    def __str__(self) -> str:
        return f"{self.values}[{',' * (self.dimensions - 1)}]"


Argument = str | ArrayType | tuple[ArrayType, ...]
"""A number, an array, or a tuple of arrays."""


@dataclass(frozen=True)
class LoopSignature:
    """The types of a loop's arguments and of what it returns."""

    text: str
    arguments: tuple[Argument, ...]
    returns: str

    def check(self, name: str, values: Sequence[Any]) -> None:
        """Raise `TypeError` for arguments that the loop was not compiled for."""
        if len(values) != len(self.arguments):
            raise TypeError(f"{name} takes {len(self.arguments)} arguments, not {len(values)}")
        for wanted, value in zip(self.arguments, values, strict=True):
            if type(wanted) is ArrayType:
                check_array(wanted, value, name)
            elif type(wanted) is tuple:
                for part, array in zip(wanted, value, strict=True):
                    check_array(part, array, name)


def check_array(wanted: ArrayType, value: Any, name: str) -> None:
    """Raise `TypeError` for an array of another type, number of dimensions or order."""
    # A loop reads memory as its signature says and checks nothing: the wrong type would be wrong
    # numbers or a crash, and no error.
    if not isinstance(value, np.ndarray):
        raise TypeError(f"{name} takes an array {wanted}, not {type(value).__name__}")
    if (
        value.dtype != wanted.dtype
        or value.ndim != wanted.dimensions
        or not value.flags.c_contiguous
    ):
        order = "" if value.flags.c_contiguous else " that is not in one piece"
        raise TypeError(f"{name} takes an array {wanted}, not {value.dtype}{value.shape}{order}")


def parse_signature(text: str) -> LoopSignature:
    """Return what a signature says; raise `ValueError` if it is none."""
    match = _CALL.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"{text!r} is no signature: it begins with one of {', '.join(RETURNS)}")
    arguments = tuple(_argument(part, text) for part in _parts(match["takes"]))
    return LoopSignature(text, arguments, match["returns"])


def _parts(text: str) -> list[str]:
    """Return what stands between commas that are in no brackets."""
    parts, depth, begin = [], 0, 0
    for place, character in enumerate(text):
        # Those within brackets are of one argument: `(i8[], i8[,])` is a tuple of two arrays.
        depth += (character in "([") - (character in ")]")
        if character == "," and not depth:
            parts.append(text[begin:place].strip())
            begin = place + 1
    last = text[begin:].strip()
    return [*parts, last] if last else parts


def _argument(text: str, whole: str) -> Argument:
    if text in NUMBERS:
        return text
    if text.startswith("(") and text.endswith(")"):
        return tuple(_array(part, whole) for part in _parts(text[1:-1]))
    return _array(text, whole)


def _array(text: str, whole: str) -> ArrayType:
    # `u4[,]` has a comma between its two dimensions, `u4[]` none.
    match = _ARRAY.fullmatch(text)
    if match is None:
        raise ValueError(f"{whole!r}: {text!r} is no number ({', '.join(NUMBERS)}) and no array")
    return ArrayType(match["values"], len(match["more"]) + 1)
