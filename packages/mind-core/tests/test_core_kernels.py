"""Packed texts come back."""

from __future__ import annotations

from mind_core.kernels.packed import pack


def test_packed_texts_come_back() -> None:
    texts = ["", "abc", "中文", "\ud800", "😀", ""]
    packed = pack(texts)
    found = [
        packed.data[start:end].tobytes().decode("utf-8", "surrogatepass")
        for start, end in zip(packed.offsets[:-1], packed.offsets[1:], strict=True)
    ]
    assert found == texts
    assert len(pack([]).data) == 0 and pack([]).offsets.tolist() == [0]
