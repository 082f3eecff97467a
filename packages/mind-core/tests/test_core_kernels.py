"""Kernels are compiled once, and packed texts come back."""

from __future__ import annotations

import numpy as np

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
