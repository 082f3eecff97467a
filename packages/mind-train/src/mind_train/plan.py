"""The command `plan`: what a run would be, without running it: parameters, FLOPs, tokens, memory.

The model is made on the meta device, so 3 billion parameters cost nothing.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import torch

from mind_core.plugins import Plugins
from mind_core.progress import duration
from mind_core.recipe import Recipe
from mind_train import step_law
from mind_train.config import Settings, model_config, settings
from mind_train.device import CPU_TOKENS
from mind_train.flops import body_parameters, flops
from mind_train.loss import chunk_rows
from mind_train.loss_module import blocks_of
from mind_train.models.bare_model import build_bare
from mind_train.models.cpu.attention_blocks import kept_keys
from mind_train.models.language_model import LanguageModel
from mind_train.recipe_mixture import mixture_of, row_length
from mind_train.shards import Folders, Shards
from mind_train.train_options import TrainOptions

BYTES_PER_PARAMETER = 16  # fp32 weight, gradient and Adam's two moments
PROCESS = 243 << 20  # Python and torch, before a model: 2.13.0, CPU build, Linux
FRAGMENTS = 0.08  # of the rest: what the C library keeps in pieces between two micro-batches
GIB = 2**30


def plan(
    recipe: Recipe,
    plugins: Plugins,
    shards: Folders | None,
    vocab: int,
    devices: int = 1,
    rate: float = 0.0,
    reference: str | None = None,
) -> dict[str, Any]:
    """Work out a run; with shards also its tokens, epochs and groups, with a rate its duration.

    ``rate`` is tokens per second of one device, as ``mind-train bench`` measures it; of a
    ``reference`` (see ``references/runs.py``) what its runs nearest in size had.
    """
    resolved = settings(recipe, plugins)
    opened = Shards.open(shards, "text") if shards is not None else None
    if opened is not None:
        vocab = int(opened.tokenizer["vocab_size"])
    architecture, config = model_config(resolved.recipe, plugins, vocab)
    model = build_bare(config)
    sequence = row_length(resolved, config)
    per_token = flops(model, sequence)
    batch = resolved.train.batch
    result: dict[str, Any] = {
        "architecture": architecture,
        "vocab": config.vocab,
        "parameters": parameters(model),
        "flops_per_token": {
            "weights": per_token.weights,
            "with_causal_attention": per_token.causal,
            "with_full_attention": per_token.full,
            "six_times_all_parameters": per_token.six_n,
            "six_times_body": per_token.six_n_body,
        },
        "state_bytes": sum(model.groups().values()) * BYTES_PER_PARAMETER,
        "memory": memory(model, resolved, sequence, devices),
        "devices": devices,
        "device": "gpu" if plans_gpu(resolved.train, devices) else "cpu",
        "sequence": sequence,
        "tokens_per_step": batch * sequence,
    }
    steps = resolved.train.steps
    if opened is not None:
        mixture = mixture_of(resolved, opened, sequence)
        steps = mixture.steps
        result["data"] = data_of(opened, mixture.achieved(steps), sequence)
    if steps:
        # Phases may have batches of their own.
        rows = sum(phase.steps * (phase.batch or batch) for phase in resolved.phases)
        tokens = (rows or steps * batch) * sequence
        result |= {"steps": steps, "tokens": tokens, "flops": tokens * per_token.causal}
        found = step_law.advice(body_parameters(model), tokens)
        result["step_law"] = dataclasses.asdict(found)
        if rate:
            result["seconds"] = tokens / (rate * devices)
    if reference is not None:
        from mind_train.references.charts import expected

        languages = sorted({g.split("/")[1] for g in result.get("data", {}).get("groups", {})})
        result["reference"] = expected(
            result["parameters"]["body"], result.get("tokens", 0), languages, reference
        )
    return result


def parameters(model: LanguageModel) -> dict[str, int]:
    """Count parameters by group, and under each definition of a model's size."""
    groups = dict(model.groups())
    total = sum(groups.values())
    body = body_parameters(model)
    matrices = body - groups.get("norm", 0) - groups.get("head", 0)
    return {
        **groups,
        "total": total,
        "body": body,
        "body_and_head": matrices + model.head.numel(),
    }


def memory(model: LanguageModel, resolved: Settings, sequence: int, devices: int) -> dict[str, int]:
    """Estimate the bytes on one device: states, activations of a micro-batch, scores of a chunk.

    On a CPU the process itself is counted too, as its memory cannot be told apart there.
    """
    train, config = resolved.train, model.config
    on_gpu = plans_gpu(train, devices)
    split = _parts(train, devices)
    rows = train.micro_batch or (
        max(1, train.batch // devices) if on_gpu else max(1, CPU_TOKENS // sequence)
    )
    # Activations in half precision on a GPU, in fp32 on a CPU.
    width = 2 if on_gpu else 4
    sizes = {f.name: getattr(config, f.name) for f in dataclasses.fields(config)}  # type: ignore[arg-type]
    dim, inner, layers, heads = (
        int(sizes.get(n) or 0) for n in ("dim", "ffn_dim", "layers", "heads")
    )
    # What a block keeps for its backward pass: norms, q k v, what they mix, the inner layer.
    saving = train.cpu_kernels and not on_gpu  # see models/cpu/memory_saving_ops.py
    full = 8 * dim + 2 * inner if saving else 10 * dim + 4 * inner
    kept = layers * (dim if train.recompute else full)
    # Attention's probabilities, see models/cpu/attention_blocks.py:
    if saving and not train.recompute:
        kept += round(heads * sum(kept_keys(sequence, span) for span in model.spans(sequence)))
    tokens = rows * sequence
    chunk = min(chunk_rows(config.vocab, "cuda" if on_gpu else "cpu"), tokens)
    found = {
        "states": sum(model.groups().values()) * BYTES_PER_PARAMETER // split,
        "activations": tokens * kept * width,
        "head": chunk * config.vocab * 4,
        **_copies(model, train, split, on_gpu, train.batch > rows * devices),
    }
    if not (on_gpu or saving):  # gradients on their way to the table and the head (embedding.py)
        found["head"] += 2 * config.vocab * dim * 4
    if not on_gpu:
        found |= {"fragments": round(FRAGMENTS * sum(found.values())), "process": PROCESS}
    return {**found, "micro_batch_rows": rows}


NODE = 8  # GPUs of a node, where nothing says how many


def _parts(train: TrainOptions, devices: int) -> int:
    """Count the devices that hold one model together."""
    if train.parallel == "hsdp":
        return min(train.shard_ranks or NODE, devices)
    return devices if train.parallel == "fsdp" else 1


def _copies(
    model: LanguageModel, train: TrainOptions, split: int, on_gpu: bool, accumulates: bool
) -> dict[str, int]:
    """Count what half precision and FSDP hold beside the states.

    Autocast keeps a copy of every matrix through a micro-batch. FSDP gathers the weights of two
    blocks, and of what is in none; between micro-batches it keeps the whole gradient in fp32.
    """
    half = train.dtype in ("bfloat16", "float16") or (on_gpu and train.dtype == "auto")
    found: dict[str, int] = {}
    if split == 1:
        if half:
            found["copies"] = 2 * parameters(model)["body_and_head"]
        return found
    blocks = [sum(p.numel() for p in block.parameters()) for block in blocks_of(model)]
    total = sum(p.numel() for p in model.parameters())
    gathered = 4 * (total - sum(blocks)) + (2 if half else 4) * 2 * max(blocks, default=0)
    # Of the head a copy in half precision is made for its products (`loss.py`).
    found["copies"] = gathered + (2 * model.head.numel() if half else 0)
    if accumulates:
        found["gradients"] = 4 * total
    return found


def plans_gpu(train: TrainOptions, devices: int) -> bool:
    """Tell whether a run is meant for GPUs: several devices, or what the recipe says or is here."""
    if train.device == "auto":
        return devices > 1 or torch.cuda.is_available()
    return train.device.startswith("cuda")


def data_of(opened: Shards, given: dict[str, Any], sequence: int) -> dict[str, Any]:
    """Tell what the shards hold, and what the run takes of each source."""
    counts = opened.manifest["counts"]["train"]
    tokens = sum(n["tokens"] for languages in counts.values() for n in languages.values())
    return {
        "tokens": tokens,
        "epochs": sum(s["rows"] for s in given.values()) * sequence / tokens,
        "groups": {
            f"{source}/{language}": {
                "tokens": numbers["tokens"],
                "share": numbers["tokens"] / tokens,
            }
            for source, languages in sorted(counts.items())
            for language, numbers in sorted(languages.items())
        },
        "taken": {
            name: {**figures, "tokens": int(figures["rows"]) * sequence}
            for name, figures in given.items()
        },
    }


def as_text(result: dict[str, Any]) -> str:
    """Lay a plan out for people."""
    lines = [f"{result['architecture']}, vocabulary {result['vocab']:,}", "parameters"]
    lines += [f"  {name:<26} {number:>16,}" for name, number in result["parameters"].items()]
    lines.append(f"training FLOPs per token at {result['sequence']:,} tokens a row")
    lines += [f"  {n:<26} {v:>16.3e}" for n, v in result["flops_per_token"].items()]
    kind = "GPU(s), products in bf16" if result["device"] == "gpu" else "CPU process(es), fp32"
    lines.append(f"memory of each of {result['devices']} {kind}, estimated")
    lines += [
        f"  {name:<26} {size / GIB:>12,.2f} GiB"
        for name, size in result["memory"].items()
        if name != "micro_batch_rows"
    ]
    lines.append(
        f"  (weights, gradients and Adam in fp32; "
        f"{result['memory']['micro_batch_rows']} rows at once)"
    )
    if result["device"] == "cpu":
        lines.append("  for a GPU: --set train.device=cuda")
    if "steps" in result:
        lines.append(
            f"{result['steps']:,} steps × {result['tokens_per_step']:,} tokens = "
            f"{result['tokens']:,} tokens, {result['flops']:.3e} FLOPs with causal attention"
        )
        lines.append(step_law.advice_line(step_law.Advice(**result["step_law"])))
    if "seconds" in result:
        days = result["seconds"] / 86400
        said = duration(result["seconds"]) if days < 3 else f"{days:,.0f} days"
        lines.append(f"at the rate given: {said}")
    if data := result.get("data"):
        lines.append(f"data: {data['tokens']:,} tokens, {data['epochs']:.2f} epochs")
        lines += [
            f"  {name:<32} {group['tokens']:>14,} tokens {group['share']:>7.1%}"
            for name, group in data["groups"].items()
        ]
        lines.append("taken")
        lines += [
            f"  {name:<32} {g['tokens']:>14,} tokens {g['share']:>7.1%} {g['epochs']:>7.2f} epochs"
            for name, g in data["taken"].items()
        ]
    if "reference" in result:
        from mind_train.references.charts import expected_lines

        lines += expected_lines(result["reference"])
    return "\n".join(lines) + "\n"
