"""The house holds: who may import whom, how long a file may be, what --help may import."""

from __future__ import annotations

import ast
import importlib
import re
import subprocess
import sys
from collections.abc import Callable, Collection, Iterator
from functools import cache
from pathlib import Path

import pytest

from mind_core import cli

ROOT = Path(__file__).parent.parent
PACKAGES = {path.name.replace("-", "_"): path for path in sorted((ROOT / "packages").iterdir())}
TOOLS = sorted(set(PACKAGES) - {"mind_core"})

ARROWS = {
    "mind_core": set(),
    "mind_clean": {"mind_core"},
    "mind_dedup": {"mind_core"},
    "mind_tok": {"mind_core"},
    "mind_train": {"mind_core", "mind_tok"},
    "mind_sft_select": {"mind_core", "mind_tok", "mind_train", "mind_eval"},
    "mind_eval": {"mind_core", "mind_tok", "mind_train"},
    "mind_domain": {"mind_core", "mind_tok", "mind_train", "mind_eval"},
}
HEAVY = {
    "torch", "numpy", "sklearn", "scipy", "sentencepiece", "datasketch", "lm_eval", "rich",
    "pydantic", "numba", "datasets", "resiliparse", "selectolax",
    "safetensors", "pandas", "xxhash", "tokenizers",
    "ahocorasick_rs", "ftfy", "opencc", "transformers", "accelerate", "sacrebleu",
}  # fmt: skip
SOURCES = [
    path
    for folder in ("packages", "plugins")
    for path in sorted((ROOT / folder).rglob("*.py"))
    if "build" not in path.parts
]


@cache
def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text("utf-8"))


@cache
def nodes_of(path: Path) -> list[ast.AST]:
    """Return what the checks look at in a file, wherever it stands in it."""
    kinds = (ast.Import, ast.ImportFrom, ast.FunctionDef, ast.AsyncFunctionDef, ast.Call)
    return [node for node in ast.walk(tree_of(path)) if isinstance(node, kinds)]


@pytest.fixture(scope="module", autouse=True)
def forget() -> Iterator[None]:
    """Give the trees' memory back."""
    yield
    nodes_of.cache_clear()
    tree_of.cache_clear()


def imports_of(path: Path) -> set[str]:
    """Return the top-level names of everything that a file imports, anywhere in it."""
    found = set()
    for node in nodes_of(path):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module.split(".")[0])
    return found


def test_the_eight_distributions_are_there() -> None:
    assert set(PACKAGES) == set(ARROWS)


@pytest.mark.parametrize("package", sorted(ARROWS))
def test_import_arrows(package: str) -> None:
    allowed = ARROWS[package] | {package}
    for path in sorted((PACKAGES[package] / "src").rglob("*.py")):
        ours = {name for name in imports_of(path) if name.startswith("mind_")}
        assert ours <= allowed, f"{path} imports {ours - allowed}"


def modules_of(package: str) -> dict[str, Path]:
    """Return the modules of a package by their names."""
    source = PACKAGES[package] / "src"
    return {
        ".".join(path.relative_to(source).with_suffix("").parts).removesuffix(".__init__"): path
        for path in sorted(source.rglob("*.py"))
    }


def imported_modules(path: Path, known: Collection[str]) -> set[str]:
    """Return which modules a file imports: at its top, in a function or for types alike."""
    found = set()
    for node in nodes_of(path):
        if isinstance(node, ast.ImportFrom) and node.module and not node.level:
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                found.add(inner if inner in known else node.module)
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
    return found & set(known)


@pytest.mark.parametrize("package", sorted(ARROWS))
def test_no_module_imports_itself_by_way_of_others(package: str) -> None:
    """Take away again and again what imports nothing that is left: a circle stays."""
    files = modules_of(package)
    left = {name: imported_modules(path, files) - {name} for name, path in files.items()}
    while leaves := [name for name, needs in left.items() if not needs & left.keys()]:
        for name in leaves:
            del left[name]
    assert not left, f"a circle of imports among {sorted(left)}"


@pytest.mark.parametrize("package", TOOLS)
def test_the_floor_plan_is_the_same_in_every_tool(package: str) -> None:
    folder = PACKAGES[package] / "src" / package
    for name in ("__init__", "__main__", "cli", "hookspecs", "builtins", "pipeline"):
        assert (folder / f"{name}.py").is_file(), f"{package} has no {name}.py"
    assert (folder / "py.typed").is_file()
    assert (PACKAGES[package] / "README.md").is_file()


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_files_are_short_and_well_named(path: Path) -> None:
    if "tests" not in path.parts:
        assert len(path.read_text("utf-8").splitlines()) <= 300
    assert path.stem not in {"utils", "helpers", "common", "misc", "manager"}


def functions() -> list[tuple[str, int]]:
    """Return every function with its lines from the docstring on; what explains is not counted."""
    found = []
    for path in SOURCES:
        if "tests" in path.parts:
            continue
        lines = path.read_text("utf-8").splitlines()
        for node in nodes_of(path):
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                body = lines[node.body[0].lineno - 1 : node.end_lineno]
                length = sum(not line.lstrip().startswith("#") for line in body)
                found.append((f"{path.relative_to(ROOT)}:{node.name}", length))
    return found


def test_functions_are_short() -> None:
    long = [f"{name} ({length} lines)" for name, length in functions() if length > 60]
    assert not long, "\n".join(long)


def test_functions_take_few_parameters() -> None:
    """Ten at most: what belongs together is one object. Commands and compiled loops need more."""
    many = []
    for path in SOURCES:
        if {"tests", "commands", "verbs", "loops"} & set(path.parts) or path.stem == "cli":
            continue
        for node in nodes_of(path):
            if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                continue
            ours = (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)
            count = len([each for each in ours if each.arg not in ("self", "cls")])
            made = {ast.unparse(each).partition("(")[0] for each in node.decorator_list}
            if count > 10 and not made & {"kernel", "app.command"}:
                many.append(f"{path.relative_to(ROOT)}:{node.name} takes {count}")
    assert not many, "\n".join(many)


def test_a_class_name_is_one_idea() -> None:
    """One name in two packages is in the glossary, which says what it is in each."""
    packages: dict[str, set[str]] = {}
    for package in ARROWS:
        for path in modules_of(package).values():
            for node in tree_of(path).body:
                if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                    packages.setdefault(node.name, set()).add(package)
    _, _, listed = (ROOT / "docs/glossary.md").read_text("utf-8").partition("## One class name")
    told = set(re.findall(r"^\| `(\w+)` \|", listed, re.MULTILINE))
    shared = {name for name, found in packages.items() if len(found) > 1}
    assert shared <= told, f"in two packages: {sorted(shared - told)}"
    assert told <= shared, f"not in two packages any more: {sorted(told - shared)}"


def test_no_bare_print_in_the_tools() -> None:
    for path in SOURCES:
        if "tests" in path.parts:
            continue
        for node in nodes_of(path):
            called = isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
            assert not (called and node.func.id == "print"), f"{path}:{node.lineno}"


def test_public_names_have_docstrings() -> None:
    missing = []
    for path in SOURCES:
        if "tests" in path.parts:
            continue
        tree = tree_of(path)
        if not ast.get_docstring(tree) and path.stem not in {"__main__"}:
            missing.append(f"{path}: the module")
        for node in tree.body:
            if not isinstance(node, (ast.FunctionDef, ast.ClassDef)) or node.name.startswith("_"):
                continue
            # A command's help stands in its decorator, with examples; that is its docstring.
            command = any("help" in ast.dump(decorator) for decorator in node.decorator_list)
            if not command and not ast.get_docstring(node):
                missing.append(f"{path}: {node.name}")
    assert not missing, "\n".join(missing)


def test_pickle_is_never_read_from_a_file() -> None:
    """Only the way between our own processes carries pickles, and the checks' round trip."""
    allowed = {"channels.py", "testing.py"}
    for path in SOURCES:
        if "tests" not in path.parts and path.name not in allowed:
            assert not imports_of(path) & {"pickle", "dill", "joblib", "shelve"}, path
            assert "torch.load(" not in path.read_text("utf-8"), path


@pytest.mark.parametrize("package", TOOLS)
@pytest.mark.parametrize("question", ["--help", "--version"])
def test_questions_import_nothing_heavy(package: str, question: str) -> None:
    program = (
        "import sys, resource\n"
        f"sys.argv = ['{package.replace('_', '-')}', '{question}']\n"
        f"from {package}.cli import main\n"
        "try:\n    main()\n"
        "except SystemExit as end:\n    assert end.code == 0, end.code\n"
        "print(*sorted({name.split('.')[0] for name in sys.modules}), file=sys.stderr)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    loaded = set(done.stderr.split())
    assert not loaded & HEAVY, f"{package} {question} imports {sorted(loaded & HEAVY)}"


@pytest.fixture
def help_of(capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """Return what prints a help in this process: seventy times, so a process each takes long."""

    def ask(package: str, *arguments: str) -> str:
        app = importlib.import_module(f"{package}.cli").app
        with pytest.raises(SystemExit) as ended:
            cli.run(app, package.replace("_", "-"), arguments)
        out, err = capsys.readouterr()
        assert ended.value.code == 0 and "Traceback" not in err
        return out

    return ask


@pytest.mark.parametrize("package", TOOLS)
def test_every_help_teaches(package: str, help_of: Callable[..., str]) -> None:
    """Each command says what it does, shows examples, and ends with exit codes."""
    _, _, commands = help_of(package, "--help").partition("\nCommands:\n")
    verbs = re.findall(r"^  (\S+)", commands.split("\n\n")[0], re.MULTILINE)
    for verb in [[], *([verb] for verb in verbs)]:
        for flag in ("-h", "--help"):
            told = help_of(package, *verb, flag)
            for part in ("Usage: ", "Examples:", "Exit codes:"):
                assert part in told, f"{package} {verb}: no {part}"
