"""The mutants are small changes of the source that still compile, drawn the same each time."""

from __future__ import annotations

import ast
import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

FOLDER = Path(__file__).parent / "mutation"
SOURCE = '''"""A module."""
import os
LIMIT = 1 << 20

def write(path, data, room=10):
    """Write it."""
    with open(path, "wb") as file:
        if len(data) > LIMIT and not room:
            raise ValueError(f"{len(data) + 1} bytes")
        file.write(data)
        os.fsync(file.fileno())
    return min(len(data), room)
'''


@pytest.fixture(scope="module")
def operators() -> ModuleType:
    name = "mutation_operators"
    spec = importlib.util.spec_from_file_location(name, FOLDER / "operators.py")
    assert spec is not None and spec.loader is not None
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_mutant_compiles_and_differs_in_one_place(
    operators: ModuleType, tmp_path: Path
) -> None:
    (tmp_path / "module.py").write_text(SOURCE)
    mutants = operators.mutants_of(tmp_path / "module.py", "module.py")
    changed = [mutant.apply(SOURCE.encode()).decode() for mutant in mutants]
    assert len(set(changed)) == len(changed)
    for text in changed:
        ast.parse(text)
        pairs = zip(SOURCE.splitlines(), text.splitlines(), strict=True)
        assert sum(before != after for before, after in pairs) == 1
    names = {(mutant.line, mutant.before, mutant.text) for mutant in mutants}
    wanted = {
        (3, "<<", ">>"), (8, ">", ">="), (8, "and", "or"), (8, "not", ""), (12, "min", "max"),
        (11, "os.fsync(file.fileno())", "pass"), (12, "return min(len(data), room)", "return None"),
    }  # fmt: skip
    assert wanted <= names
    # Defaults, messages and docstrings are no behaviour.
    assert not [name for name in names if name[0] in (1, 5, 6)]
    assert not [name for name in names if name[1:] == ("+", "-")]


def test_what_makes_a_file_durable_is_known(operators: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "module.py").write_text(SOURCE)
    durable = filter(operators.is_durable, operators.mutants_of(tmp_path / "module.py", "m"))
    assert [mutant.before for mutant in durable] == ["os.fsync(file.fileno())"]
