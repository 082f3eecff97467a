"""The door: quick answers import nothing heavy."""

from __future__ import annotations

import importlib
import subprocess
import sys
from pathlib import Path

import pytest
from forked import in_fork

from mind_core.testing import run_tool

HEAVY = ("torch", "lm_eval", "datasets", "numpy", "sentencepiece", "rich", "jinja2", "yaml")


QUICK = (["--help"], ["run", "--help"], ["compare", "--help"], ["--list"], ["--version"],
         ["run", "--model", "x", "--print-recipe"])  # fmt: skip


def test_quick_answers_import_nothing_heavy() -> None:
    """One process for all: what one of them imports is seen after it."""
    program = (
        "import sys\nfrom mind_eval.cli import main\n"
        f"for arguments in {QUICK!r}:\n"
        "    sys.argv = ['mind-eval', *arguments]\n"
        "    try:\n        main()\n    except SystemExit as end:\n        code = end.code\n"
        f"    loaded = [name for name in {HEAVY!r} if name in sys.modules]\n"
        "    assert not loaded, (arguments, loaded)\n    assert not code, (arguments, code)\n"
        "    print('answered')\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    answers = done.stdout.split("answered\n")
    assert len(answers) == len(QUICK) + 1 and all(answers[:-1])


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


def without_lm_eval(arguments: list[str]) -> None:
    """Run the tool where lm-eval is not installed; for a fork, since all is imported anew."""
    for name in list(sys.modules):
        if name.partition(".")[0] in ("mind_eval", "lm_eval", "datasets"):
            del sys.modules[name]
    sys.modules["lm_eval"] = sys.modules["datasets"] = None  # type: ignore[assignment]
    sys.argv = ["mind-eval", *arguments]
    importlib.import_module("mind_eval.cli").main()


def test_the_benchmarks_need_no_lm_eval_and_a_task_says_what_to_install(
    model_folder: Path, tmp_path: Path
) -> None:
    def run(*arguments: str) -> tuple[int, str]:
        given = ["run", "--model", str(model_folder), *arguments]
        return in_fork(tmp_path / "said.txt", lambda: without_lm_eval(given))

    code, said = run("--benchmark", "piqa", "--limit", "2", "-o", str(tmp_path / "scores"))
    assert code == 0, said
    code, said = run("--suite", "none", "--task", "arc_easy")
    assert code == 1 and "pip install 'mind-eval[lm-eval]'" in said
    assert "Traceback" not in said
