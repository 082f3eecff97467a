"""Instructions as token ids, with the places where a score counts."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from mind_core import Record
from mind_core.errors import UsageError

if TYPE_CHECKING:
    from mind_tok import Tokenizer
    from mind_train import Checkpoint

SCOPES = ("answer", "all")


@lru_cache(maxsize=2)
def checkpoint_of(model: str, device: str) -> Checkpoint:
    """Load a checkpoint once for all scorers; raise `UsageError` if none was named."""
    from mind_train import load_checkpoint

    _named(model)
    return load_checkpoint(model, device)


def check_model(model: str) -> None:
    """Raise `MindError` if no model was named, or there is no sound checkpoint; load nothing."""
    from mind_train.checkpoint import find_checkpoint

    _named(model)
    find_checkpoint(Path(model))


def _named(model: str) -> None:
    if not model:
        raise UsageError("no model was named", hint="--model takes a mind-train run or checkpoint")


def choose_device(name: str) -> str:
    """Return the device of a name; `auto` is a GPU if there is one, else the CPU.

    Raises `UsageError` for a name that is no device, or one that is not here.
    """
    import torch

    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(name)
    except RuntimeError:
        raise UsageError(
            f"--device {name!r} is no device", hint="auto, cpu, cuda or cuda:1"
        ) from None
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise UsageError(
            f"--device {name}: torch sees {torch.cuda.device_count()} GPUs here",
            hint="--device cpu, or install a CUDA build of torch",
        )
    return name


def describe_device(name: str) -> str:
    """Name a device for people: the GPU's model, or the number of threads."""
    import torch

    if torch.device(name).type == "cuda":
        return f"{name} ({torch.cuda.get_device_name(name)}), float32"
    return f"{name} with {torch.get_num_threads()} threads, float32"


def check_scope(scope: str) -> None:
    """Refuse a scope that is not known, before a model is loaded."""
    if scope not in SCOPES:
        raise ValueError(f"scope is one of {', '.join(SCOPES)}, not {scope!r}")


def encoded(tokenizer: Tokenizer, record: Record, scope: str) -> tuple[list[int], list[int]]:
    """Return ids after an end token, and their mask: answers with their ends, or everything.

    The chat format is `mind_tok.chat`'s, the same that fine-tuning will use. Shapes: (T,) both.
    """
    from mind_tok.chat import encode_chat

    ids, mask = encode_chat(tokenizer, record["messages"])
    if scope == "all":
        mask = [1] * len(ids)
    return [tokenizer.end_id, *ids], [0, *mask]


def answers_of(messages: Sequence[dict[str, str]]) -> str:
    """Join the answers of a conversation."""
    return "\n".join(m["content"] for m in messages if m["role"] == "assistant")


def languages_of(records: Sequence[Record]) -> list[str]:
    """Tell the language of each record's answers; of the whole where answers have no letters."""
    from mind_core.languages import language_of, language_of_text

    found = []
    for record in records:
        language = language_of_text(answers_of(record["messages"]))
        if language == "und":
            language = language_of_text("\n".join(m["content"] for m in record["messages"]))
        found.append(language_of(record) if language == "und" else language)
    return found
