"""Loops are compiled when a package is built, checked, and called without numba."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

pytest.importorskip("numba")
from mind_core.errors import MindError
from mind_core.kernels.library import kernel
from mind_core.kernels.private_files import is_private
from mind_core.kernels.signatures import parse_signature

LOOPS = """
from typing import NamedTuple
import numpy as np
from made.numbers import ANSWER
from mind_core.kernels.library import kernel
from mind_core.kernels.packed import load_word

class Pair(NamedTuple):
    left: np.ndarray
    right: np.ndarray

@kernel
def times(value, factor):
    return value * factor

@kernel("i8(f8[], f8, f8[])")
def scaled(values, factor, out):
    for place in range(np.uint64(len(values))):
        out[place] = times(values[place], factor)
    return ANSWER

@kernel("void(u1[], u1[,], b1)")
def copied(values, out, turned):
    for place in range(len(values)):
        for column in range(out.shape[1]):
            out[place, column] = values[place] ^ (np.uint8(255) if turned else np.uint8(0))

@kernel("(i8, i8)(i8[])")
def ends(values):
    return (values[0], values[len(values) - 1])

@kernel("b1((i8[], u1[,]), u1)")
def holds(both, wanted):
    numbers, codes = both
    return codes[numbers[0], numbers[1]] == wanted

@kernel("i8(i8)")
def squares(count):
    made = np.arange(count)
    return (made * made).sum()

@kernel("i8((i8[], u1[]))", example=lambda: (Pair(np.ones(1, int), np.ones(8, np.uint8)),))
def word(pair: Pair):
    while pair.left[0] == 0:  # with zeros it would never end
        pass
    return load_word(pair.right, pair.left[0] - 1)
"""
USE = """
import sys
import numpy as np
from made.loops import Pair, copied, ends, holds, scaled, squares, word
from mind_core.kernels import loops_of
out, codes = np.zeros(3), np.zeros((2, 3), np.uint8)
answer = scaled(np.arange(3.0), 2.5, out)
copied(np.array([1, 2], np.uint8), codes, True)
pair = ends(np.array([7, 8, 9]))
found = [holds((np.array([1, 2]), codes), value) for value in (253, 252)]
eight = word(Pair(np.array([2]), np.arange(9, dtype=np.uint8)))
assert eight == 0x0807060504030201, eight
print(answer, out.tolist(), codes.tolist(), pair, found, squares(4), loops_of("made"),
      "numba" in sys.modules)
"""
ONE = """
import sys
import numpy as np
from made.loops import ends
print(ends(np.array([7, 8, 9])), "numba" in sys.modules)
"""  # one loop is compiled in a tenth of the time of all
RESULTS = "[0.0, 2.5, 5.0] [[254, 254, 254], [253, 253, 253]] (7, 9) [True, False] 14"


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Return the folder of a package with loops in it; the cache folder is an empty one."""
    folder = tmp_path / "made"
    folder.mkdir()
    (folder / "__init__.py").write_text("")
    (folder / "numbers.py").write_text("ANSWER = 7\n")
    (folder / "loops.py").write_text(LOOPS)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("MIND_LOOPS", raising=False)
    return folder


def python(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True, check=False, text=True, env={**os.environ, **environment},
    )  # fmt: skip


def used(**environment: str) -> str:
    done = python(USE, **environment)
    return done.stdout.strip() or done.stderr.strip().splitlines()[-1]


def build(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "mind_core.kernels.build", "made", *arguments]
    return subprocess.run(command, capture_output=True, check=False, text=True)


def test_a_library_is_built_used_without_numba_and_refused_once_its_sources_changed(
    package: Path,
) -> None:
    assert used() == f"7 {RESULTS} jit True"
    assert used(MIND_LOOPS="shipped").startswith("mind_core.errors.MindError: made has no compiled")
    done = build()
    assert done.returncode == 0, done.stderr
    library = package / "native" / "loops.so"
    assert done.stdout.strip() == str(library) and library.stat().st_size < 100_000
    assert used() == used(MIND_LOOPS="shipped") == f"7 {RESULTS} shipped False"
    assert python(ONE, MIND_LOOPS="jit").stdout == "(7, 9) True\n"
    again = package.parent / "again.so"
    assert build("-o", str(again)).returncode == 0
    assert again.read_bytes() == library.read_bytes(), "built twice, same bytes"
    # A number that a loop took in from another file is part of what it was built from.
    (package / "numbers.py").write_text("ANSWER = 11\n")
    assert used() == f"11 {RESULTS} jit True"
    assert "built from other sources" in python(USE, MIND_LOOPS="shipped").stderr
    assert build().returncode == 0
    assert used() == f"11 {RESULTS} shipped False"


def test_without_library_and_numba_one_sentence_says_what_to_do(package: Path) -> None:
    hidden = "import sys; sys.modules['numba'] = None\n"
    real = (
        "import importlib.util as u; find = u.find_spec\n"
        "u.find_spec = lambda name, *more: None if name == 'numba' else find(name, *more)\n"
    )
    done = python(real + hidden + USE)
    assert "numba is not installed" in done.stderr.splitlines()[-1]
    (package / "native").mkdir()
    (package / "native" / "why-not.txt").write_text("there was no C compiler\n")
    code = (
        real + "from mind_core.errors import MindError\nfrom made.loops import ends\n"
        "try:\n    ends(None)\nexcept MindError as error:\n    print(error.lines('x'))"
    )
    told = python(code).stdout
    assert "there was no C compiler" in told and "made[jit]" in told


@pytest.mark.parametrize("content", [b"", b"not a library", b"\x7fELF" + b"\0" * 200])
def test_what_is_no_library_is_not_loaded(package: Path, content: bytes) -> None:
    (package / "native").mkdir()
    (package / "native" / "loops.so").write_bytes(content)
    assert python(ONE).stdout == "(7, 9) True\n"
    assert "cannot be loaded" in python(ONE, MIND_LOOPS="shipped").stderr


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("import math\n\n@kernel('i8(f8[])')\ndef f(x):\n    x[0] = math.sin(x[0])\n    return 0",
         "undefined reference to `sin'"),
        ("@kernel('i8(f8[])')\ndef f(x):\n    return x[0]", "returns float64, not i8"),
        ("@kernel('i8(f8[])')\ndef f(x):\n    return x.nothing", "cannot be compiled"),
        ("@kernel('i8(i8)')\ndef f(n):\n    while n == 0:\n        pass\n    return n",
         "does not end"),
        ("@kernel\ndef f(n):\n    return n", "no loops that can be called"),
    ],
)  # fmt: skip
def test_a_loop_that_cannot_be_shipped_stops_the_build(
    package: Path, body: str, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MIND_BUILD_SECONDS", "3")
    (package / "loops.py").write_text(f"from mind_core.kernels.library import kernel\n{body}\n")
    done = build()
    assert done.returncode == 1 and words in done.stderr, done.stderr
    assert not list(package.rglob("*.so"))


def test_no_compiler_is_said(package: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.delenv("CC", raising=False)
    done = build()
    assert done.returncode == 1 and "no C compiler to link with" in done.stderr
    monkeypatch.setenv("CC", "false")


@pytest.mark.parametrize("choice", ["shipped", "jit"])
def test_arguments_of_other_types_are_refused(package: Path, choice: str) -> None:
    """The JIT would compile another version in silence."""
    if choice == "shipped":
        assert build().returncode == 0
    code = """
import numpy as np
from made.loops import ends, holds, scaled
out = np.zeros(3)
wrong = [(np.ones(3, np.float32), 2.0, out), (np.ones((3, 1)), 2.0, out),
         (np.ones(6)[::2], 2.0, out), ([1.0], 2.0, out), (out, 2.0)]
for call, arguments in [*((scaled, given) for given in wrong), (ends, (np.ones(2, np.uint8),)),
                        (holds, ((np.ones(2, int), np.ones(2, np.uint8)), 1))]:
    try:
        call(*arguments)
    except (TypeError, ValueError) as error:
        print(error)
"""
    done = python(code, MIND_LOOPS=choice)
    lines = done.stdout.splitlines()
    assert len(lines) == 7, done.stderr
    assert lines[0] == "loops.scaled takes an array f8[], not float32(3,)"
    assert "not in one piece" in lines[2] and "not list" in lines[3]
    assert "u1[,]" in lines[6]


def test_signatures() -> None:
    found = parse_signature("(i8, i8)(u1[], (i8[], f4[,]), f8, b1)")
    assert [str(a) for a in found.arguments if not isinstance(a, tuple)] == ["u1[]", "f8", "b1"]
    assert [[str(p) for p in a] for a in found.arguments if isinstance(a, tuple)] == [
        ["i8[]", "f4[,]"]
    ]
    assert parse_signature("void()").arguments == ()
    for wrong in ("f8(f8)", "i8", "i8(x)", "i8(u1[,,])", "i8(u3[])", "i8(u1[)", "(i8)(u1[])"):
        with pytest.raises(ValueError, match="no signature|no number"):
            parse_signature(wrong)


def test_what_others_do_not_find_is_named() -> None:
    @kernel("i8(i8)")
    def lonely(n: int) -> int:
        return n

    lonely.function.__module__ = "no_such_package.loops"  # type: ignore[attr-defined]
    with pytest.raises(MindError, match="no package no_such_package"):
        lonely(1)


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
    with contextlib.suppress(OSError):  # not root, or a root that knows no other user (unshare -r)
        os.chown(folder / "code", 12345, -1)
        assert not is_private(folder / "code")


CALL = """
import numpy as np
from mind_core.kernels.compiler import dispatcher_of
from made.loops import ends
assert ends(np.array([7, 8, 9])) == (7, 9)
code = dispatcher_of(ends.function, None)
print(sum(code.stats.cache_hits.values()), code._cache._cache_file._index_path)
"""


def hits() -> tuple[int, Path]:
    """Return how many loops numba took from its cache, and the index of that."""
    done = python(CALL, MIND_LOOPS="jit", NUMBA_CACHE_DIR="")
    assert done.returncode == 0, done.stderr
    number, path = done.stdout.split()
    return int(number), Path(path)


def test_numbas_own_cache_is_private_and_made_again_when_damaged(package: Path) -> None:
    """numba keeps pickles: who can write them runs what he likes."""
    number, index = hits()
    assert number == 0 and index.is_relative_to(package.parent / "cache/mind-toolkit/loops")
    assert hits() == (1, index)
    index.chmod(0o666)
    assert hits()[0] == 0, "others could have written it"
    index.chmod(0o600)
    assert hits()[0] == 1
    index.write_bytes(index.read_bytes()[:-20])
    assert hits()[0] == 0
    assert hits()[0] == 1, "made again"


@kernel("i8(i8[])")
def _first(values: npt.NDArray[np.int64]) -> int:
    return values[0]  # type: ignore[no-any-return]


def test_a_plain_loop_answers_with_pythons_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    """As a library does: callers ask an answer for its bits."""
    monkeypatch.setenv("MIND_LOOPS", "plain")
    _first.prepare()
    assert type(_first(np.array([5]))) is int
