"""What a device can do: peaks by name, and null for what is in no table."""

from __future__ import annotations

import pytest
import torch

from mind_train.device import DeviceConfig, table_peak


@pytest.mark.parametrize(
    ("name", "tera"),
    [
        ("NVIDIA H100 80GB HBM3", 989.4),
        ("NVIDIA H100 PCIe", 756.0),
        ("NVIDIA H200", 989.4),
        ("NVIDIA A100-SXM4-80GB", 312.0),
        ("NVIDIA GeForce RTX 4090", 165.2),
        ("NVIDIA A10G", 70.0),
        ("NVIDIA L40", 181.05),
        ("NVIDIA GH200 480GB", 989.4),
    ],
)
def test_peaks_of_data_sheets(name: str, tera: float) -> None:
    assert table_peak(name) == pytest.approx(tera * 1e12)


def test_an_unknown_device_has_no_peak() -> None:
    assert table_peak("Somebody's New GPU") is None
    assert table_peak("NVIDIA RTX A1000") is None  # no A100
    assert DeviceConfig(torch.device("cpu"), torch.float32).peak() is None
