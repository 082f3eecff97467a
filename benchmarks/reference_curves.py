"""Make the reference curves that `mind-train plot --reference shipped` draws.

    bin/quickstart
    for size in 96:256 144:384; do
      mind-train pretrain run/04-shards -o run/ref-${size%:*} --recipe tiny-cpu \\
        --set train.steps=320 --set train.evaluate_every=40 \\
        --set model.dim=${size%:*} --set model.ffn_dim=${size#*:}
    done
    python benchmarks/reference_curves.py --shards run/04-shards --date 2026-11-30 \\
      run/05-model run/ref-96 run/ref-144 \\
      -o packages/mind-train/src/mind_train/references/curves.json

Curves of run folders come with the command of their recipe. The 15M runs, whose text is not in the
repository, are taken from the table in docs/benchmarks/mind-train.md (three points each).
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import orjson

from mind_core.files import atomic_file
from mind_core.progress import log
from mind_train.checkpoint import find_checkpoint, read_config
from mind_train.flops import body_of
from mind_train.references.runs import FORMAT, curves_of
from mind_train.run_folder import read_recipe

PAGES = (
    "the repository's pages (tests/data): manuals and documentation of software, half Chinese, "
    "and an English essay; vocabulary of 6,000, trained on them; 0.35 epochs"
)
KINDS = (
    "books, encyclopedias, laws, manuals and code, half Chinese; vocabulary of 8,192, trained on "
    "them; one epoch; held-out {kind} alone"
)
TABLE_STEPS = {"gpt-neo": (0, 225, 600), "mindllm": (0, 200, 600)}
TABLE_TOKENS = 1024  # a step
TABLE: dict[str, dict[str, dict[str, tuple[float, float, float]]]] = {
    "gpt-neo": {
        "books": {"en": (4.59, 3.36, 3.30), "zh": (3.91, 3.09, 2.96)},
        "encyclopedias": {"en": (4.39, 3.30, 3.25), "zh": (4.15, 3.39, 3.30)},
        "laws": {"en": (3.38, 2.45, 2.31), "zh": (3.01, 2.41, 2.22)},
        "manuals": {"en": (4.69, 3.29, 3.21), "zh": (4.26, 3.16, 3.04)},
    },
    "mindllm": {
        "books": {"en": (4.56, 3.29, 3.04), "zh": (3.87, 3.04, 2.87)},
        "encyclopedias": {"en": (4.36, 3.22, 3.00), "zh": (4.13, 3.33, 3.19)},
        "laws": {"en": (3.36, 2.33, 2.06), "zh": (2.98, 2.32, 2.03)},
        "manuals": {"en": (4.63, 3.15, 2.88), "zh": (4.21, 3.03, 2.72)},
    },
}
BODY_15M = {"gpt-neo": 14_187_264, "mindllm": 14_161_920}


def of_folder(run: Path, shards: Path) -> dict[str, Any]:
    """Describe a run of the shipped pages."""
    architecture, config = read_config(find_checkpoint(run)[0])
    recipe = read_recipe(run)
    body = body_of(config)
    model, train = recipe["model"], recipe["train"]
    sizes = " ".join(
        f"--set model.{key}={model[key]}" for key in ("architecture", "dim", "layers", "ffn_dim")
    )
    return {
        "name": f"{architecture} {body / 1e6:.1f}M, software manuals",
        "architecture": architecture,
        "body": body,
        "text": PAGES,
        "command": f"mind-train pretrain {shards} --recipe tiny-cpu {sizes} "
        f"--set train.steps={train['steps']}",
        "learning_rate": recipe["optimizer"]["lr"],
        "tokens_a_step": train["batch"] * (train["sequence"] or model["context"]),
        "curves": {
            name: [(round(x), round(y, 4)) for x, y in points]
            for name, points in curves_of(run).items()
        },
    }


def of_table() -> list[dict[str, Any]]:
    """Describe the 15M runs, each kind of text as a run of its own."""
    runs = []
    for architecture, kinds in TABLE.items():
        tokens = [step * TABLE_TOKENS for step in TABLE_STEPS[architecture]]
        for kind, languages in kinds.items():
            runs.append(
                {
                    "name": f"{architecture} 14M, {kind}",
                    "architecture": architecture,
                    "body": BODY_15M[architecture],
                    "text": KINDS.format(kind=kind),
                    "command": "docs/benchmarks/mind-train.md, Learning, source by source",
                    "learning_rate": 1e-3 if architecture == "gpt-neo" else 3e-4,
                    "tokens_a_step": TABLE_TOKENS,
                    "curves": {
                        language: list(zip(tokens, values, strict=True))
                        for language, values in languages.items()
                    },
                }
            )
    return runs


def main() -> None:
    """Write the file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("runs", nargs="+", type=Path)
    parser.add_argument("--shards", type=Path, required=True, help="What they were trained on.")
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--date", required=True, help="When they were made, YYYY-MM-DD.")
    options = parser.parse_args()
    runs = [*(of_folder(run, options.shards) for run in options.runs), *of_table()]
    whole = {"format": FORMAT, "version": 1, "date": options.date, "runs": runs}
    with atomic_file(options.output) as file:
        rows = b",\n".join(orjson.dumps(run) for run in runs)
        head = orjson.dumps({**whole, "runs": []}).removesuffix(b"[]}")
        file.write(head + b"[\n" + rows + b"\n]}\n")
    log("reference_curves", f"{len(runs)} runs in {options.output}")


if __name__ == "__main__":
    main()
