"""The door: quick answers import nothing heavy."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from mind_core.testing import run_tool

HEAVY = ("torch", "lm_eval", "datasets", "numpy", "sentencepiece", "rich", "jinja2", "yaml")


@pytest.mark.parametrize(
    "arguments", [["--help"], ["run", "--help"], ["compare", "--help"], ["--list"], ["--version"],
                  ["run", "--model", "x", "--print-recipe"]]
)  # fmt: skip
def test_quick_answers_import_nothing_heavy(arguments: list[str]) -> None:
    program = (
        "import sys\nfrom mind_eval.cli import main\n"
        f"sys.argv = ['mind-eval', *{arguments!r}]\n"
        "try:\n    main()\nexcept SystemExit as end:\n    code = end.code\n"
        f"loaded = [name for name in {HEAVY!r} if name in sys.modules]\n"
        "assert not loaded, loaded\nassert not code, code\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout


def test_a_question_asked_as_a_command_is_told_its_option() -> None:
    done = run_tool("mind-eval", ["list"])
    assert done.code == 2 and "hint: `mind-eval --list`" in done.stderr
    done = run_tool("mind-eval", ["lisst"])
    assert done.code == 2 and "hint: `mind-eval --help` shows the usage" in done.stderr


def test_the_printed_recipe_can_be_fed_back() -> None:
    from mind_core.recipe import parse_recipe
    from mind_eval.suites import suite_recipe

    first = suite_recipe("mindllm-ci", (), 3, "letter")
    again = parse_recipe(first.to_toml(), "printed")
    assert again.values == first.values
    assert [options for _, _, options in again.steps(["benchmark"])] == [
        {"shots": 3, "form": "letter"}
    ] * 3


@pytest.mark.parametrize("more", [[], ["-n"]])
def test_a_run_with_nothing_to_measure_is_a_wrong_call(more: list[str]) -> None:
    done = run_tool("mind-eval", ["run", "--model", "m", "--suite", "none", *more])
    assert done.code == 2
    assert "nothing to measure" in done.stderr and "--heldout" in done.stderr


WITHOUT_LM_EVAL = (
    "import sys\nsys.modules['lm_eval'] = None\nsys.modules['datasets'] = None\n"
    "from mind_eval.cli import main\nsys.argv = ['mind-eval', *{arguments!r}]\nmain()\n"
)


def test_the_benchmarks_need_no_lm_eval_and_a_task_says_what_to_install(
    model_folder: Path, tmp_path: Path
) -> None:
    def run(*arguments: str) -> Any:
        given = ["run", "--model", str(model_folder), *arguments]
        program = WITHOUT_LM_EVAL.format(arguments=given)
        return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)

    done = run("--benchmark", "piqa", "--limit", "2", "-o", str(tmp_path / "scores"))
    assert done.returncode == 0, done.stderr
    done = run("--suite", "none", "--task", "arc_easy")
    assert done.returncode == 1 and "pip install 'mind-eval[lm-eval]'" in done.stderr
    assert "Traceback" not in done.stderr
