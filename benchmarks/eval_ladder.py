"""Train a ladder of small models and show which metrics grow while accuracy stays flat.

usage: python benchmarks/eval_ladder.py --data DATA --run FOLDER [--sizes 0.6M,1.8M,3.1M,6.1M]
       python benchmarks/eval_ladder.py --data DATA --run FOLDER --table

DATA holds `text/` and `benchmarks/`. A tokenizer of 4,096 pieces is trained on English and Chinese
prose, half and half in bytes; every 40th text is held out. Models of one shape and several sizes
(body parameters; 50m is named too, for machines that have the time) see the same tokens in the same
order at one rate. Each checkpoint is measured by `mind-eval run --metrics small`: held-out text,
BLiMP, ZhoBLiMP, HellaSwag and C-Eval as cloze without examples. Stopped, the same command goes on.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import zstandard
from measuring import cost_of

Figure = tuple[float, float | None]
"""A value and its standard error."""

SIZES = {
    "0.6M": (128, 3, 352), "1.8M": (192, 4, 512), "3.1M": (256, 4, 672), "6.1M": (320, 5, 848),
    "50M": (640, 10, 1728),
}  # fmt: skip
"""Width, layers, and width of the feed-forward layer; heads are 64 wide."""

SHOWN = ("0.6M", "1.8M", "3.1M", "6.1M")
ENGLISH = (
    "books/gutenberg-en", "books/brown", "news/brown", "misc/brown", "webtext/c4-en-demo",
    "encyclopedia/wikipedia-en-demo",
)  # fmt: skip
CHINESE = (
    "encyclopedia/wikipedia-cmrc2018", "academic/csl", "dialogue/kdconv", "news/alphafin-zh",
    "academic/d2l-zh",
)  # fmt: skip
HELD_OUT, MEASURED = 40, 10
"""One text in so many is not trained on; of those one in so many is measured."""

SUITE = """metrics = "small"
[[step]]
benchmark = "blimp"
[[step]]
benchmark = "zhoblimp"
[[step]]
benchmark = "hellaswag"
shots = 0
[[step]]
benchmark = "ceval"
form = "cloze"
shots = 0
"""
RECIPE = """seed = 0
[model]
architecture = "mindllm"
dim = {width}
layers = {layers}
heads = {heads}
ffn_dim = {ffn}
context = 256
beta = 1.0
[train]
sequence = 128
batch = 8
steps = {steps}
save_every = {saved}
evaluate_every = {steps}
keep = 0
[optimizer]
name = "adamw"
lr = 2e-3
[schedule]
name = "linear"
warmup = 20
floor = 0.1
"""
STEPS, SAVED = 160, 40


def main() -> None:
    """Make what is not there yet, then print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--run", type=Path, required=True)
    parser.add_argument("--sizes", default=",".join(SHOWN))
    parser.add_argument("--limit", type=int, default=100, help="items of each benchmark")
    parser.add_argument("--table", action="store_true", help="only print what is there")
    asked = parser.parse_args()
    sizes = asked.sizes.split(",")
    if not asked.table:
        prepare(asked.data, asked.run)
        for size in sizes:
            train(asked.run, size)
            for step in range(SAVED, STEPS + 1, SAVED):
                measure(asked.data, asked.run, size, step, asked.limit)
    print(table(read(asked.run, sizes)))


def prepare(data: Path, run: Path) -> None:
    """Write the texts, the tokenizer and the shards."""
    run.mkdir(parents=True, exist_ok=True)
    (run / "suite.toml").write_text(SUITE, "utf-8")
    if not (run / "heldout.jsonl").exists():
        parts: dict[str, list[str]] = {"train": [], "heldout": []}
        for number, line in enumerate(texts(data)):
            parts["heldout" if number % HELD_OUT == 0 else "train"].append(line)
        parts["heldout"] = parts["heldout"][::MEASURED]
        for name, lines in parts.items():
            (run / f"{name}.jsonl").write_text("\n".join(lines) + "\n", "utf-8")
    if not (run / "tokenizer").exists():
        tool(run, "tok", "train", "train.jsonl", "--vocab-size", "4096", "--share",
             "en=0.5,zh=0.5", "--sample", "8M", "-o", "tokenizer")  # fmt: skip
    if not (run / "shards").exists():
        tool(run, "tok", "encode", "train.jsonl", "-t", "tokenizer", "-o", "shards")


def texts(data: Path) -> Iterator[str]:
    """Give a record a line, of about 2,000 characters at most, so that any part is a fair one."""
    for name in (*ENGLISH, *CHINESE):
        packed = (data / "text" / f"{name}.jsonl.zst").read_bytes()
        raw = zstandard.ZstdDecompressor().stream_reader(packed).read()
        for line in raw.decode().split("\n"):
            if line:
                row = json.loads(line)
                for start in range(0, len(row["text"]), 2000):
                    record = {"id": f"{row['id']}:{start}", "source": name.partition("/")[2],
                              "text": row["text"][start : start + 2000]}  # fmt: skip
                    yield json.dumps(record, ensure_ascii=False)


def train(run: Path, size: str) -> None:
    """Train one model; `mind-train` goes on by itself where it was stopped."""
    if (run / f"{size}.cost.json").exists():
        return
    width, layers, ffn = SIZES[size]
    recipe = RECIPE.format(
        width=width, layers=layers, heads=width // 64, ffn=ffn, steps=STEPS, saved=SAVED
    )
    (run / f"{size}.toml").write_text(recipe, "utf-8")
    options = ("--recipe", f"{size}.toml", "--set", "data.shares.en=0.5", "--set",
               "data.shares.zh=0.5")  # fmt: skip
    cost = tool(run, "train", "pretrain", "shards", "-o", size, *options)
    (run / f"{size}.cost.json").write_text(json.dumps({"cpu": cost}), "utf-8")


def measure(data: Path, run: Path, size: str, step: int, limit: int) -> None:
    """Measure one checkpoint, in this process: a start takes longer than what is measured."""
    from mind_eval.cli import app

    scores = run / "scores" / f"{size}-{step:04d}"
    if not (scores / "manifest.json").exists():
        model = run / size / "checkpoints" / f"step-{step:08d}"
        print(f"mind-eval run --model {model} …", file=sys.stderr, flush=True)
        app(
            ["run", "--model", str(model), "--suite", str(run / "suite.toml"), "--heldout",
             str(run / "heldout.jsonl"), "--limit", str(limit), "--spread", "--data-root",
             str(data / "benchmarks"), "-q", "-o", str(scores)],
            standalone_mode=False,
        )  # fmt: skip


def tool(run: Path, name: str, *words: str) -> float:
    """Run one of the tools inside the run's folder; return its CPU seconds."""
    print(f"mind-{name} {' '.join(words[:4])} …", file=sys.stderr, flush=True)
    return cost_of([sys.executable, "-m", f"mind_{name}", *words], dict(os.environ), cwd=run).cpu


def read(run: Path, sizes: Sequence[str]) -> dict[str, list[Mapping[str, Any]]]:
    """Read the scores of every checkpoint that was measured, by size, in order of steps."""
    return {
        size: [json.loads((folder / "scores.json").read_bytes())
               for folder in sorted((run / "scores").glob(f"{size}-????"))]
        for size in sizes
    }  # fmt: skip


def table(ladder: Mapping[str, Sequence[Mapping[str, Any]]]) -> str:
    """Lay out a row a size and figure: its value at each checkpoint, its error, steps forward."""
    rows = ["| model | figure | at each checkpoint | ± at the last | steps forward |",
            "|---|---|---|---:|---:|"]  # fmt: skip
    for size, runs in ladder.items():
        for name, better, pick in FIGURES:
            found = [figure for run in runs if (figure := pick(run)) is not None]
            if not found:
                continue
            values = [value for value, _ in found]
            error = found[-1][1]
            forward = sum((b - a) * better > 0 for a, b in pairwise(values))
            rows.append(
                f"| {size} | {name} | {', '.join(f'{value:.4f}' for value in values)} | "
                f"{'–' if error is None else f'{error:.4f}'} | {forward} of {len(values) - 1} |"
            )
    return "\n".join(rows)


def of_task(task: str, metric: str) -> Callable[[Mapping[str, Any]], Figure | None]:
    """Return what takes a benchmark's metric with its error out of scores."""

    def pick(run: Mapping[str, Any]) -> Figure | None:
        found = run["results"].get(task, {})
        if f"{metric},none" not in found:
            return None
        return found[f"{metric},none"], found.get(f"{metric}_stderr,none")

    return pick


def of_text(name: str, key: str | None = None) -> Callable[[Mapping[str, Any]], Figure | None]:
    """Return what takes a figure of all held-out text out of scores."""

    def pick(run: Mapping[str, Any]) -> Figure | None:
        held = run["heldout"]["all"]
        value, error = held[name], held.get(f"{name}_stderr")
        return (value, error) if key is None else (value[key], (error or {}).get(key))

    return pick


FIGURES = (
    ("held-out text, bits per byte", -1, of_text("bits_per_byte")),
    ("held-out text, among the 1 likeliest", 1, of_text("in_top", "1")),
    ("held-out text, among the 10 likeliest", 1, of_text("in_top", "10")),
    *(
        (f"`{task}`, {metric}", -1 if metric == "bits_per_byte" else 1, of_task(task, metric))
        for task in ("hellaswag", "ceval")
        for metric in ("acc", "acc_norm", "bits_per_byte", "probability", "margin")
    ),
    *((f"`{task}`, acc", 1, of_task(task, "acc")) for task in ("blimp", "zhoblimp")),
)


if __name__ == "__main__":
    main()
