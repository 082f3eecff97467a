"""Loops are compiled once, kept, checked, and called without numba."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("numba")
from mind_core.kernels.machine_code import Library

LOOPS = """
import numpy as np
from mind_core.kernels.compiling import loop

@loop
def scaled(values, factor, out):
    for place in range(np.uint64(len(values))):
        out[place] = values[place] * factor
    return {answer}

@loop
def allocates(values):
    return len(np.zeros(len(values)))

@loop
def answers_a_float(values):
    return 0.5
"""
TYPES = {"loops.scaled": "f8[] f8 f8[]"}
USE = """
import sys
import numpy as np
from mind_core.kernels.machine_code import Library
library = Library("made", {"loops.scaled": "f8[] f8 f8[]"})
out = np.zeros(3)
ready = library.is_ready()
answer = library.function("loops.scaled")(np.arange(3.0), 2.5, out)
print(ready, answer, out.tolist(), "numba" in sys.modules)
"""


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the folder of a package with loops in it; the cache folder is an empty one."""
    folder = tmp_path / "made"
    folder.mkdir()
    (folder / "__init__.py").write_text("")
    (folder / "loops.py").write_text(LOOPS.format(answer=7))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("NUMBA_CACHE_DIR", raising=False)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield folder
    for name in ("made", "made.loops"):
        sys.modules.pop(name, None)


def used() -> str:
    return subprocess.run(
        [sys.executable, "-c", USE], capture_output=True, check=True, text=True
    ).stdout.strip()


def test_the_second_process_needs_no_numba(package: Path) -> None:
    assert used() == "False 7 [0.0, 2.5, 5.0] True"
    assert used() == "True 7 [0.0, 2.5, 5.0] False"
    assert len(list(package.glob("__pycache__/*.code"))) == 1
    (package / "loops.py").write_text(LOOPS.format(answer=11))
    assert used() == "False 11 [0.0, 2.5, 5.0] True"
    assert used() == "True 11 [0.0, 2.5, 5.0] False"


@pytest.mark.parametrize("damage", [b"", b"{}", b"x" * 100, None])
def test_damaged_code_is_made_anew(package: Path, damage: bytes | None) -> None:
    used()
    (kept,) = package.glob("__pycache__/*.code")
    content = bytearray(kept.read_bytes())
    content[-50] ^= 1
    kept.write_bytes(content if damage is None else damage)
    assert used() == "False 7 [0.0, 2.5, 5.0] True"
    assert used() == "True 7 [0.0, 2.5, 5.0] False"


def test_what_cannot_be_kept_beside_the_source_is_kept_in_the_cache(package: Path) -> None:
    (package / "__pycache__").write_text("a file where a folder should be")
    assert used() == "False 7 [0.0, 2.5, 5.0] True"
    assert used() == "True 7 [0.0, 2.5, 5.0] False"
    assert len(list(package.parent.glob("cache/mind-toolkit/*.code"))) == 1


def test_arguments_of_other_types_are_refused(package: Path) -> None:
    scaled = Library("made", TYPES).function("loops.scaled")
    out = np.zeros(3)
    assert scaled(np.ones(3), 2.0, out) == 7
    for wrong in (np.ones(3, np.float32), np.ones((3, 1)), np.ones(6)[::2]):
        with pytest.raises(TypeError, match=r"loops.scaled takes f8\[\] f8 f8\[\]"):
            scaled(wrong, 2.0, out)
    with pytest.raises(ValueError, match="shorter"):
        scaled(out, 2.0)


@pytest.mark.parametrize("name", ["allocates", "answers_a_float"])
def test_a_loop_that_needs_more_than_itself_is_refused(package: Path, name: str) -> None:
    with pytest.raises(Exception, match="NRT|needs|whole number"):
        Library("made", {f"loops.{name}": "f8[]"}).function(f"loops.{name}")(np.ones(3))
