"""Man pages: every option of every command, and roff that says what the help says."""

from __future__ import annotations

import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest

from mind_core.command_tree import command_tree
from mind_core.man_pages import _escaped, _line, man_page, pages

ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize("tool", ["mind-clean", "mind-eval", "mind-train"])
def test_a_page_has_every_option_of_every_command(tool: str) -> None:
    page = man_page(tool).replace("\\-", "-")
    for called, command in command_tree(tool):
        assert f'.SS "{called}"' in page or called == tool
        for parameter in command.params:
            if help_text := getattr(parameter, "help", None):
                assert parameter.opts[0] in page or parameter.param_type_name == "argument"
                assert " ".join(help_text.split()).replace("\\", "\\e") in page
    assert ".B -h, --help\n" in page


def test_nothing_of_a_text_is_taken_for_roff() -> None:
    assert _line(".TH is text") == "\\&.TH is text"
    assert _line("'a'") == "\\&'a'"
    assert _escaped("a\\b --set") == "a\\eb \\-\\-set"


def test_a_verb_that_main_looks_for_is_a_command() -> None:
    assert [called for called, _ in command_tree("mind-clean")] == [
        "mind-clean", "mind-clean status", "mind-clean quality", "mind-clean quality train",
    ]  # fmt: skip


def test_pages_are_in_two_languages_and_in_the_wheels() -> None:
    made = {path.relative_to(ROOT): text for path, text in pages(ROOT / "packages")}
    assert len(made) == 14
    assert ".SH 名称" in made[Path("packages/mind-clean/man/mind-clean.zh_CN.1")]
    for path in made:
        project = tomllib.loads((ROOT / path.parents[1] / "pyproject.toml").read_text("utf-8"))
        shared = project["tool"]["hatch"]["build"]["targets"]["wheel"]["shared-data"]
        assert shared[f"man/{path.name}"].endswith(f"/man1/{path.parents[1].name}.1")


@pytest.mark.skipif(shutil.which("groff") is None, reason="needs groff")
def test_groff_has_nothing_to_say(tmp_path: Path) -> None:
    page = tmp_path / "page.1"
    page.write_text(man_page("mind-dedup"), "utf-8")
    done = subprocess.run(
        ["groff", "-man", "-Tascii", "-ww", "-P-cbou", str(page)],
        capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    assert done.stderr == ""
    assert "--max-removed SHARE" in done.stdout
