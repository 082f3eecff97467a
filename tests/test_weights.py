"""What each tool weighs stands in the docs, in both languages, and stays below its bound."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "benchmarks"))

from weights import TOOLS, megabytes, needed  # noqa: E402

ROW = re.compile(r"^\| `([\w-]+)` \| ([\d,]+) \| ([\d,]+) \|", re.MULTILINE)
AIMS = {"mind-dedup": 120, "mind-clean": 160, "mind-tok": 170, "mind-eval": 1350}


def table(page: str) -> dict[str, tuple[int, int]]:
    text = (ROOT / "docs" / page).read_text("utf-8")
    rows = [(name, *(int(n.replace(",", "")) for n in more)) for name, *more in ROW.findall(text)]
    return {name: (weight, most) for name, weight, most in rows}


@pytest.mark.parametrize("tool", TOOLS)
def test_a_tool_is_as_light_as_the_docs_say(tool: str) -> None:
    told, most = table("install.md")[tool]
    found = megabytes(tool)
    assert found <= most <= AIMS.get(tool, most), f"{tool} weighs {found:.0f} MB"
    assert abs(found - told) <= max(3, 0.05 * told), f"{tool}: {found:.0f} MB, {told} in the docs"


def test_both_languages_have_the_same_figures() -> None:
    assert set(table("install.md")) == set(TOOLS)
    assert table("install.md") == table("install.zh.md")


def test_what_is_needed_has_no_extras() -> None:
    assert "numba" not in needed("mind-clean") and "pyarrow" not in needed("mind-core")
    assert {"mind-core", "numpy"} <= needed("mind-dedup")
    assert "scikit-learn" not in needed("mind-dedup") | needed("mind-clean")
