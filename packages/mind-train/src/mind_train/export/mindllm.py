"""MindLLM for transformers: our own names, and a modelling file that travels with the weights."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import resources
from typing import Any

import torch
from torch import Tensor

from mind_core import MindError
from mind_train.models.mindllm import MindLLMConfig

MODEL_TYPES = ("mindllm",)
MODULE = "modeling_mindllm"
BASE = "model."


def to_hugging_face(config: MindLLMConfig, weights: Mapping[str, Tensor]) -> dict[str, Tensor]:  # noqa: ARG001
    """Give the tensors as they are, inside the `model` of the modelling file; the tied head is not
    written.
    """
    return {f"{BASE}{name}": tensor for name, tensor in weights.items()}


def from_hugging_face(config: MindLLMConfig, weights: Mapping[str, Tensor]) -> dict[str, Tensor]:  # noqa: ARG001
    """Give the tensors under our names, in fp32; those of earlier exports are so named already.

    Raises MindError for a head that is not the embedding.
    """
    ours = {name.removeprefix(BASE): tensor.float() for name, tensor in weights.items()}
    head = ours.pop("lm_head.weight", None)
    if head is not None and not torch.equal(head, ours.get("embedding.weight", head)):
        raise MindError(
            "the head is not tied to the embedding", hint="an untied mindllm cannot be read"
        )
    return ours


def describe(config: MindLLMConfig) -> dict[str, Any]:
    """Give the config.json; α is written as a number, whatever formula it came from."""
    return {
        "architectures": ["MindLLMForCausalLM"],
        "model_type": "mindllm",
        "auto_map": {
            "AutoConfig": f"{MODULE}.MindLLMConfig",
            "AutoModel": f"{MODULE}.MindLLMModel",
            "AutoModelForCausalLM": f"{MODULE}.MindLLMForCausalLM",
        },
        "vocab_size": config.vocab,
        "hidden_size": config.dim,
        "num_hidden_layers": config.layers,
        "num_attention_heads": config.heads,
        "intermediate_size": config.ffn_dim,
        "max_position_embeddings": config.context,
        "alpha": config.deepnorm[0],
        "beta": config.deepnorm[1],
        "rope_base": config.rope_base,
        "rms_norm_eps": config.eps,
        "gelu": config.gelu,
        "tie_word_embeddings": True,
    }


def read_config(theirs: Mapping[str, Any]) -> MindLLMConfig:
    """Read the config.json that ``describe`` wrote."""
    return MindLLMConfig(
        vocab=int(theirs["vocab_size"]),
        dim=int(theirs["hidden_size"]),
        layers=int(theirs["num_hidden_layers"]),
        heads=int(theirs["num_attention_heads"]),
        ffn_dim=int(theirs["intermediate_size"]),
        context=int(theirs["max_position_embeddings"]),
        alpha=float(theirs["alpha"]),
        beta=float(theirs["beta"]),
        rope_base=float(theirs["rope_base"]),
        eps=float(theirs["rms_norm_eps"]),
        gelu=theirs["gelu"],
    )


def texts(config: MindLLMConfig) -> dict[str, str]:  # noqa: ARG001
    """Give the modelling file, which goes beside the weights."""
    return {f"{MODULE}.py": modelling_file()}


def modelling_file() -> str:
    """Give the source of the modelling file."""
    return resources.files("mind_train.export").joinpath(f"{MODULE}.txt").read_text("utf-8")
