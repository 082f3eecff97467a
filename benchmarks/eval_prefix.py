"""Measure mind-eval's scorer beside lm-eval's `hf` path: one checkpoint, one set of prompts.

usage: python benchmarks/eval_prefix.py [--items 48] [--repeat 3] [--data-root DIR] [--shape NAME]

Two shapes: lettered choices behind five shots that a subject shares (MMLU), and four endings that
are scored whole behind five fixed shots (HellaSwag). Without --data-root the items are put together
from the shipped samples; with it they are the real ones. The checkpoint is a GPT-Neo of 8 layers of
width 384 with random weights: what is measured is arithmetic. lm-eval reads it by transformers, we
by mind-train, which has the architecture. Both sides tokenize inside what is timed; each runs in a
process of its own, in turn, so that its peak of memory is its own. lm-eval
needs `pip install transformers accelerate`.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

SHAPES = ("mmlu", "hellaswag")
SHOTS = 5


def main() -> None:
    """Run both sides in turn and print a table, or one side as JSON."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--items", type=int, default=48)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--data-root", type=Path)
    parser.add_argument("--side", choices=("ours", "hf"), help=argparse.SUPPRESS)
    parser.add_argument("--shape", choices=SHAPES, help="one of them only")
    parser.add_argument("--model", type=Path, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.side:
        print(json.dumps(one_side(asked)))
        return
    with tempfile.TemporaryDirectory() as folder:
        make_model(Path(folder))
        for shape in [asked.shape] if asked.shape else SHAPES:
            compare(shape, Path(folder), asked)
    if asked.data_root:
        prompts(asked.data_root)


def compare(shape: str, model: Path, asked: argparse.Namespace) -> None:
    """Run both sides of one shape in turn, and print medians, ratios and differences."""
    runs: dict[str, list[dict[str, Any]]] = {"hf": [], "ours": []}
    for _ in range(asked.repeat):
        for side in runs:
            command = [
                sys.executable, __file__, "--side", side, "--shape", shape, "--model", str(model),
                "--items", str(asked.items),
                *(["--data-root", str(asked.data_root)] if asked.data_root else []),
            ]  # fmt: skip
            made = subprocess.run(command, check=True, capture_output=True, text=True).stdout
            runs[side].append(json.loads(made.splitlines()[-1]))
    middle = {
        side: {
            name: statistics.median(run[name] for run in found)
            for name in ("cpu", "wall", "peak", "base")
        }
        for side, found in runs.items()
    }
    theirs, ours = runs["hf"][0], runs["ours"][0]
    gap = max(abs(a - b) for a, b in zip(theirs["nats"], ours["nats"], strict=True))
    print(f"{shape}-shaped, {asked.items} items, {ours['tokens_mean']:.0f} tokens an item")
    for side, name in (("hf", "lm-eval hf"), ("ours", "mind-eval")):
        one = middle[side]
        print(
            f"  {name:<11} {one['cpu']:7.2f} CPU s {one['wall']:7.2f} s  "
            f"peak {one['peak']:5.0f} MiB"
            f" (before scoring {one['base']:.0f})  tokens read {runs[side][0]['tokens']:,}"
        )
    print(
        f"  {middle['hf']['cpu'] / middle['ours']['cpu']:.1f}x CPU, "
        f"{middle['hf']['wall'] / middle['ours']['wall']:.1f}x wall; largest difference of a "
        f"log-probability {gap:.1e}; accuracies {theirs['acc']} {ours['acc']}"
    )


def one_side(asked: argparse.Namespace) -> dict[str, Any]:
    """Score the items of one shape in this process."""
    import torch

    from mind_eval.offline import stay_offline

    stay_offline()
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "2")))
    from mind_eval.distributed import Ranks
    from mind_eval.metrics.items import chosen_metrics
    from mind_eval.models.model import open_model
    from mind_eval.prompts.builder import Builder
    from mind_eval.response_cache import ResponseCache
    from mind_eval.runner import RequestRunner

    spec, splits = data(asked.shape, asked.data_root)
    model = open_model(str(asked.model))
    engine = RequestRunner(model, ResponseCache(None), Ranks(), 8192)
    items = list(Builder(spec, splits, shots=SHOTS).build(engine.encoder.fits, asked.items))
    pairs = [pair for item in items for pair in item.pairs]
    base = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    if asked.side == "hf":
        lm, count = hf_model(asked.model)
        started, cpu = time.perf_counter(), time.process_time()
        answers = [(float(n), bool(g)) for n, g in lm.loglikelihood(requests(pairs))]
        tokens = count["tokens"]
    else:
        started, cpu = time.perf_counter(), time.process_time()
        keyed = list(engine.ask(spec, items))
        answers = [answer for one in keyed for answer in engine.answers(one)]
        tokens = engine.scorer.tokens
    cpu, wall = time.process_time() - cpu, time.perf_counter() - started
    right = sum(
        chosen_metrics(item.choices, item.gold, answers[4 * n : 4 * n + 4])["acc"]
        for n, item in enumerate(items)
    )
    sizes = [len(engine.encoder.encode(item.prompts[0])) for item in items]
    return {
        "cpu": cpu, "wall": wall, "base": base, "tokens": tokens, "acc": right / len(items),
        "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "nats": [nats for nats, _ in answers], "tokens_mean": statistics.mean(sizes),
    }  # fmt: skip


def hf_model(folder: Path) -> tuple[Any, dict[str, int]]:
    """Make lm-eval's own model, which counts the tokens that it reads."""
    from lm_eval.models.huggingface import HFLM

    lm = HFLM(pretrained=str(folder), device="cpu", batch_size=8, dtype="float32")
    count, call = {"tokens": 0}, lm._model_call

    def counting(inputs: Any, *rest: Any, **more: Any) -> Any:
        count["tokens"] += inputs.numel()
        return call(inputs, *rest, **more)

    lm._model_call = counting
    return lm, count


def requests(pairs: list[tuple[str, str]]) -> list[Any]:
    """Make lm-eval's requests of pairs of texts."""
    from lm_eval.api.instance import Instance

    return [
        Instance(request_type="loglikelihood", doc={}, arguments=pair, idx=n)
        for n, pair in enumerate(pairs)
    ]


def data(shape: str, root: Path | None) -> tuple[Any, dict[str, list[dict[str, Any]]]]:
    """Give the task and its rows: the real ones, or rows of the same shape from the samples."""
    from mind_eval.benchmarks.benchmark import benchmark_folder
    from mind_eval.benchmarks.rows import read_rows
    from mind_eval.builtins import FOLDER
    from mind_eval.prompts.spec import read_spec

    benchmark = benchmark_folder(FOLDER / shape)(shots=SHOTS)
    spec = read_spec(benchmark.yaml, shape)
    if root is not None:
        return spec, benchmark.load(root).splits
    sample = read_rows(FOLDER / "piqa" / "test.jsonl.zst")
    texts = [choice for row in sample for choice in row["choices"] if 40 < len(choice) < 160]
    rows = []
    for n in range(len(texts) - 8):
        rows.append(
            {"id": f"made-{n}", "subject": "everyday life", "question": " ".join(texts[n : n + 2]),
             "choices": [text[:90] for text in texts[n + 2 : n + 6]], "answer": n % 4}
        )  # fmt: skip
    pool = "dev" if shape == "mmlu" else "shots"
    return spec, {"test": rows[5:], pool: rows[:5]}


def make_model(folder: Path) -> None:
    """Write a GPT-Neo of random weights with a byte-level tokenizer."""
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import GPTNeoConfig, GPTNeoForCausalLM, PreTrainedTokenizerFast

    from mind_eval.benchmarks.rows import read_rows
    from mind_eval.builtins import FOLDER

    texts = [
        f"{row.get('goal') or row['question']} {' '.join(row['choices'])}"
        for name in ("piqa", "mmlu", "gaokao")
        for row in read_rows(FOLDER / name / "test.jsonl.zst")
    ]
    raw = Tokenizer(models.BPE())
    raw.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    raw.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    raw.train_from_iterator(
        texts,
        trainers.BpeTrainer(
            vocab_size=8192, special_tokens=["<eos>"], show_progress=False,
            initial_alphabet=alphabet,
        ),
    )  # fmt: skip
    torch.manual_seed(0)
    config = GPTNeoConfig(
        vocab_size=8192, hidden_size=384, num_layers=8, num_heads=6, intermediate_size=1536,
        attention_types=[[["global", "local"], 4]], window_size=256, max_position_embeddings=2048,
        bos_token_id=0, eos_token_id=0,
    )  # fmt: skip
    GPTNeoForCausalLM(config).save_pretrained(folder)
    PreTrainedTokenizerFast(
        tokenizer_object=raw, eos_token="<eos>", bos_token="<eos>"
    ).save_pretrained(folder)


def prompts(root: Path) -> None:
    """Time the building of all of MMLU's five-shot prompts."""
    from mind_eval.prompts.builder import Builder

    spec, splits = data("mmlu", root)
    cpu = time.process_time()
    count = sum(1 for _ in Builder(spec, splits, shots=SHOTS).build())
    print(f"prompts: {count:,} five-shot prompts of MMLU in {time.process_time() - cpu:.2f} CPU s")


if __name__ == "__main__":
    main()
