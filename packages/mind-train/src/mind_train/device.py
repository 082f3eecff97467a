"""Where to compute and in which type: the GPU if there is one, fp32 on a plain processor."""

from __future__ import annotations

import re
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

import torch

from mind_core import MindError
from mind_train.distributed import planned_group
from mind_train.vector_math import settle_vector_functions

# Dense bf16 TFLOP/s from the makers' data sheets; the first whole word in a device's name counts.
PEAKS = (
    ("H100 PCIe", 756.0), ("H100 NVL", 835.0), ("H100", 989.4), ("H200", 989.4), ("H800", 989.4),
    ("GH200", 989.4), ("B200", 2250.0), ("A100", 312.0), ("A800", 312.0), ("A10G", 70.0),
    ("A10", 125.0), ("L40S", 362.05), ("L40", 181.05), ("L4", 121.0), ("RTX 4090", 165.2),
    ("RTX 3090", 71.0),
)  # fmt: skip
# Of GPUs without bf16, in float16:
HALF_PEAKS = (("V100S", 130.0), ("V100 PCIe", 112.0), ("V100", 125.0), ("T4", 65.0))
DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}
OTHERS = {
    "mps": "Apple's GPUs have no float64, in which a step's sums are taken",
    "npu": "Ascend's need torch_npu, with which this was never run",
    "xpu": "Intel's GPUs are known to torch, but this was never run on one",
    "hip": "AMD's GPUs are called cuda in a ROCm build of torch",
    "rocm": "AMD's GPUs are called cuda in a ROCm build of torch",
}
"""Devices that people ask for, and why they are none here."""

CPU_TOKENS = 512  # in a micro-batch; with more, memory grows and speed does not


@dataclass(frozen=True)
class DeviceConfig:
    """A device, and the type that matrix products are computed in; weights stay fp32."""

    device: torch.device
    dtype: torch.dtype

    def precision(self) -> AbstractContextManager[object]:
        """Enter autocast where the compute type is not fp32."""
        if self.dtype == torch.float32:
            return nullcontext()
        return torch.autocast(self.device.type, dtype=self.dtype)

    def peak(self) -> float | None:
        """Give the data sheet's FLOP/s of this device in this type; None where it is not known."""
        if self.device.type != "cuda" or self.dtype == torch.float32:
            return None
        return table_peak(torch.cuda.get_device_name(self.device), self.dtype)

    def advice(self) -> str:
        """Tell of a faster type that was not asked for; "" where there is none."""
        if self.device.type != "cuda" or self.dtype != torch.float32:
            return ""
        if torch.cuda.is_bf16_supported(including_emulation=False):
            return ""
        return (
            "this GPU has no bfloat16: --set train.dtype=float16, with loss scaling, is usually "
            "several times as fast as float32"
        )

    def describe(self) -> str:
        """Name the device and the type for people."""
        name = (
            torch.cuda.get_device_name(self.device)
            if self.device.type == "cuda"
            else f"{self.device.type} with {torch.get_num_threads()} threads"
        )
        return f"{name}, {str(self.dtype).removeprefix('torch.')}"


def table_peak(name: str, dtype: torch.dtype = torch.bfloat16) -> float | None:
    """Look up a device's dense FLOP/s in a half type by its name."""
    table = (*PEAKS, *HALF_PEAKS) if dtype == torch.float16 else PEAKS
    for part, peak in table:
        # As a whole word: "A100" is not in "GA100", nor "L4" in "L40S".
        if re.search(rf"(?<![A-Za-z0-9]){part}(?![A-Za-z0-9])", name):
            return peak * 1e12
    return None


def choose_device(
    device: str = "auto", dtype: str = "auto", option: str = "train.device"
) -> DeviceConfig:
    """Choose the device and the compute type; refuse what the hardware does not have.

    ``option`` is how a user would name the device: a key of a recipe, or an option.
    """
    settle_vector_functions()
    cpu = f"--set {option}=cpu" if "." in option else f"{option} cpu"
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    if device == "cuda" and torch.cuda.is_available():
        # Each process of a node takes the GPU of its local number.
        device = f"cuda:{planned_group().local}"
    where = _device(device, option, cpu)
    if where.type == "cuda" and (where.index or 0) >= torch.cuda.device_count():
        count = torch.cuda.device_count()
        raise MindError(
            f"{option} {device!r}: torch sees {f'{count} GPUs' if count else 'no GPU'} here",
            hint=f"{cpu}, or " + ("a lower number" if count else "install a CUDA build of torch"),
        )
    if dtype == "auto":
        # Emulated bfloat16 is slower than fp32.
        fast = where.type == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False)
        dtype = "bfloat16" if fast else "float32"
    if dtype not in DTYPES:
        raise MindError(
            f"train.dtype {dtype!r} is not known", hint="auto, float32, bfloat16 or float16"
        )
    if dtype == "float16" and where.type == "cpu":
        raise MindError(
            "train.dtype float16 is for GPUs without bfloat16 (T4, V100)",
            hint="--set train.dtype=float32, or bfloat16 where the processor has it",
        )
    if dtype == "bfloat16" and where.type == "cpu" and not cpu_has_bf16():
        raise MindError(
            "train.dtype bfloat16: this processor has no bf16 instructions",
            cause="torch would emulate them, about 18 times slower than float32",
            hint="--set train.dtype=float32",
        )
    return DeviceConfig(where, DTYPES[dtype])


def _device(device: str, option: str, cpu: str) -> torch.device:
    """Give the device of a name; raise MindError, with what works, for one not supported."""
    kind = device.partition(":")[0]
    works = f"{cpu} works everywhere; NVIDIA's GPUs, and AMD's with a ROCm build of torch, are cuda"
    if kind in OTHERS:
        raise MindError(
            f"{option} {device!r}: this kind of device is not supported",
            cause=OTHERS[kind],
            hint=works,
        )
    try:
        where = torch.device(device)
    except RuntimeError as error:
        raise MindError(
            f"{option} {device!r} is no device", cause=error, hint="auto, cpu, cuda or cuda:1"
        ) from None
    if where.type not in ("cpu", "cuda"):
        raise MindError(f"{option} {device!r}: this kind of device is not supported", hint=works)
    return where


def cpu_has_bf16() -> bool:
    """Tell whether the processor multiplies bf16 in hardware (AVX512-BF16 or AMX)."""
    # A torch without the probe: `bool()` is False.
    probes = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
    return any(bool(getattr(torch.cpu, probe, bool)()) for probe in probes)


def micro_batch(wanted: int, sequence: int, machine: DeviceConfig) -> int:
    """Choose the rows that go through the model at once; ``wanted`` 0 leaves the choice here."""
    if wanted:
        return wanted
    # On a GPU all rows of a step at once: more than any batch has.
    return max(1, CPU_TOKENS // sequence) if machine.device.type == "cpu" else 1 << 30
