"""A copy of a package that notes which test reaches which mutant.

Only the statements that a mutant changes get a probe, so the tests run at nearly full speed, and
processes that tests start are watched as well. A number or table of a module or class is reached
by every test that enters a function in which its name stands; so is what the module imports.
"""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

from operators import Mutant, is_compiled

PROBE = '''"""Note once a process and test which numbered statement was reached."""

import os
from os import O_APPEND, O_CREAT, O_WRONLY, close, environ, open, write

_PATH = environ.get("MIND_PROBES", "")
_seen = set()


def reached(*numbers):
    test = environ.get("PYTEST_CURRENT_TEST", "")
    for number in numbers:
        if _PATH and (number, test) not in _seen:
            _seen.add((number, test))
            file = open(_PATH, O_WRONLY | O_APPEND | O_CREAT, 0o644)
            write(file, f"{number}\\t{test}\\n".encode("utf-8", "backslashreplace"))
            close(file)
'''
NAME = "mutation_probe"
Function = ast.FunctionDef | ast.AsyncFunctionDef
Numbered = dict[int, Mutant]


class _Module:
    """One source file, its functions that can be watched, and where their statements stand."""

    def __init__(self, path: str, source: bytes) -> None:
        self.path, self.tree = path, ast.parse(source)
        self.starts = [0]
        for line in source.splitlines(keepends=True):
            self.starts.append(self.starts[-1] + len(line))
        self.functions: list[Function] = []
        self._find(self.tree)
        self.before: dict[ast.stmt, list[int]] = defaultdict(list)

    def _find(self, node: ast.AST) -> None:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, Function):
                if not is_compiled(child):
                    self.functions.append(child)
            else:
                self._find(child)

    def span(self, node: ast.stmt) -> range:
        assert node.end_lineno is not None and node.end_col_offset is not None
        start = self.starts[node.lineno - 1] + node.col_offset
        return range(start, self.starts[node.end_lineno - 1] + node.end_col_offset)

    def statement_at(self, at: int) -> ast.stmt | None:
        """Return the innermost statement around a byte that is inside a function."""
        found: ast.stmt | None = None
        for function in self.functions:
            if at in self.span(function):
                for node in ast.walk(function):
                    # ast.walk goes from the outside to the inside.
                    if (
                        isinstance(node, ast.stmt)
                        and node is not function
                        and at in self.span(node)
                    ):
                        found = node
        return found

    def names_at(self, at: int) -> set[str]:
        """Return the names that a statement outside of functions gives something to."""
        names = set()
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Assign | ast.AnnAssign) and at in self.span(node):
                targets = node.targets if isinstance(node, ast.Assign) else [node.target]
                names |= {n.id for t in targets for n in ast.walk(t) if isinstance(n, ast.Name)}
        return names

    def users_of(self, names: set[str]) -> list[Function]:
        """Return the functions in which one of the names stands."""
        return [
            function
            for function in self.functions
            if any(
                (isinstance(node, ast.Name) and node.id in names)
                or (isinstance(node, ast.Attribute) and node.attr in names)
                for node in ast.walk(function)
            )
        ]

    def watch(self, function: Function, number: int) -> None:
        """Put a probe at the begin of a function, behind its docstring."""
        has_more = len(function.body) > 1 and ast.get_docstring(function) is not None
        self.before[function.body[has_more]].append(number)

    def written(self) -> str:
        """Return the source with the probes."""
        for node in list(ast.walk(self.tree)):
            for field in ("body", "orelse", "finalbody"):
                block = getattr(node, field, None)
                if isinstance(block, list):
                    setattr(node, field, [s for one in block for s in self._with_probe(one)])
        ends = ast.parse(f"from {NAME} import reached as _reached").body
        after = [
            (isinstance(statement, ast.ImportFrom) and statement.module == "__future__")
            or (isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant))
            for statement in self.tree.body
        ]  # fmt: skip
        at = after.index(False) if False in after else len(after)
        self.tree.body[at:at] = ends
        return ast.unparse(ast.fix_missing_locations(self.tree)) + "\n"

    def _with_probe(self, statement: ast.stmt) -> list[ast.stmt]:
        if numbers := self.before.get(statement):
            call = f"_reached({', '.join(map(str, sorted(numbers)))})"
            return [*ast.parse(call).body, statement]
        return [statement]


def add_probes(source: Path, mutants: Numbered) -> None:
    """Put probes for the mutants into a copy of a package's src folder."""
    modules = {}
    for path in sorted(source.rglob("*.py")):
        shown = path.relative_to(source).as_posix()
        modules[shown] = _Module(shown, path.read_bytes())
    for number, mutant in mutants.items():
        _place(number, mutant, modules)
    for module in modules.values():
        if module.before:
            (source / module.path).write_text(module.written(), "utf-8")
    (source / f"{NAME}.py").write_text(PROBE)


def _place(number: int, mutant: Mutant, modules: dict[str, _Module]) -> None:
    home = modules[mutant.path]
    statement = home.statement_at(mutant.start)
    if statement is not None:
        home.before[statement].append(number)
        return
    names = home.names_at(mutant.start)
    for module in modules.values():
        for function in module.users_of(names):
            module.watch(function, number)
    for statement in home.tree.body:
        if home.span(statement).stop > mutant.start and not isinstance(statement, ast.ImportFrom):
            home.before[statement].append(number)
            break


def read_hits(path: Path) -> Iterable[tuple[int, str]]:
    """Yield what the probes wrote: a mutant's number, and the test that ran (or nothing)."""
    if not path.exists():
        return
    for line in path.read_text("utf-8", "replace").splitlines():
        number, _, test = line.partition("\t")
        yield int(number), test
