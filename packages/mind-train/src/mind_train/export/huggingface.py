"""A checkpoint that began as a Hugging Face folder, as such a folder again; LoRA is merged."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from torch import nn

from mind_tok.huggingface import FILE
from mind_train.checkpoint import TOKENIZER, load_weights
from mind_train.huggingface.model import HuggingFaceConfig, HuggingFaceModel, imported


def write_folder(
    checkpoint: Path, folder: Path, config: HuggingFaceConfig, dtype: torch.dtype
) -> None:
    """Write config, weights, tokenizer and the texts that the first folder had."""
    model = config.build()
    load_weights(model, checkpoint)
    if config.lora_rank:
        merge(model)
    model.tie_weights()
    model.inner.to(dtype).save_pretrained(folder)  # type: ignore[operator]
    for name, text in json.loads(config.files).items():
        (folder / name).write_text(text, "utf-8")
    (folder / FILE).write_bytes((checkpoint / TOKENIZER / FILE).read_bytes())


def merge(model: HuggingFaceModel) -> None:
    """Add the low-rank matrices to the weights beside them, and take them out."""
    layer = imported("peft.tuners.lora").LoraLayer
    found = [(name, m) for name, m in model.inner.named_modules() if isinstance(m, layer)]
    for name, module in found:
        module.merge()
        above, _, last = name.rpartition(".")
        base: nn.Module = module.get_base_layer()
        setattr(model.inner.get_submodule(above), last, base)
