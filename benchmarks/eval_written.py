"""Measure written answers beside lm-eval's `hf` model: one checkpoint, one set of prompts, one run.

usage: python benchmarks/eval_written.py --data-root DIR [--items 16] [--tokens 128] [--batch 1,8]

GSM8K at four examples and BBH (blocks of 16 items of a task) at three, at most --tokens new
tokens. The checkpoint is the GPT-Neo of `eval_prefix.py`: random weights, so hardly a text ends
before the limit; --stop TEXT adds a stop string, so that rows end at different times. --batch names
lm-eval's batch sizes (its default is 1). Each side is a process of its own and tokenizes inside
what is timed. lm-eval needs `pip install transformers accelerate`.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from eval_prefix import make_model

SHOTS = {"gsm8k": 4, "bbh": 3}
BLOCK = 16
"""Items that follow one another in their file; a whole run has 250 for each task of BBH."""


def main() -> None:
    """Run all sides in turn and print a table, or one side as JSON."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--data-root", type=Path, required=True)
    parser.add_argument("--items", type=int, default=16)
    parser.add_argument("--tokens", type=int, default=128, help="new tokens of an item at most")
    parser.add_argument("--batch", default="1,8", help="batch sizes of lm-eval")
    parser.add_argument("--stop", action="append", default=[], help="a further stop string")
    parser.add_argument("--tasks", default=",".join(SHOTS))
    parser.add_argument("--model", type=Path, help="a Hugging Face folder instead of the GPT-Neo")
    parser.add_argument("--side", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.side:
        print(json.dumps(one_side(asked)))
        return
    with tempfile.TemporaryDirectory() as folder:
        model = asked.model or Path(folder)
        if asked.model is None:
            make_model(model)
        for task in asked.tasks.split(","):
            compare(task, model, asked)


def compare(task: str, model: Path, asked: argparse.Namespace) -> None:
    """Print what each side took for one task, and whether it wrote the same."""
    found = {}
    for side in ("ours", *asked.batch.split(",")):
        command = [
            sys.executable, __file__, "--side", side, "--tasks", task, "--model", str(model),
            "--items", str(asked.items), "--tokens", str(asked.tokens), "--data-root",
            str(asked.data_root), *(word for stop in asked.stop for word in ("--stop", stop)),
        ]  # fmt: skip
        made = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        found[side] = json.loads(made.splitlines()[-1])
    ours = found["ours"]
    print(
        f"{task}, {SHOTS[task]} examples, {asked.items} items of {ours['prompt']:.0f} tokens: "
        f"mind-eval {ours['cpu']:.2f} CPU s, {ours['written']:.0f} tokens written an item"
    )
    for side, one in found.items():
        if side != "ours":
            same = sum(a == b for a, b in zip(ours["texts"], one["texts"], strict=True))
            print(
                f"  lm-eval hf, batch {side}: {one['cpu']:.2f} CPU s, "
                f"{one['cpu'] / ours['cpu']:.1f}x; {same} of {asked.items} texts equal"
            )


def one_side(asked: argparse.Namespace) -> dict[str, Any]:
    """Write the items of one task in this process."""
    import torch

    from mind_eval.offline import stay_offline

    stay_offline()
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "2")))
    from mind_eval.lm import MindLM
    from mind_eval.models.model import open_model

    model = open_model(str(asked.model))
    wanted = requests(asked, model)
    if asked.side == "ours":
        lm: Any = MindLM(model)
    else:
        from lm_eval.models.huggingface import HFLM

        lm = HFLM(
            pretrained=str(asked.model), device="cpu", batch_size=int(asked.side), dtype="float32"
        )
    cpu = time.process_time()
    texts = lm.generate_until(wanted, disable_tqdm=True)
    cpu = time.process_time() - cpu
    prompts = [len(model.plain_ids(one.args[0])) for one in wanted]
    written = [len(model.plain_ids(text)) for text in texts]
    return {
        "cpu": cpu, "texts": texts, "prompt": sum(prompts) / len(prompts),
        "written": sum(written) / len(written),
    }  # fmt: skip


def requests(asked: argparse.Namespace, model: Any) -> list[Any]:
    """Make lm-eval's requests of the prompts that mind-eval builds."""
    from lm_eval.api.instance import Instance

    from mind_eval.benchmarks.benchmark import benchmark_folder
    from mind_eval.builtins import FOLDER
    from mind_eval.encoding import PromptEncoder
    from mind_eval.prompts.builder import Builder
    from mind_eval.prompts.spec import read_spec

    task = asked.tasks
    benchmark = benchmark_folder(FOLDER / task)(shots=SHOTS[task])
    spec, encoder = read_spec(benchmark.yaml, task), PromptEncoder(model)
    splits = benchmark.load(asked.data_root).splits
    items = list(Builder(spec, splits, shots=SHOTS[task]).build(encoder.fits))
    # Blocks of neighbours, as a whole run has them: all items of one of BBH's tasks share examples.
    apart = len(items) // -(-asked.items // BLOCK)
    items = [one for n, one in enumerate(items) if n % apart < BLOCK][: asked.items]
    options = {
        "until": [*spec.stops, *asked.stop],
        "max_gen_toks": asked.tokens,
        "do_sample": False,
    }
    return [
        Instance(request_type="generate_until", doc={}, arguments=(item.prompts[0], options), idx=n)
        for n, item in enumerate(items)
    ]


if __name__ == "__main__":
    main()
