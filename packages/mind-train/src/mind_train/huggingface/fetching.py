"""Refuse Hugging Face folders that have transformers fetch something, or run code of others."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mind_core import MindError

ADAPTER = "adapter_config.json"
IMPLEMENTATION = "_implementation"


def refuse_fetching(folder: Path, fields: Any) -> None:
    """Raise `MindError` for a folder that names a kernel or a model of the hub.

    `fields` is its config.json. transformers loads a kernel, which is compiled code, by a name in
    `attn_implementation` (with the package `kernels`), and an adapter's base model by the name in
    `adapter_config.json` (with the package `peft`), without a question.
    """
    if (folder / ADAPTER).exists():
        raise MindError(
            f"{folder} holds an adapter",
            cause=f"{ADAPTER} names another model, which would be loaded in the place of this one",
            hint="merge it first (merge_and_unload), and save the whole model",
        )
    waiting = [fields]
    while waiting:
        one = waiting.pop()
        if isinstance(one, list):
            waiting += one
        if not isinstance(one, Mapping):
            continue
        for name, value in one.items():
            waiting.append(value)
            if IMPLEMENTATION in str(name) and "/" in str(value):
                raise MindError(
                    f"{folder} names compiled code of the hub in config.json, which is not run",
                    cause=f"{str(name)[:80]} is {str(value)[:80]!r}",
                    hint=f"take {str(name)[:80]} out of config.json if you trust the rest",
                )
