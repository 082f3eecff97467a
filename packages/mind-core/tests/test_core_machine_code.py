"""Loops are compiled once, kept, checked, and called without numba."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("numba")
from mind_core.kernels.machine_code import Library
from mind_core.kernels.private_files import is_private

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


@pytest.mark.parametrize("place", ["file", "folder", "above"])
def test_code_that_others_could_write_is_not_run(package: Path, place: str) -> None:
    used()
    (kept,) = package.glob("__pycache__/*.code")
    at = {"file": kept, "folder": kept.parent, "above": package.parent}[place]
    at.chmod(at.stat().st_mode | 0o002)
    # Beside the source nothing is read now, nor in the cache below the same folder.
    answers = [used(), used()]
    assert answers[0] == "False 7 [0.0, 2.5, 5.0] True"
    if place != "above":  # made anew: over the file, or in the user's own folder
        assert answers[1] == "True 7 [0.0, 2.5, 5.0] False"
    else:
        assert answers[1] == answers[0]


def test_what_is_private(tmp_path: Path) -> None:
    folder = tmp_path / "own"
    folder.mkdir(mode=0o700)
    (folder / "code").write_bytes(b"")
    (folder / "code").chmod(0o600)
    assert is_private(folder / "code") and is_private(folder)
    assert not is_private(folder / "none")
    folder.chmod(0o777)
    assert not is_private(folder / "code")
    folder.chmod(0o720)
    assert not is_private(folder / "code")
    # As /tmp: others may add files, and cannot put theirs in the place of ours.
    folder.chmod(0o1777)
    assert is_private(folder / "code") and not is_private(folder)
    (folder / "link").symlink_to("/dev/null")
    assert not is_private(folder / "link")
    if os.geteuid() == 0:
        os.chown(folder / "code", 12345, -1)
        assert not is_private(folder / "code")


NUMBA = """
import sys
from mind_core.kernels.compiling import kernel
sys.path.insert(0, sys.argv[1])
import twice
twice.twice(3)
print(sum(twice.twice.stats.cache_hits.values()), twice.twice._cache.cache_path)
"""


def test_numbas_own_cache_is_private_as_well(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """numba keeps pickles: who can write them runs what he likes."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("NUMBA_CACHE_DIR", raising=False)
    folder = tmp_path / "source"
    folder.mkdir(mode=0o755)
    (folder / "twice.py").write_text(
        "from mind_core.kernels.compiling import kernel\n\n"
        "@kernel\ndef twice(n):\n    return 2 * n\n"
    )

    def hits() -> tuple[int, Path]:
        done = subprocess.run(
            [sys.executable, "-c", NUMBA, str(folder)], capture_output=True, check=True, text=True
        )
        number, path = done.stdout.split()
        return int(number), Path(path)

    assert hits() == (0, folder / "__pycache__") and hits() == (1, folder / "__pycache__")
    (folder / "__pycache__").chmod(0o777)
    assert hits()[0] == 0
    (folder / "__pycache__").chmod(0o755)
    folder.chmod(0o777)
    number, path = hits()
    assert number == 0 and path.is_relative_to(tmp_path / "cache/mind-toolkit")
    assert hits() == (1, path)
    folder.chmod(0o755)
    index = next((folder / "__pycache__").glob("*.nbi"))
    index.chmod(0o666)
    assert hits()[0] == 0


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
