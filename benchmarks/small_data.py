"""Text that is read ten times: what another order of documents, dropout and weight decay bring.

    cat EN.jsonl.zst ZH.jsonl.zst > text.jsonl.zst
    mind-tok train text.jsonl.zst --vocab-size 2600 -o tok
    mind-tok encode text.jsonl.zst -t tok --validation 0.15 -o shards
    OMP_NUM_THREADS=1 python benchmarks/small_data.py shards

Each way has the same model, seeds and rows a step. Printed are held-out bits per byte at the end,
and the lowest on the way, which is what stopping there would have given; lower is better.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path
from statistics import mean

from mind_core.progress import Progress
from mind_train.components import load_plugins
from mind_train.config import effective_recipe
from mind_train.pipeline import prepare_pretrain, train

RECIPE = (
    "model={architecture='mindllm', dim=64, layers=3, heads=2, ffn_dim=176, context=128}",
    "train.steps=0", "train.batch=8", "train.document_mask=false", "train.save_every=100000",
    "train.evaluate_tokens=4000", "optimizer.lr=2e-3", "schedule.name='cosine'",
    "schedule.warmup=0.05",
)  # fmt: skip
RESHUFFLED = "data.reshuffle_documents=true"
DROPOUT = "train.dropout=0.1"
HEAVY = "optimizer.weight_decay=1.0"
FALLING = "train.weight_decay_schedule={name='linear', floor=0.0}"
WAYS = {
    "as usual (decay 0.1)": (),
    "documents reshuffled": (RESHUFFLED,),
    "dropout 0.1": (DROPOUT,),
    "decay 1.0, falling to 0": (HEAVY, FALLING),
    "reshuffled, dropout, decay 1.0": (RESHUFFLED, DROPOUT, HEAVY),
}


def held_out(run: Path) -> list[float]:
    """Read the held-out bits per byte of each evaluation."""
    lines = map(json.loads, (run / "metrics.jsonl").read_text().splitlines())
    return [line["all"]["bits_per_byte"] for line in lines if "all" in line]


def main() -> None:
    """Train every way with every seed, and print a row when it is done."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("shards", type=Path)
    parser.add_argument("--epochs", type=float, default=10.0)
    parser.add_argument("--seeds", type=int, default=2)
    options = parser.parse_args()
    print(
        "| way | at the end | lowest | training loss | CPU s |\n|---|---|---|---:|---:|", flush=True
    )
    for way, changes in WAYS.items():
        ends, lowest, last, begun = [], [], [], time.process_time()
        for seed in range(options.seeds):
            recipe = effective_recipe(
                "tiny-cpu",
                [*RECIPE, f"train.epochs={options.epochs}", "data.max_epochs=0", *changes],
                seed,
            )
            job = prepare_pretrain(recipe, load_plugins(), options.shards)
            recipe.set(f"train.evaluate_every={max(job.total // 10, 1)}")
            job = prepare_pretrain(recipe, load_plugins(), options.shards)
            with tempfile.TemporaryDirectory() as folder, Progress(None) as progress:
                run = Path(folder) / "run"
                train(job, run, progress, quiet=True)
                found = held_out(run)
                lines = map(json.loads, (run / "metrics.jsonl").read_text().splitlines())
                losses = [line["loss"] for line in lines if "loss" in line]
            ends.append(found[-1])
            lowest.append(min(found))
            last.append(mean(losses[-20:]))
        said = [" ".join(f"{x:.3f}" for x in some) for some in (ends, lowest)]
        spent = time.process_time() - begun
        print(f"| {way} | {said[0]} | {said[1]} | {mean(last):.2f} | {spent:.0f} |", flush=True)


if __name__ == "__main__":
    main()
