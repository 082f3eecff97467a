"""The `plan` verb: what a run would be, without running it: parameters, FLOPs, tokens, memory.

The model is made on the meta device, so 3 billion parameters cost nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from mind_core.plugins import Plugins
from mind_core.recipe import Recipe
from mind_train.config import model_config, settings
from mind_train.data import Shards
from mind_train.models.language_model import LanguageModel
from mind_train.pipeline import row_length
from mind_train.text_rows import TextRows

BYTES_PER_PARAMETER = 16  # fp32 weight, gradient and Adam's two moments


@dataclass(frozen=True)
class Flops:
    """Training FLOPs per token (forward and backward), by convention.

    ``weights`` is 6 · (body matrices + head): the head always counts, the lookup never.
    ``causal`` adds attention over the keys that a query sees, ``full`` over the whole row.
    """

    weights: float
    causal: float
    full: float


def flops(model: LanguageModel, sequence: int) -> Flops:
    """Count training FLOPs per token: 6 per weight, and 12 · D per key a query attends to."""
    groups = model.groups()
    body = sum(n for name, n in groups.items() if name not in ("embedding", "positions", "norm"))
    weights = 6.0 * (body + model.head.numel())
    width = model.head.shape[1]
    keys = model.keys_seen(sequence)
    causal = weights + 12.0 * width * sum(keys)
    return Flops(weights, causal, weights + 12.0 * width * sequence * len(keys))


def plan(recipe: Recipe, plugins: Plugins, shards: Path | None, vocab: int) -> dict[str, Any]:
    """Work out a run; with shards also its tokens, epochs and groups."""
    resolved = settings(recipe, plugins)
    opened = Shards.open(shards, "text") if shards is not None else None
    if opened is not None:
        vocab = int(opened.tokenizer["vocab_size"])
    architecture, config = model_config(resolved.recipe, plugins, vocab)
    with torch.device("meta"):
        model = config.build()
    sequence = row_length(resolved, config)
    per_token = flops(model, sequence)
    groups = dict(model.groups())
    total = sum(groups.values())
    result: dict[str, Any] = {
        "architecture": architecture,
        "vocab": config.vocab,
        "parameters": {
            **groups,
            "total": total,
            "body": total - groups.get("embedding", 0) - groups.get("positions", 0),
        },
        "flops_per_token": {
            "weights": per_token.weights,
            "with_causal_attention": per_token.causal,
            "with_full_attention": per_token.full,
        },
        "state_bytes": total * BYTES_PER_PARAMETER,
        "sequence": sequence,
        "tokens_per_step": resolved.train.batch * sequence,
    }
    if opened is not None:
        rows = TextRows(opened.train(), sequence)
        steps = resolved.train.total(len(rows))
        tokens = steps * resolved.train.batch * sequence
        counts = opened.manifest["counts"]["train"]
        result["data"] = {
            "tokens": rows.tokens,
            "epochs": steps * resolved.train.batch / len(rows),
            "groups": {
                f"{source}/{language}": {
                    "tokens": numbers["tokens"],
                    "share": numbers["tokens"] / rows.tokens,
                }
                for source, languages in sorted(counts.items())
                for language, numbers in sorted(languages.items())
            },
        }
    else:
        steps = resolved.train.steps
        tokens = steps * resolved.train.batch * sequence
    if steps:
        result |= {"steps": steps, "tokens": tokens, "flops": tokens * per_token.causal}
    return result


def as_text(result: dict[str, Any]) -> str:
    """Lay a plan out for people."""
    parameters = result["parameters"]
    lines = [f"{result['architecture']}, vocabulary {result['vocab']:,}", "parameters"]
    lines += [f"  {name:<12} {number:>16,}" for name, number in parameters.items()]
    lines.append(f"training FLOPs per token at {result['sequence']:,} tokens a row")
    lines += [f"  {n:<24} {v:>10.3e}" for n, v in result["flops_per_token"].items()]
    lines.append(
        f"memory for weights, gradients and Adam in fp32: {result['state_bytes'] / 2**30:,.2f} GiB "
        "(activations come on top)"
    )
    if "steps" in result:
        lines.append(
            f"{result['steps']:,} steps × {result['tokens_per_step']:,} tokens = "
            f"{result['tokens']:,} tokens, {result['flops']:.3e} FLOPs with causal attention"
        )
    if data := result.get("data"):
        lines.append(f"data: {data['tokens']:,} tokens, {data['epochs']:.2f} epochs")
        lines += [
            f"  {name:<32} {group['tokens']:>14,} tokens {group['share']:>7.1%}"
            for name, group in data["groups"].items()
        ]
    return "\n".join(lines) + "\n"
