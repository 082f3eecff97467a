"""The form in transformers: LlamaForCausalLM, Qwen2ForCausalLM, Qwen3ForCausalLM."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from mind_architecture_llama.config import LlamaConfig
from mind_core import MindError

MODEL_TYPES = ("llama", "qwen2", "qwen3")
CLASSES = {"llama": "LlamaForCausalLM", "qwen2": "Qwen2ForCausalLM", "qwen3": "Qwen3ForCausalLM"}
BASE = "model."
OUTER = {"embedding": "embed_tokens", "norm": "norm"}
INNER = {
    "attention_norm": "input_layernorm", "ffn_norm": "post_attention_layernorm",
    "q": "self_attn.q_proj", "k": "self_attn.k_proj", "v": "self_attn.v_proj",
    "o": "self_attn.o_proj", "q_norm": "self_attn.q_norm", "k_norm": "self_attn.k_norm",
    "gate": "mlp.gate_proj", "up": "mlp.up_proj", "down": "mlp.down_proj",
}  # fmt: skip
CONFIG = "config.json"
ONLY = "Llama, Qwen2 and Qwen3 as they ship can be read; `mind-train sft --from` takes others"


def family(config: LlamaConfig) -> str:
    """Name the family that a config is of."""
    if config.qk_norm:
        return "qwen3"
    return "qwen2" if config.qkv_bias and not config.o_bias else "llama"


def describe(config: LlamaConfig) -> dict[str, Any]:
    """Give the config.json that transformers reads, 4 and 5; what was imported says the rest."""
    kind = family(config)
    rope: dict[str, Any] = {"rope_type": config.rope_type, "rope_theta": config.rope_base}
    if config.rope_type != "default":
        rope["factor"] = config.rope_factor
    if config.rope_type == "llama3":
        rope |= {
            "low_freq_factor": config.rope_low,
            "high_freq_factor": config.rope_high,
            "original_max_position_embeddings": config.rope_original,
        }
    # What an imported config.json said beside this stays; what is told below comes after it.
    before: dict[str, Any] = json.loads(json.loads(config.files).get(CONFIG, "{}"))
    # Number type and path are those of the folder it came from; transformers makes layer_types
    # anew.
    for name in ("dtype", "torch_dtype", "_name_or_path", "layer_types"):
        before.pop(name, None)
    return before | {
        "architectures": [CLASSES[kind]],
        "model_type": kind,
        "vocab_size": config.vocab,
        "hidden_size": config.dim,
        "intermediate_size": config.ffn_dim,
        "num_hidden_layers": config.layers,
        "num_attention_heads": config.heads,
        "num_key_value_heads": config.kv,
        "head_dim": config.size,
        "hidden_act": "silu",
        "max_position_embeddings": config.context,
        "rms_norm_eps": config.eps,
        "tie_word_embeddings": config.tied,
        "attention_bias": config.o_bias,
        "rope_theta": config.rope_base,
        # transformers 4 reads rope_scaling and rope_theta, transformers 5 rope_parameters.
        "rope_scaling": None if config.rope_type == "default" else rope,
        "rope_parameters": rope,
        "initializer_range": config.std,
    }


def read_config(theirs: Mapping[str, Any]) -> LlamaConfig:
    """Read their config.json; raise MindError for a variant that differs in more than this."""
    kind = str(theirs["model_type"])
    wrong = {
        "hidden_act": theirs.get("hidden_act", "silu") != "silu",
        "mlp_bias": bool(theirs.get("mlp_bias")),
        "quantization_config": bool(theirs.get("quantization_config")),
        "use_sliding_window": bool(theirs.get("use_sliding_window")),
    }
    for name, is_wrong in wrong.items():
        if is_wrong:
            raise MindError(f"its {name} is {theirs[name]!r}", hint=ONLY)
    heads, dim = int(theirs["num_attention_heads"]), int(theirs["hidden_size"])
    bias = bool(theirs.get("attention_bias"))
    tied = theirs.get("tie_word_embeddings", False)
    return LlamaConfig(
        vocab=int(theirs["vocab_size"]),
        dim=dim,
        layers=int(theirs["num_hidden_layers"]),
        heads=heads,
        ffn_dim=int(theirs["intermediate_size"]),
        kv_heads=int(theirs.get("num_key_value_heads") or heads),
        # Qwen3's configs leave it out where it is 128, whatever dim and heads are.
        head_dim=int(theirs.get("head_dim") or (128 if kind == "qwen3" else dim // heads)),
        context=int(theirs["max_position_embeddings"]),
        tied=bool(tied),
        qkv_bias=bias or kind == "qwen2",
        o_bias=bias and kind != "qwen2",
        qk_norm=kind == "qwen3",
        eps=float(theirs.get("rms_norm_eps", 1e-6)),
        std=float(theirs.get("initializer_range", 0.02)),
        **_rope(theirs),
    )


def _rope(theirs: Mapping[str, Any]) -> dict[str, Any]:
    """Read the rotary positions, as transformers 4 or 5 writes them."""
    told: Mapping[str, Any] = theirs.get("rope_parameters") or theirs.get("rope_scaling") or {}
    kind = str(told.get("rope_type") or told.get("type") or "default")
    if kind not in ("default", "linear", "llama3") or told.get("partial_rotary_factor", 1) != 1:
        raise MindError(f"its rotary positions are {dict(told)}", hint=ONLY)
    base = told.get("rope_theta") or theirs.get("rope_theta") or 10_000.0
    found: dict[str, Any] = {"rope_base": float(base), "rope_type": kind}
    if kind != "default":
        found["rope_factor"] = float(told["factor"])
    if kind == "llama3":
        found |= {
            "rope_low": float(told["low_freq_factor"]),
            "rope_high": float(told["high_freq_factor"]),
            "rope_original": int(told["original_max_position_embeddings"]),
        }
    return found


def with_texts(config: LlamaConfig, texts: Mapping[str, str]) -> LlamaConfig:
    """Keep the texts of the folder that a model is imported from."""
    return dataclasses.replace(config, files=json.dumps(dict(texts), sort_keys=True))


def texts(config: LlamaConfig) -> dict[str, str]:
    """Give the texts of the folder that a model was imported from, which go beside the weights."""
    kept: dict[str, str] = json.loads(config.files)
    return {name: text for name, text in kept.items() if name != CONFIG}


def to_hugging_face(config: LlamaConfig, weights: Mapping[str, Tensor]) -> dict[str, Tensor]:  # noqa: ARG001
    """Rename our tensors to theirs; a tied head is not written."""
    return {_theirs(name): tensor.contiguous() for name, tensor in weights.items()}


def from_hugging_face(config: LlamaConfig, weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Rename their tensors to ours, in fp32; raise MindError for what is missing or left over."""
    left = {
        name if name.startswith((BASE, "lm_head.")) else BASE + name: tensor
        for name, tensor in weights.items()
        # Older checkpoints hold the rates of the rotary positions, which are computed here.
        if not name.endswith("rotary_emb.inv_freq")
    }
    if config.tied:
        head = left.pop("lm_head.weight", None)
        # A head that is said to be tied may be there too; if it is another one, dropping it changes
        # the model.
        if head is not None and not torch.equal(head, left[f"{BASE}embed_tokens.weight"]):
            raise MindError(
                "tie_word_embeddings is true, and the head is another matrix than the embedding",
                hint="correct config.json",
            )
    # Each layer has several. Layers without weights take no memory below, but time: 10^308 of them.
    if config.layers > len(left):
        raise MindError(
            "config.json says that there are more layers than the weights have tensors",
            hint="correct num_hidden_layers, or take the folder again",
        )
    # For its names alone, without memory.
    with torch.device("meta"):
        names = [name for name, _ in config.build().named_parameters()]
    ours: dict[str, Tensor] = {}
    for name in names:
        if (theirs := _theirs(name)) not in left:
            raise MindError(f"the weights have no {theirs}", hint="the folder may be incomplete")
        ours[name] = left.pop(theirs).float()
    if left:
        raise MindError(
            f"the weights hold {sorted(left)[0]}, which this architecture has not", hint=ONLY
        )
    return ours


def _theirs(name: str) -> str:
    """Give the name of a parameter in transformers."""
    if name == "output.weight":
        return "lm_head.weight"
    part, _, kind = name.rpartition(".")
    if not part.startswith("blocks."):
        return f"{BASE}{OUTER[part]}.{kind}"
    _, layer, inner = part.split(".")
    return f"{BASE}layers.{layer}.{INNER[inner]}.{kind}"
