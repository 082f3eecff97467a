"""Kept machine code is loaded only from files that nobody else can write, and made again else."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from mind_core.kernels import compiler


class Numba:
    """What is used of numba's own cache of one loop."""

    def __init__(self, folder: Path) -> None:
        self.cache_path = str(folder)
        self.flushed = 0
        self.saved: list[object] = []
        self.fails = False
        self._cache_file = SimpleNamespace(
            _index_path=str(folder / "loop[1].nbi"), flush=self._flush
        )

    def _flush(self) -> None:
        self.flushed += 1

    def load_overload(self, signature: object, context: object) -> object:
        if self.fails:
            raise ValueError("damaged")
        return ("code", signature, context)

    def save_overload(self, signature: object, data: object) -> None:
        self.saved.append((signature, data))


@pytest.fixture
def numba(tmp_path: Path) -> Numba:
    tmp_path.chmod(0o700)
    for name in ("loop[1].nbi", "loop[1].1.nbc", "other.nbi"):
        (tmp_path / name).write_bytes(b"x")
        (tmp_path / name).chmod(0o600)
    compiler._is_private.cache_clear()
    return Numba(tmp_path)


def test_what_only_the_owner_can_write_is_loaded_and_saved(numba: Numba) -> None:
    kept = compiler._Kept(numba)
    assert kept.load_overload(1, 2) == ("code", 1, 2)
    kept.save_overload(1, 3)
    assert (numba.saved, kept.flushed) == ([(1, 3)], 0)


@pytest.mark.parametrize("name", ["loop[1].nbi", "loop[1].1.nbc"])
def test_one_file_that_others_can_write_is_enough(name: str, numba: Numba, tmp_path: Path) -> None:
    (tmp_path / name).chmod(0o666)
    assert compiler._Kept(numba).load_overload(1, 2) is None


def test_files_of_other_loops_do_not_matter_and_the_folder_does(
    numba: Numba, tmp_path: Path
) -> None:
    (tmp_path / "other.nbi").chmod(0o666)
    assert compiler._Kept(numba).load_overload(1, 2) is not None
    tmp_path.chmod(0o777)
    compiler._is_private.cache_clear()
    kept = compiler._Kept(numba)
    assert kept.load_overload(1, 2) is None
    kept.save_overload(1, 3)
    assert numba.saved == []


def test_what_is_damaged_is_put_away(numba: Numba) -> None:
    numba.fails = True
    assert compiler._Kept(numba).load_overload(1, 2) is None
    assert numba.flushed == 1
