"""Tensor files are those of the safetensors package, byte for byte, and read back as they were."""

from __future__ import annotations

import weakref
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from mind_core import MindError
from mind_train.tensor_file import KINDS, open_tensors, write_tensors


def samples() -> dict[str, torch.Tensor]:
    """One tensor of each type and some odd shapes, a view with strides among them."""
    torch.manual_seed(0)
    tensors = {f"kind.{k}": (torch.randn(3, 5) * 9).to(k) for k in KINDS}
    return tensors | {
        "scalar": torch.tensor(3.5),
        "empty": torch.zeros(0, 4),
        "turned": torch.randn(4, 6).t(),
        "层/名": torch.arange(7),
    }


def test_the_bytes_are_those_of_the_package(tmp_path: Path) -> None:
    tensors = samples()
    write_tensors(tmp_path / "ours", tensors)
    save_file({n: t.contiguous() for n, t in tensors.items()}, tmp_path / "theirs")
    assert (tmp_path / "ours").read_bytes() == (tmp_path / "theirs").read_bytes()
    loaded = load_file(tmp_path / "ours")
    with open_tensors(tmp_path / "ours") as file:
        assert set(file.keys()) == tensors.keys()
        for name, tensor in tensors.items():
            assert torch.equal(file.get_tensor(name), tensor) and torch.equal(loaded[name], tensor)


def test_a_rank_that_does_not_write_leaves_no_file(tmp_path: Path) -> None:
    write_tensors(None, samples())
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("size", [0, 7, 60, -3])
def test_a_cut_file_is_named(size: int, tmp_path: Path) -> None:
    path = tmp_path / "file"
    write_tensors(path, samples())
    path.write_bytes(path.read_bytes()[:size])
    with pytest.raises(MindError, match="cannot be read") as caught, open_tensors(path):
        pass
    assert caught.value.hint


def test_one_sharded_tensor_is_whole_at_a_time(tmp_path: Path) -> None:
    """Each is gathered when its turn comes, and let go before the next one."""
    gathered: list[weakref.ref[torch.Tensor]] = []

    class Sharded(torch.Tensor):
        def full_tensor(self) -> torch.Tensor:
            assert not any(earlier() is not None for earlier in gathered)
            full = torch.Tensor(self) + 0
            gathered.append(weakref.ref(full))
            return full

        def detach(self) -> torch.Tensor:
            return self

    parts = {f"w{i}": torch.randn(5, 3).as_subclass(Sharded) for i in range(4)}
    for path in (tmp_path / "file", None):
        gathered.clear()
        write_tensors(path, parts)
        assert len(gathered) == 4
    assert torch.equal(load_file(tmp_path / "file")["w3"], torch.Tensor(parts["w3"]))
