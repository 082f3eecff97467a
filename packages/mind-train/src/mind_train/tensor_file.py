"""safetensors files written and read one tensor at a time.

The package's own ``save_file`` copies every tensor before it writes the first, and ``load_file``
holds all that it reads; for a model of which each rank has a part that is the whole of it, three
times over with Adam's moments. Here a sharded tensor is gathered, written and let go, so that no
rank ever holds more than its part and one tensor. The bytes are those of ``save_file``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import orjson
import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from mind_core import MindError
from mind_train.finite import require_finite

# Names and the order of the format: wide types first, so that each tensor is aligned.
KINDS = {
    torch.float32: "F32", torch.float64: "F64", torch.bfloat16: "BF16", torch.float16: "F16",
    torch.int64: "I64", torch.int32: "I32", torch.int16: "I16", torch.int8: "I8",
    torch.uint8: "U8", torch.bool: "BOOL",
}  # fmt: skip
ORDER = ("I64", "F64", "F32", "I32", "BF16", "F16", "I16", "I8", "U8", "BOOL")
SOUND = "the run overflowed, its last checkpoint is sound: lower optimizer.lr in a new run"


_ANY_SIZE = 1 << 20
"""A number in a config that is no danger, whatever the weights."""


def check_sizes(fields: object, files: Sequence[Path], where: Path) -> None:
    """Refuse a config that describes more than its weights hold, before anything is allocated.

    `files` are its safetensors. Layers have a tensor each at least, all else an entry.
    """
    if not isinstance(fields, Mapping):
        raise MindError(f"{where} describes no model", hint="fetch the folder again")
    # Every size of a model is at most its bytes, as each of its entries takes one at least.
    tensors, max_bytes = 0, _ANY_SIZE
    for path in files:
        max_bytes = max(max_bytes, path.stat().st_size)
        with open_tensors(path) as file:
            tensors += len(list(file.keys()))
    waiting = list(fields.items())
    while waiting:
        name, value = waiting.pop()
        if isinstance(value, Mapping):  # of a model of several parts
            waiting += value.items()
        elif isinstance(value, list):
            waiting += [(name, one) for one in value]
        # A width of a billion would be allotted before the first missing tensor is noticed.
        elif isinstance(value, int) and value > (tensors if _is_of_layers(name) else max_bytes):
            raise MindError(
                f"{where}: {name} is {value:,}",
                cause=f"its weights have {tensors:,} tensors in {max_bytes:,} bytes",
                hint="it does not belong to these weights, or is damaged",
            )


def _is_of_layers(name: object) -> bool:
    if name == "max_window_layers":  # of Qwen2, of which a small model has fewer
        return False
    return "layer" in str(name) or name == "attention_types"  # GPT-Neo's list of kinds and times


def whole(tensor: Tensor) -> Tensor:
    """Give a tensor on the CPU; of a sharded one all of it, for which every rank has to call."""
    full = getattr(tensor, "full_tensor", None)
    gathered: Tensor = tensor.detach() if full is None else full().detach()
    return gathered.cpu().contiguous()


def write_tensors(path: Path | None, tensors: Mapping[str, Tensor]) -> None:
    """Write tensors as one safetensors file; a rank with ``path`` None only helps to gather.

    Raises MindError for one that is not finite: what is kept must be fit to go on from.
    """
    # Before anything is gathered: all ranks see the same types, and stop together.
    if odd := [name for name, tensor in tensors.items() if tensor.dtype not in KINDS]:
        raise MindError(
            f"{odd[0]} is of type {tensors[odd[0]].dtype}, which a checkpoint cannot hold",
            hint="the types are " + ", ".join(str(kind) for kind in KINDS),
        )
    # The order of safetensors' own writer: the same tensors give the same bytes, by whichever of
    # the two.
    names = sorted(tensors, key=lambda name: (ORDER.index(KINDS[tensors[name].dtype]), name))
    # Gathering is a collective call: a rank that left it out would leave the others waiting.
    if path is None:
        for name in names:
            whole(tensors[name])
        return
    with path.open("wb") as file:
        # Shapes and types say where each tensor will lie, so the header is written before any is
        # gathered.
        head = header({name: tensors[name] for name in names})
        file.write(len(head).to_bytes(8, "little") + head)
        for name in names:
            tensor = whole(tensors[name])
            require_finite(tensor, f"{name}, to be written to {path.name},", SOUND)
            # As bytes: NumPy has no bfloat16.
            file.write(tensor.reshape(-1).view(torch.uint8).numpy().data)


def header(tensors: Mapping[str, Tensor]) -> bytes:
    """Describe tensors in the order of their data: type, shape, offsets; padded to 8 bytes."""
    described: dict[str, Any] = {}
    begin = 0
    for name, tensor in tensors.items():
        end = begin + tensor.numel() * tensor.element_size()
        described[name] = {
            "dtype": KINDS[tensor.dtype],
            "shape": list(tensor.shape),
            "data_offsets": [begin, end],
        }
        begin = end
    head = orjson.dumps(described)
    # Blanks are allowed behind the JSON; data that begins at a multiple of 8 can be mapped as it
    # is.
    return head + b" " * (-len(head) % 8)


@contextmanager
def open_tensors(path: Path) -> Iterator[Any]:
    """Open a safetensors file: ``keys()``, and ``get_tensor(name)`` one at a time.

    Raises MindError for what is none, or breaks off.
    """
    try:
        with safe_open(path, framework="pt") as file:
            yield file
    except (SafetensorError, OSError, MemoryError) as error:
        raise MindError(f"{path} cannot be read", cause=error, hint="it may be damaged") from error
