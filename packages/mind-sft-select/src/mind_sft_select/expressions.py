"""Conditions on scores, as `--where "ifd<1 and tokens>=20"`: comparisons, no calls."""

from __future__ import annotations

import ast
import operator
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from mind_core.errors import UsageError, did_you_mean

_COMPARE: dict[type[ast.cmpop], Callable[[Any, Any], bool]] = {
    ast.Lt: operator.lt, ast.LtE: operator.le, ast.Gt: operator.gt, ast.GtE: operator.ge,
    ast.Eq: operator.eq, ast.NotEq: operator.ne,
}  # fmt: skip
_ARITHMETIC: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv,
}  # fmt: skip
_ALLOWED = (
    ast.BoolOp, ast.And, ast.Or, ast.UnaryOp, ast.Not, ast.USub, ast.Compare, ast.BinOp, ast.Name,
    ast.Load, ast.Constant, *_COMPARE, *_ARITHMETIC,
)  # fmt: skip


class Condition:
    """A condition over named values; a comparison with a value that is not there is false."""

    def __init__(self, text: str, names: Sequence[str]) -> None:
        self.text = text
        try:
            with warnings.catch_warnings():
                # Python doubts some conditions (`ifd<1and`) on stderr before it refuses them.
                warnings.simplefilter("ignore", SyntaxWarning)
                self._body = ast.parse(text, mode="eval").body
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            raise UsageError(
                f"--where {text[:200]!r} is no condition",
                cause=str(error),
                hint='for example --where "ifd<1 and tokens>=20"',
            ) from None
        self._check(self._body, names)

    def __call__(self, values: Mapping[str, Any]) -> bool:
        """Tell whether the condition holds for values."""
        return bool(self._evaluate(self._body, values))

    def _check(self, node: ast.AST, names: Sequence[str]) -> None:
        if isinstance(node, ast.Name) and node.id not in names:
            hint = did_you_mean(node.id, names) or f"known: {', '.join(names)}"
            raise UsageError(f"--where {self.text!r}: there is no {node.id!r}", hint=hint)
        # A list of what may stand there, so that nothing that Python adds later slips through.
        if not isinstance(node, _ALLOWED):
            raise UsageError(
                f"--where {self.text!r}: {type(node).__name__} is not allowed",
                hint="names, numbers, and, or, not, < <= > >= == != + - * /",
            )
        if isinstance(node, ast.Constant) and not isinstance(node.value, (int, float, str)):
            raise UsageError(
                f"--where {self.text!r}: {type(node.value).__name__} is not allowed",
                hint="names, numbers, and, or, not, < <= > >= == != + - * /",
            )
        for child in ast.iter_child_nodes(node):
            self._check(child, names)

    def _evaluate(self, node: ast.AST, values: Mapping[str, Any]) -> Any:
        if isinstance(node, ast.BoolOp):
            together = all if isinstance(node.op, ast.And) else any
            return together(self._evaluate(part, values) for part in node.values)
        if isinstance(node, ast.UnaryOp):
            value = self._evaluate(node.operand, values)
            if isinstance(node.op, ast.Not):
                return not value
            self._check_numbers(value)
            return -value
        if isinstance(node, ast.BinOp):
            left, right = self._evaluate(node.left, values), self._evaluate(node.right, values)
            self._check_numbers(left, right)
            try:
                return _ARITHMETIC[type(node.op)](left, right)
            except ZeroDivisionError:
                return float("nan")
        if isinstance(node, ast.Compare):
            return self._compare(node, values)
        if isinstance(node, ast.Name):
            return values[node.id]
        assert isinstance(node, ast.Constant), "it was checked"
        return node.value

    def _check_numbers(self, *values: Any) -> None:
        # Before Python tries: it would repeat a word that is multiplied, however often.
        if any(isinstance(value, str) for value in values):
            raise UsageError(f"--where {self.text!r} calculates with a word")

    def _compare(self, node: ast.Compare, values: Mapping[str, Any]) -> bool:
        left = self._evaluate(node.left, values)
        for op, side in zip(node.ops, node.comparators, strict=True):
            right = self._evaluate(side, values)
            if isinstance(left, str) != isinstance(right, str):
                raise UsageError(f"--where {self.text!r} compares a word with a number")
            # Also for `!=`, which Python calls true for NaN.
            if left != left or right != right:  # NaN: the record has no such score
                return False
            if not _COMPARE[type(op)](left, right):
                return False
            # `1 < ifd < 2` compares neighbours, as in Python.
            left = right
        return True
