"""Kernels are compiled once, and packed texts come back."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from mind_core.kernels.compiling import kernel
from mind_core.kernels.packed import pack


@kernel
def weighted_sum(data: np.ndarray) -> int:
    total = np.uint64(0)
    for place in range(len(data)):
        total = total * np.uint64(31) + np.uint64(data[place])
    return total


def test_a_kernel_counts_as_python_does_and_wraps_around() -> None:
    data = np.frombuffer("中文 and English".encode() * 50, np.uint8)
    expected = 0
    for byte in data.tolist():
        expected = (expected * 31 + byte) % 2**64
    assert int(weighted_sum(data)) == expected


def test_packed_texts_come_back() -> None:
    texts = ["", "abc", "中文", "\ud800", "😀", ""]
    packed = pack(texts)
    found = [
        packed.data[start:end].tobytes().decode("utf-8", "surrogatepass")
        for start, end in zip(packed.offsets[:-1], packed.offsets[1:], strict=True)
    ]
    assert found == texts
    assert len(pack([]).data) == 0 and pack([]).offsets.tolist() == [0]


INNER = """
from mind_core.kernels.compiling import kernel
@kernel
def number():
    return {number}
"""
OUTER = """
from inner import number
from mind_core.kernels.compiling import kernel
@kernel
def twice():
    return 2 * number()
print(twice())
"""


def test_machine_code_is_made_anew_when_a_kernel_of_another_file_changed(tmp_path: Path) -> None:
    """numba by itself would print 2 both times: it looks at the caller's file only."""
    (tmp_path / "outer.py").write_text(OUTER)
    printed = []
    for number in (1, 10):
        (tmp_path / "inner.py").write_text(INNER.format(number=number))
        done = subprocess.run(
            [sys.executable, "-B", "outer.py"], cwd=tmp_path, capture_output=True, text=True,
            check=True, env={**os.environ, "NUMBA_CACHE_DIR": str(tmp_path / "kept")},
        )  # fmt: skip
        printed.append(int(done.stdout))
        assert list((tmp_path / "kept").rglob("*.nbc")), "nothing was kept"
    assert printed == [2, 20]


@pytest.mark.parametrize("damage", ["renamed", "cut"])
def test_code_kept_by_another_version_is_made_again(tmp_path: Path, damage: str) -> None:
    """numba reads its index before it looks whether it is of this version: a type that has
    another name by now ended the run."""
    (tmp_path / "shapes.py").write_text(
        "from typing import NamedTuple\nimport numpy as np\n"
        "class Pair(NamedTuple):\n    left: np.ndarray\n    right: np.ndarray\n"
    )
    (tmp_path / "loops.py").write_text(
        "from mind_core.kernels.compiling import kernel\n"
        "@kernel\ndef total(pair):\n    return pair.left[0] + pair.right[0]\n"
    )
    call = (
        "import numpy as np, {module}, loops\n"
        "print(loops.total({module}.Pair(np.ones(1), np.ones(1))))"
    )
    environment = {**os.environ, "PYTHONPATH": str(tmp_path), "NUMBA_CACHE_DIR": ""}

    def run(module: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-c", call.format(module=module)]
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)

    assert run("shapes").stdout == "2.0\n"
    (index,) = (tmp_path / "__pycache__").glob("*.nbi")
    module = "shapes"
    if damage == "renamed":
        (tmp_path / "shapes.py").rename(tmp_path / "forms.py")
        module = "forms"
    else:
        index.write_bytes(index.read_bytes()[:-20])
    done = run(module)
    assert done.stdout == "2.0\n", done.stderr
