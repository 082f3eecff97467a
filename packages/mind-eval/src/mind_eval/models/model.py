"""A model with its tokenizer, from whatever `--model` names."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import torch

from mind_core import MindError
from mind_core.errors import UsageError
from mind_core.files import read_json
from mind_eval.models.chat_formats import ChatFormat, format_of
from mind_eval.models.mind_network import MindNetwork
from mind_eval.models.network import Network
from mind_train.vector_math import settle_vector_functions

if TYPE_CHECKING:
    from mind_train import Checkpoint

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


class TextTokenizer(Protocol):
    """What mind-tok's tokenizers and those of a Hugging Face folder have in common."""

    @property
    def end_id(self) -> int: ...
    @property
    def sha256(self) -> str: ...
    @property
    def vocab_size(self) -> int: ...
    def encode(self, text: str) -> list[int]: ...
    def encode_batch(self, texts: Sequence[str]) -> list[list[int]]: ...
    def decode(self, ids: Sequence[int]) -> str: ...


@dataclass(frozen=True)
class Model:
    """A causal model that can be scored: `fingerprint` identifies its weights."""

    named: str
    network: Network
    tokenizer: TextTokenizer
    context: int
    fingerprint: str
    dtype: str = "float32"
    about: dict[str, Any] = field(default_factory=dict)
    device: str = "cpu"
    stops: frozenset[int] = frozenset()
    chat: ChatFormat | None = None
    """None for a model that has no form of conversations."""

    @property
    def start_id(self) -> int:
        """Give the token that stands before a text: the tokenizer's first one, else its end."""
        # A vocabulary without a first token marks borders of documents by its end token alone.
        return int(getattr(self.tokenizer, "start_id", self.tokenizer.end_id))

    @property
    def stop_ids(self) -> frozenset[int]:
        """Give the tokens that end what is written."""
        return self.stops | {self.tokenizer.end_id}

    def plain_ids(self, text: str) -> list[int]:
        """Encode a text without a first token, which a tokenizer may add by itself."""
        encode = getattr(self.tokenizer, "plain", self.tokenizer.encode)
        return list(encode(text))

    def document_ids(self, text: str) -> list[int]:
        """Encode a whole text: one first token, the text, and the end token."""
        ids = self.plain_ids(text)
        # A text may spell the first token itself: one of them is enough.
        start = [] if ids[:1] == [self.start_id] else [self.start_id]
        return [*start, *ids, self.tokenizer.end_id]

    def special_id(self, text: str) -> int | None:
        """Return the special token that is written so; None if a text is no such token."""
        specials: Mapping[str, int] = getattr(self.tokenizer, "special_ids", {})
        return specials.get(text)

    def section(self) -> dict[str, Any]:
        """Describe the model for `scores.json`."""
        return {
            "named": self.named,
            "fingerprint": self.fingerprint,
            "context": self.context,
            "dtype": self.dtype,
            "tokenizer_sha256": self.tokenizer.sha256,
            "vocab_size": self.tokenizer.vocab_size,
            **self.about,
        }


def is_endpoint(name: str) -> bool:
    """Tell whether `--model` names a server."""
    return name.startswith(("http://", "https://"))


def open_model(name: str, device: str = "cpu", dtype: str = "float32") -> Model:
    """Open a mind-train run or checkpoint, or a Hugging Face folder.

    Raises `MindError` for a folder that is neither, and for a tokenizer that does not fit.
    """
    if dtype not in DTYPES:
        raise UsageError(f"there is no --dtype {dtype!r}", hint=f"known: {', '.join(DTYPES)}")
    device = usable_device(device)
    folder = Path(name)
    described = read_json(folder / "config.json") if (folder / "config.json").is_file() else {}
    if "model_type" in described:
        return _folder_model(folder, str(described["model_type"]), device, dtype)
    from mind_train import load_checkpoint

    made = mind_model(load_checkpoint(name, device), name, dtype)
    return dataclasses.replace(made, device=device)


def usable_device(name: str) -> str:
    """Return a device by its name, `cuda` as the GPU of this rank, `auto` as that or the CPU.

    Raises `UsageError` for one that is not here.
    """
    settle_vector_functions()
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(name)
    except RuntimeError:
        raise UsageError(f"--device {name!r} is no device", hint="cpu, cuda or cuda:1") from None
    if device.type != "cuda":
        return name
    count = torch.cuda.device_count()
    if not count:
        raise UsageError(
            f"--device {name}: torch sees no GPU here",
            hint="--device cpu, or install a CUDA build of torch",
        )
    # Set by `torchrun`: without it every process would take the first GPU.
    rank = int(os.environ.get("LOCAL_RANK", "0"))
    index = rank % count if device.index is None else device.index
    if index >= count:
        raise UsageError(f"--device {name}: there are {count} GPUs", hint="they count from 0")
    return f"cuda:{index}"


def device_name(device: str) -> str:
    """Name a device for people: a GPU's own name, a CPU's threads."""
    if torch.device(device).type == "cuda":
        return f"{device} ({torch.cuda.get_device_name(device)})"
    count = torch.get_num_threads()
    return f"{device} with {count} thread{'s' * (count > 1)}"


def mind_model(checkpoint: Checkpoint, name: str = "", dtype: str = "float32") -> Model:
    """Make a model of a mind-train checkpoint."""
    from mind_train.chat_prompt import end_ids

    model = checkpoint.model.to(DTYPES[dtype])
    made = Model(
        named=name or str(checkpoint.folder),
        network=MindNetwork(model),
        tokenizer=checkpoint.tokenizer,
        context=checkpoint.context,
        fingerprint=checkpoint.fingerprint,
        dtype=dtype,
        about={
            "step": checkpoint.step,
            "architecture": checkpoint.architecture,
            "parameters": sum(p.numel() for p in model.parameters()),
        },
        chat=format_of(checkpoint),
        stops=end_ids(checkpoint),
    )
    _check_fit(made)
    return made


def _folder_model(folder: Path, kind: str, device: str, dtype: str) -> Model:
    from mind_eval.models.folder_weights import fingerprint
    from mind_eval.models.huggingface import load_folder

    loaded = load_folder(folder, kind, device, DTYPES[dtype])
    made = Model(
        named=str(folder),
        network=loaded.network,
        tokenizer=loaded.tokenizer,
        context=loaded.context,
        fingerprint=fingerprint(folder),
        dtype=dtype,
        about={"step": None, "architecture": kind, "parameters": loaded.parameters},
        device=device,
        stops=loaded.stop_ids,
        chat=loaded.chat,
    )
    _check_fit(made)
    return made


def _check_fit(model: Model) -> None:
    """Refuse a tokenizer with more entries than the model has rows: its ids would mean nothing."""
    rows, entries = model.network.head.weight.shape[0], model.tokenizer.vocab_size
    if entries > rows:
        raise MindError(
            f"{model.named}: the tokenizer does not fit the checkpoint",
            cause=f"it has {entries:,} entries, the model has {rows:,}",
            hint="take the tokenizer that the model was trained with",
        )
