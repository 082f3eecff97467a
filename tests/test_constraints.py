"""What is pinned, is pinned with hashes, and torch is the same version on both kinds of machine."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
LINE = re.compile(r"([a-z0-9-]+)==([\w.+]+) --hash=sha256:[0-9a-f]{64}")


def pins(name: str) -> dict[str, str]:
    lines = [one for one in (ROOT / name).read_text().splitlines() if not one.startswith("#")]
    found = [LINE.fullmatch(line) for line in lines]
    assert all(found), [line for line, match in zip(lines, found, strict=True) if not match]
    return {match[1]: match[2] for match in found if match}


@pytest.mark.parametrize(
    ("name", "build"), [("constraints-hashes.txt", "+cpu"), ("constraints-hashes-cuda.txt", "")]
)
def test_every_pin_has_a_hash_and_the_pinned_version(name: str, build: str) -> None:
    with_hashes = pins(name)
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    pinned = dict(line.lower().replace("_", "-").split("==") for line in lines if line[:1] != "#")
    assert with_hashes["torch"] == pinned.pop("torch") + build
    assert {one: with_hashes.get(one) for one in pinned} == pinned


def test_cuda_adds_what_torch_needs_there() -> None:
    added = pins("constraints-hashes-cuda.txt").keys() - pins("constraints-hashes.txt").keys()
    assert {"triton", "nvidia-cublas", "nvidia-cudnn-cu13", "nvidia-nccl-cu13"} <= added
    assert all(name.startswith(("nvidia-", "cuda-", "triton")) for name in added), added
