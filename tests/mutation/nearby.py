"""Which tests are near to a mutant by the names that stand in both: where noticing is likely.

A test is as far from a function as the chain of names between them is long: 0 if it names the
function itself, 1 if it names one that uses it, and so on. Fixtures and helpers of a test count as
part of it, and so do the words in its texts, since options, columns and components are named so.
"""

from __future__ import annotations

import ast
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path

from operators import Mutant

Function = ast.FunctionDef | ast.AsyncFunctionDef
FARTHEST = 4
COMMON = 4
"""A name that so many places define says nothing."""
PROCESSES = {"subprocess", "Popen", "run_tool", "signalling"}
_WORD = re.compile(r"[A-Za-z_]\w*")


def names_in(node: ast.AST) -> set[str]:
    """Return the names and words in a piece of source."""
    found: set[str] = set()
    for inner in ast.walk(node):
        if isinstance(inner, ast.Name):
            found.add(inner.id)
        elif isinstance(inner, ast.Attribute):
            found.add(inner.attr)
        elif isinstance(inner, ast.arg | ast.keyword) and inner.arg:
            found.add(inner.arg)
        elif isinstance(inner, ast.Constant) and isinstance(inner.value, str):
            found |= set(_WORD.findall(inner.value[:300]))
    return found


def units_of(tree: ast.Module) -> Iterator[tuple[list[str], ast.stmt]]:
    """Yield functions, methods, and assignments outside of them, each with its names."""

    def visit(body: Iterable[ast.stmt], outer: str) -> Iterator[tuple[list[str], ast.stmt]]:
        for node in body:
            if isinstance(node, ast.ClassDef):
                yield from visit(node.body, node.name)
            elif isinstance(node, Function):
                special = node.name.startswith("__") or node.name == "prepare"
                yield [outer] if special and outer else [node.name], node
            elif isinstance(node, ast.Assign | ast.AnnAssign):
                targets = node.targets if isinstance(node, ast.Assign) else [node.target]
                named = [n.id for t in targets for n in ast.walk(t) if isinstance(n, ast.Name)]
                yield [*named, outer] if outer else named, node

    return visit(tree.body, "")


class Sources:
    """By name, what uses it in a package."""

    def __init__(self, folder: Path) -> None:
        self.users: dict[str, set[str]] = defaultdict(set)
        self.units: dict[str, list[tuple[list[str], ast.stmt]]] = {}
        defined: Counter[str] = Counter()
        for path in sorted(folder.rglob("*.py")):
            units = list(units_of(ast.parse(path.read_bytes())))
            self.units[path.relative_to(folder).as_posix()] = units
            defined.update({name for names, _ in units for name in names if name})
        self.common = {name for name, count in defined.items() if count >= COMMON}
        for names, node in (unit for units in self.units.values() for unit in units):
            for used in names_in(node) & defined.keys():
                self.users[used] |= set(names)

    def distances(self, mutant: Mutant) -> dict[str, int]:
        """Return how far each name is from a mutant."""
        start = {part for part in mutant.scope.split(".") if part and part not in self.common}
        for names, node in self.units[mutant.path]:
            assert node.end_lineno is not None
            if node.lineno <= mutant.line <= node.end_lineno:
                start |= set(names)
        found: dict[str, int] = {}
        edge = {name for name in start if name}
        for distance in range(FARTHEST):
            for name in edge:
                found.setdefault(name, distance)
            edge = {
                user
                for name in edge - self.common
                for user in self.users[name]
                if user and user not in found
            }
        stem = Path(mutant.path).stem
        found.setdefault(stem, 1)
        return found


def tests_of(root: Path, files: Iterable[str]) -> dict[str, set[str]]:
    """Return for each test function its names, with those of its helpers."""
    shared: dict[str, set[str]] = {}
    for conftest in {str(Path(file).with_name("conftest.py")) for file in files}:
        if (root / conftest).exists():
            shared |= _functions((root / conftest).read_bytes())
    found = {}
    for file in files:
        functions = {**shared, **_functions((root / file).read_bytes())}
        for name, used in functions.items():
            if name.rpartition(".")[2].startswith("test_"):
                names, waiting = set(used), list(used)
                while waiting:
                    for further in functions.get(waiting.pop(), set()) - names:
                        names.add(further)
                        waiting.append(further)
                found[f"{file}::{name.replace('.', '::')}"] = names
    return found


def _functions(source: bytes) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for node in ast.parse(source).body:
        if isinstance(node, Function):
            found[node.name] = names_in(node)
        elif isinstance(node, ast.ClassDef):
            for inner in node.body:
                if isinstance(inner, Function):
                    found[f"{node.name}.{inner.name}"] = names_in(inner)
        elif isinstance(node, ast.Assign):
            for target in node.targets:
                if isinstance(target, ast.Name):
                    found[target.id] = names_in(node.value)
    return found


def starts_a_process(names: set[str]) -> bool:
    """Say whether a test with these names runs a tool as its users do, which takes seconds."""
    return not names.isdisjoint(PROCESSES)


def runs_tools_alone(names: set[str]) -> bool:
    """Say whether all processes that it starts are tools, which a fork can be."""
    return names & PROCESSES == {"run_tool"}


def distances_of(mutant: Mutant, sources: Sources, tests: dict[str, set[str]]) -> dict[str, int]:
    """Return how far each test is from a mutant: 0 to FARTHEST."""
    near = sources.distances(mutant)
    return {
        test: min((near[name] for name in names & near.keys()), default=FARTHEST)
        for test, names in tests.items()
    }
