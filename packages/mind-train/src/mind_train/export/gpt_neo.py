"""GPT-Neo's weights under Hugging Face's names, both ways; q, k and v are one matrix here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from mind_core import MindError
from mind_train.models.gpt_neo import GPTNeoConfig

MODEL_TYPES = ("gpt_neo",)
OUTER = {
    "embedding.weight": "transformer.wte.weight",
    "positions.weight": "transformer.wpe.weight",
    "norm.weight": "transformer.ln_f.weight",
    "norm.bias": "transformer.ln_f.bias",
}
INNER = {
    "attention_norm.weight": "ln_1.weight",
    "attention_norm.bias": "ln_1.bias",
    "o.weight": "attn.attention.out_proj.weight",
    "o.bias": "attn.attention.out_proj.bias",
    "ffn_norm.weight": "ln_2.weight",
    "ffn_norm.bias": "ln_2.bias",
    "up.weight": "mlp.c_fc.weight",
    "up.bias": "mlp.c_fc.bias",
    "down.weight": "mlp.c_proj.weight",
    "down.bias": "mlp.c_proj.bias",
}
QKV = tuple(f"attn.attention.{name}_proj.weight" for name in "qkv")


def to_hugging_face(config: GPTNeoConfig, weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Rename our tensors to theirs; the tied head is not written."""
    theirs = {name: weights[ours] for ours, name in OUTER.items()}
    for layer in range(config.layers):
        ours, at = f"blocks.{layer}.", f"transformer.h.{layer}."
        theirs |= {at + name: weights[ours + mine] for mine, name in INNER.items()}
        parts = weights[f"{ours}qkv.weight"].chunk(3)
        theirs |= {at + name: part for name, part in zip(QKV, parts, strict=True)}
    return {name: tensor.contiguous() for name, tensor in theirs.items()}


def from_hugging_face(config: GPTNeoConfig, weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Rename their tensors to ours, in fp32; raise MindError for what is missing or left over."""
    left = {
        # Older files, and those of the bare model, leave the prefix out.
        name if name.startswith(("transformer.", "lm_head.")) else f"transformer.{name}": tensor
        for name, tensor in weights.items()
    }
    head = left.pop("lm_head.weight", None)
    if head is not None and not torch.equal(head, left.get("transformer.wte.weight", head)):
        raise MindError(
            "the head is not tied to the embedding", hint="an untied GPT-Neo cannot be read"
        )
    for name in [n for n in left if n.endswith((".attention.bias", ".masked_bias"))]:
        del left[name]  # old releases saved their masks

    def take(name: str) -> Tensor:
        if name not in left:
            raise MindError(f"the weights have no {name}", hint="the folder may be incomplete")
        return left.pop(name).float()

    ours = {mine: take(name) for mine, name in OUTER.items()}
    for layer in range(config.layers):
        mine, at = f"blocks.{layer}.", f"transformer.h.{layer}."
        ours |= {mine + name: take(at + theirs) for name, theirs in INNER.items()}
        ours[f"{mine}qkv.weight"] = torch.cat([take(at + name) for name in QKV])
    if left:
        raise MindError(
            f"the weights hold {sorted(left)[0]}, which this architecture has not",
            hint="only GPT-Neo as it ships can be read",
        )
    return ours


def describe(config: GPTNeoConfig) -> dict[str, Any]:
    """Give the config.json that transformers' GPTNeoForCausalLM reads."""
    return {
        "architectures": ["GPTNeoForCausalLM"],
        "model_type": "gpt_neo",
        "vocab_size": config.vocab,
        "hidden_size": config.dim,
        "num_layers": config.layers,
        "num_heads": config.heads,
        "intermediate_size": config.ffn_dim,
        "max_position_embeddings": config.context,
        "window_size": config.window,
        # Pairs of layers, and one more global layer where their number is odd.
        "attention_types": [[["global", "local"], config.layers // 2]]
        + ([[["global"], 1]] if config.layers % 2 else []),
        "activation_function": "gelu_new",
        "layer_norm_epsilon": config.eps,
        "resid_dropout": 0.0,
        "embed_dropout": 0.0,
        "attention_dropout": 0.0,
        "tie_word_embeddings": True,
    }


def read_config(theirs: Mapping[str, Any]) -> GPTNeoConfig:
    """Read their config.json; raise MindError for a variant that differs in more than size."""
    layers = int(theirs["num_layers"])
    # [[["global", "local"], 12]] stands for 24 layers in turn.
    kinds = [k for kinds, times in theirs["attention_types"] for _ in range(times) for k in kinds]
    if kinds != ["local" if i % 2 else "global" for i in range(layers)]:
        raise MindError(
            f"its layers attend {', '.join(kinds[:4])} …, not global and local in turn",
            hint="only GPT-Neo's usual pattern can be read",
        )
    if theirs.get("activation_function", "gelu_new") != "gelu_new":
        raise MindError(f"its activation is {theirs['activation_function']}, not gelu_new")
    dim = int(theirs["hidden_size"])
    return GPTNeoConfig(
        vocab=int(theirs["vocab_size"]),
        dim=dim,
        layers=layers,
        heads=int(theirs["num_heads"]),
        ffn_dim=int(theirs.get("intermediate_size") or 4 * dim),
        context=int(theirs["max_position_embeddings"]),
        window=int(theirs.get("window_size", 256)),
        eps=float(theirs.get("layer_norm_epsilon", 1e-5)),
    )
