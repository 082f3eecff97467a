"""Mutants are small changes that still compile, drawn the same each time; tests find them."""

from __future__ import annotations

import ast
import importlib.util
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

FOLDER = Path(__file__).parent / "mutation"
SOURCE = '''"""A module."""
from __future__ import annotations
import os, fcntl
LIMIT = 1 << 20

class Log:
    """A log."""

    def write(self, path, data, room=10):
        """Write it."""
        with open(path, "wb") as file:
            if len(data) > LIMIT and not room:
                raise ValueError(f"{len(data) + 1} bytes")
            file.write(data)
            os.fsync(file.fileno())
            fcntl.flock(file, fcntl.LOCK_EX)
        return min(len(data), room)

def used_by_nobody(count):
    if count:
        pass
    elif count > 3:
        return count + 1
    return -count

def command(path):
    """Write."""
    return Log().write(path, b"")
'''


@pytest.fixture(scope="module")
def modules() -> dict[str, ModuleType]:
    """Load the modules under their own names, which they import each other by."""
    found = {}
    for name in ("operators", "probes", "nearby", "copies", "reach", "trying", "run"):
        spec = importlib.util.spec_from_file_location(name, FOLDER / f"{name}.py")
        assert spec is not None and spec.loader is not None
        found[name] = sys.modules[name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(found[name])
    for name in found:
        del sys.modules[name]
    return found


@pytest.fixture(scope="module")
def package(modules: dict[str, ModuleType]) -> Any:
    """A package of the project, with its mutants."""
    return modules["copies"].Package("mind-sft-select")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    folder = tmp_path / "src"
    folder.mkdir()
    (folder / "module.py").write_text(SOURCE)
    return folder / "module.py"


def test_every_mutant_compiles_and_differs_in_one_place(
    modules: dict[str, ModuleType], path: Path
) -> None:
    mutants = modules["operators"].mutants_of(path, "module.py")
    changed = [mutant.apply(SOURCE.encode()).decode() for mutant in mutants]
    assert len(set(changed)) == len(changed) == len({mutant.key for mutant in mutants})
    for text in changed:
        ast.parse(text)
        pairs = zip(SOURCE.splitlines(), text.splitlines(), strict=True)
        assert sum(before != after for before, after in pairs) == 1
    names = {(mutant.line, mutant.before, mutant.text) for mutant in mutants}
    wanted = {
        (4, "<<", ">>"), (12, ">", ">="), (12, "and", "or"), (12, "not", ""), (17, "min", "max"),
        (15, "os.fsync(file.fileno())", "pass"), (16, "LOCK_EX", "LOCK_SH"),
        (17, "return min(len(data), room)", "return None"),
    }  # fmt: skip
    assert wanted <= names
    # Defaults, messages and docstrings are no behaviour.
    assert not [name for name in names if name[0] in (1, 7, 9, 10)]
    assert not [name for name in names if name[0] == 13 and name[1] == "+"]


def test_a_mutant_keeps_its_name_when_other_lines_come_and_go(
    modules: dict[str, ModuleType], path: Path
) -> None:
    mutants_of = modules["operators"].mutants_of
    before = {mutant.key for mutant in mutants_of(path, "module.py")}
    path.write_text(SOURCE.replace("import os", "\n# A remark.\nX = 1\nimport os"))
    after = {mutant.key for mutant in mutants_of(path, "module.py")}
    assert before < after


def test_what_guards_a_file_is_known(modules: dict[str, ModuleType], path: Path) -> None:
    operators = modules["operators"]
    mutants = operators.mutants_of(path, "m")
    durable = [mutant.before for mutant in mutants if operators.is_durable(mutant)]
    assert durable == ["os.fsync(file.fileno())", "fcntl.flock(file, fcntl.LOCK_EX)", "LOCK_EX"]
    guarded = {(mutant.scope, mutant.before) for mutant in operators.in_writers(mutants)}
    assert ("Log.write", ">") in guarded and ("Log.write", "min") in guarded
    assert not [scope for scope, _ in guarded if scope == "used_by_nobody"]


def test_probes_name_the_test_in_the_processes_that_it_starts_too(
    modules: dict[str, ModuleType], path: Path
) -> None:
    mutants = modules["operators"].mutants_of(path, "module.py")
    modules["probes"].add_probes(path.parent, dict(enumerate(mutants)))
    text = path.read_text()
    assert '"""Write it."""\n' in text and text.startswith('"""A module."""')
    hits = path.with_name("hits")
    environment = {
        **os.environ, "PYTHONPATH": str(path.parent), "MIND_PROBES": str(hits),
        "PYTEST_CURRENT_TEST": "tests/a.py::test_a (call)",
    }  # fmt: skip
    code = "import module; [module.command('out') for _ in range(9)]"
    subprocess.run([sys.executable, "-c", code], cwd=path.parent, env=environment, check=True)
    found = list(modules["probes"].read_hits(hits))
    reached = {mutants[number].line for number, _ in found}
    # The limit is a number of the module: it counts as reached where its name stands.
    assert {4, 12, 15, 16, 17} <= reached and not reached & {13, 20, 22, 23, 24}
    assert {test for _, test in found} == {"tests/a.py::test_a (call)"}
    assert len(found) == len(set(found))


def test_the_nearest_tests_come_first(modules: dict[str, ModuleType], path: Path) -> None:
    test = path.parent.parent / "test_it.py"
    test.write_text(
        "import module\n"
        "def helper(): return module.Log\n"
        "def test_far(): assert 1 + 1 == 2\n"
        "def test_by_the_command(): run_tool('x'), module.command('x')\n"
        "def test_by_a_helper(): helper()().write('x', b'')\n"
    )
    nearby = modules["nearby"]
    sources = nearby.Sources(path.parent)
    tests = nearby.tests_of(test.parent, [test.name])
    mutant = next(
        mutant
        for mutant in modules["operators"].mutants_of(path, "module.py")
        if mutant.before == "os.fsync(file.fileno())"
    )
    distances = nearby.distances_of(mutant, sources, tests)
    assert {name.partition("::")[2]: distance for name, distance in distances.items()} == {
        "test_by_a_helper": 0, "test_by_the_command": 1, "test_far": nearby.FARTHEST,
    }  # fmt: skip
    started = {name for name, names in tests.items() if nearby.starts_a_process(names)}
    assert started == {"test_it.py::test_by_the_command"}


def test_a_draw_is_the_same_each_time_and_another_for_another_seed(
    modules: dict[str, ModuleType], package: Any
) -> None:
    run, operators = modules["run"], modules["operators"]
    drawn = run.chosen(package, 20, 1)
    assert drawn == run.chosen(package, 20, 1)
    assert len({mutant.key for mutant in drawn}) == 20
    guarded = {mutant.key for mutant in operators.in_writers(package.mutants)}
    assert len(guarded & {mutant.key for mutant in drawn}) >= 5
    assert len({mutant.key for mutant in drawn + run.chosen(package, 20, 2)}) > 30


def test_listed_equivalents_are_mutants_that_exist(modules: dict[str, ModuleType]) -> None:
    lines = (FOLDER / "equivalent.jsonl").read_text("utf-8").splitlines()
    listed = {row["mutant"]: row["reason"] for row in map(json.loads, lines)}
    known = set()
    for name in {key.partition(" ")[0] for key in listed}:
        package = modules["copies"].Package(name.partition("/")[0].replace("_", "-"))
        found = modules["operators"].mutants_of(package.source / name, name)
        known |= {mutant.key for mutant in found}
    assert not listed.keys() - known
    assert all(len(reason) > 20 for reason in listed.values())


def test_a_torn_last_line_of_the_results_is_dropped(
    modules: dict[str, ModuleType],
    package: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    run = modules["run"]
    monkeypatch.setattr(run, "RESULTS", tmp_path / "results.jsonl")
    first, second, third = run.chosen(package, 3, 1)
    results = run.Results()
    test = f"{next(iter(package.test_files))}::test_x"
    results.add(run.row_of(package, first, "noticed", test))
    results.add(run.row_of(package, second, "survived", ""))
    results.add({**run.row_of(package, third, "survived", ""), "tests": "of other tests"})
    with run.RESULTS.open("a") as file:
        file.write('{"mutant": "half')
    again = run.Results()
    assert [again.of(package, m) is not None for m in (first, second, third)] == [True, True, False]
    assert "half" not in run.RESULTS.read_text()


TOY = """import os, fcntl

class Log:
    def write(self, file, data):
        file.write(data)
        os.fsync(file.fileno())
        fcntl.flock(file, fcntl.LOCK_EX)

    def is_long(self, data):
        return len(data) > 3
"""
TESTS = """import pytest
from mind_toy import log

def test_the_file_is_made_safe(tmp_path, monkeypatch):
    synced = []
    monkeypatch.setattr(log.os, "fsync", synced.append)
    with (tmp_path / "x").open("wb") as file:
        log.Log().write(file, b"x")
    assert synced

def test_nothing_of_note():
    assert log.Log()

@pytest.mark.skip("not here")
def test_is_long():
    assert log.Log().is_long(b"1234")
"""


def test_a_run_finds_what_tests_notice_and_goes_on_where_it_was(tmp_path: Path) -> None:
    shutil.copytree(FOLDER, tmp_path / "tests" / "mutation")
    (tmp_path / "tests" / "mutation" / "equivalent.jsonl").write_text("")
    package = tmp_path / "packages" / "mind-toy"
    (package / "src" / "mind_toy").mkdir(parents=True)
    (package / "src" / "mind_toy" / "log.py").write_text(TOY)
    (package / "tests").mkdir()
    (package / "tests" / "test_toy.py").write_text(TESTS)
    command = [sys.executable, "tests/mutation/run.py", "--writers"]

    def run() -> tuple[dict[str, str], str]:
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        rows = (tmp_path / ".mutants" / "mind-toy" / "writers.jsonl").read_text().splitlines()
        found = map(json.loads, rows)
        return {row["mutant"]: row["result"] for row in found}, done.stdout

    first, said = run()
    results = {key.partition("log.py ")[2]: result for key, result in first.items()}
    assert results == {
        "Log.write statement: os.fsync(file.fileno()) → pass": "noticed",
        "Log.write statement: fcntl.flock(file, fcntl.LOCK_EX) → pass": "survived",
        "Log.write name: LOCK_EX → LOCK_SH": "survived",
        "Log.is_long comparison: > → >=": "unreached",
        "Log.is_long constant: 3 → 4": "unreached",
    }
    assert "which mutants it reaches" in said
    assert "right program" not in said, "a test that is skipped notices nothing"
    # Killed in the middle of a line, it goes on with what is whole.
    kept = tmp_path / ".mutants" / "results.jsonl"
    lines = kept.read_text().splitlines(keepends=True)
    kept.write_text("".join(lines[:-1]) + lines[-1][:20])
    again, said = run()
    assert again == first and "which mutants it reaches" not in said
