"""Small changes of a program that a good test notices, found by syntax tree.

The operators are those of the literature (Offutt 1996; DeMillo 1978): relational, logical and
arithmetic operator replacement, constant replacement, statement deletion, return value
replacement. One more exchanges a lock, a `min` or a unit for its neighbour.
"""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

COMPARISONS: dict[type[ast.cmpop], str] = {
    ast.Lt: "<=", ast.LtE: "<", ast.Gt: ">=", ast.GtE: ">", ast.Eq: "!=", ast.NotEq: "==",
    ast.Is: "is not", ast.IsNot: "is", ast.In: "not in", ast.NotIn: "in",
}  # fmt: skip
ARITHMETIC: dict[type[ast.operator], str] = {
    ast.Add: "-", ast.Sub: "+", ast.Mult: "//", ast.FloorDiv: "*", ast.Div: "*", ast.Mod: "+",
    ast.LShift: ">>", ast.RShift: "<<", ast.BitAnd: "|", ast.BitOr: "&",
}  # fmt: skip
NAMES = {"min": "max", "max": "min", "LOCK_EX": "LOCK_SH", "any": "all", "all": "any"}
COMPILED = ("'kernel'", "'loop'", "'njit'")
# What makes a result durable or exclusive: syncing, locking, renaming, removing, flushing.
_DURABLE = re.compile(
    r"\b(fsync|flock|sync_folder|rmtree|unlink|_?refuse_link)\(|\.flush\(\)|\.rename\("
    r"|\bos\.replace\(|\bpartial\w*\.replace\(|\bLOCK_(EX|SH|NB)\b"
)
_UNITS_AND_BOUNDS = ("comparison", "arithmetic", "constant", "name")


@dataclass(frozen=True)
class Mutant:
    """One change: the bytes `start` to `end` of a file give way to `text`.

    `scope` is the function or class around it, and `number` counts equal changes in one scope, so
    that `key` stays the same when other lines of the file change.
    """

    path: str
    line: int
    scope: str
    operator: str
    start: int
    end: int
    text: str
    before: str
    number: int = 1

    @property
    def key(self) -> str:
        """Return a name that does not depend on lines."""
        again = f" ({self.number})" if self.number > 1 else ""
        change = f"{self.before} → {self.text or 'nothing'}"
        return f"{self.path} {self.scope} {self.operator}: {change}{again}"

    def apply(self, source: bytes) -> bytes:
        """Return the changed source."""
        return source[: self.start] + self.text.encode() + source[self.end :]


def _is_text(node: ast.expr) -> bool:
    """Say whether an operand is a text, or a constant that may be: `folder / NAME` is no number."""
    if isinstance(node, ast.Constant):
        return isinstance(node.value, str)
    return isinstance(node, ast.JoinedStr) or (
        isinstance(node, ast.Name) and node.id.isupper() and len(node.id) > 2
    )


class _Finder:
    def __init__(self, path: str, source: bytes) -> None:
        self.path, self.source, self.scope = path, source, ""
        self.line_starts = [0]
        for line in source.splitlines(keepends=True):
            self.line_starts.append(self.line_starts[-1] + len(line))

    def span(self, node: ast.expr | ast.stmt) -> tuple[int, int]:
        assert node.end_lineno is not None and node.end_col_offset is not None
        return (
            self.line_starts[node.lineno - 1] + node.col_offset,
            self.line_starts[node.end_lineno - 1] + node.end_col_offset,
        )

    def mutant(self, node: ast.expr | ast.stmt, operator: str, text: str) -> Mutant:
        start, end = self.span(node)
        return self.between(node, operator, start, end, text)

    def between(
        self, node: ast.expr | ast.stmt, operator: str, start: int, end: int, text: str
    ) -> Mutant:
        before = " ".join(self.source[start:end].decode().split())
        return Mutant(self.path, node.lineno, self.scope, operator, start, end, text, before)

    def operator_between(self, left: ast.expr, right: ast.expr) -> tuple[int, int] | None:
        """Return the span of the operator between two operands, if nothing else stands there."""
        start, end = self.span(left)[1], self.span(right)[0]
        gap = self.source[start:end].decode()
        if any(mark in gap for mark in "()#\n\\"):
            return None
        return start + len(gap) - len(gap.lstrip()), end - (len(gap) - len(gap.rstrip()))

    def of_expression(self, node: ast.expr) -> Iterator[Mutant]:
        if isinstance(node, ast.Compare) and len(node.ops) == 1:
            text = COMPARISONS[type(node.ops[0])]
            if span := self.operator_between(node.left, node.comparators[0]):
                yield self.between(node, "comparison", *span, text)
        elif isinstance(node, ast.BinOp) and type(node.op) in ARITHMETIC:
            is_path = isinstance(node.op, ast.Div) and _is_text(node.right)
            if is_path or (
                isinstance(node.left, ast.Constant | ast.JoinedStr) and _is_text(node.left)
            ):
                return
            if span := self.operator_between(node.left, node.right):
                yield self.between(node, "arithmetic", *span, ARITHMETIC[type(node.op)])
        elif isinstance(node, ast.BoolOp):
            text = "or" if isinstance(node.op, ast.And) else "and"
            if span := self.operator_between(node.values[0], node.values[1]):
                yield self.between(node, "logic", *span, text)
        elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
            start, _ = self.span(node)
            yield self.between(node, "negation", start, self.span(node.operand)[0], "")
        elif isinstance(node, ast.Constant) and type(node.value) in (int, float):
            yield self.mutant(
                node, "constant", repr(node.value * 8 if node.value > 7 else node.value + 1)
            )
        elif isinstance(node, ast.Name) and node.id in NAMES:
            yield self.mutant(node, "name", NAMES[node.id])
        elif isinstance(node, ast.Attribute) and node.attr in NAMES:
            _, end = self.span(node)
            yield self.between(node, "name", end - len(node.attr), end, NAMES[node.attr])

    def of_statement(self, node: ast.stmt) -> Iterator[Mutant]:
        removable = ast.AugAssign | ast.Raise | ast.Continue | ast.Break
        is_call = isinstance(node, ast.Expr) and isinstance(node.value, ast.Call)
        if is_call or isinstance(node, removable):
            yield self.mutant(node, "statement", "pass")
        elif isinstance(node, ast.Return) and not isinstance(node.value, ast.Constant | None):
            yield self.mutant(node, "return", "return None")


Scoped = tuple[str, ast.expr | ast.stmt]


def is_compiled(node: ast.AST) -> bool:
    """Say whether a function becomes machine code, where nothing can be watched or exchanged."""
    decorators = getattr(node, "decorator_list", [])
    return any(name in ast.dump(item) for item in decorators for name in COMPILED)


def _behaviour(tree: ast.Module) -> Iterator[Scoped]:
    """Yield the nodes that run: no annotations, defaults, decorators, docstrings, messages."""

    def visit(node: ast.AST, scope: str) -> Iterator[Scoped]:
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            # Compiled loops are left out: their plain-Python references hold them.
            if not is_compiled(node):
                for statement in node.body:
                    yield from visit(statement, f"{scope}.{node.name}".lstrip("."))
            return
        if isinstance(node, ast.AnnAssign):
            if node.value is not None:
                yield from visit(node.value, scope)
            return
        if isinstance(node, ast.JoinedStr) or (
            isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test)
        ):
            return
        if isinstance(node, (ast.expr, ast.stmt)):
            yield scope, node
        for child in ast.iter_child_nodes(node):
            yield from visit(child, scope)

    for statement in tree.body:
        if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Assign)):
            yield from visit(statement, "")


def mutants_of(path: Path, shown: str) -> list[Mutant]:
    """Return every mutant of a file, in the order of the source; `shown` is its name in results."""
    source = path.read_bytes()
    finder = _Finder(shown, source)
    found: list[Mutant] = []
    for finder.scope, node in _behaviour(ast.parse(source)):
        if isinstance(node, ast.stmt):
            found += finder.of_statement(node)
        else:
            found += finder.of_expression(node)
    seen: Counter[str] = Counter()
    numbered = []
    for mutant in found:
        if mutant.before != mutant.text:
            seen[mutant.key] += 1
            numbered.append(replace(mutant, number=seen[mutant.key]))
    return numbered


def is_durable(mutant: Mutant) -> bool:
    """Say whether the change removes or weakens what makes a file durable or exclusive."""
    by_statement = mutant.operator == "statement" and not mutant.before.startswith("raise ")
    weaker_lock = mutant.text == "LOCK_SH"
    return weaker_lock or (by_statement and _DURABLE.search(mutant.before) is not None)


def in_writers(mutants: list[Mutant]) -> list[Mutant]:
    """Return what must all be noticed: `is_durable`, and units and bounds in the same classes
    and functions."""
    durable = [mutant for mutant in mutants if is_durable(mutant)]
    writers = {(mutant.path, mutant.scope.partition(".")[0]) for mutant in durable}
    return [
        mutant
        for mutant in mutants
        if is_durable(mutant)
        or (
            mutant.operator in _UNITS_AND_BOUNDS
            and (mutant.path, mutant.scope.partition(".")[0]) in writers
        )
    ]
