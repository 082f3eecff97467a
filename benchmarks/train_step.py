"""A training step of mind-train beside its peers', one step of each in turn, in one run.

    python benchmarks/train_step.py --size 15m --vocab 8192 --batch 2 --rounds 8
    python benchmarks/train_step.py --ways --ours mind-mindllm     each CPU way of ours by itself

Each contestant is a process of its own (peers in their own environments). Shares are of the best
square product (2048³; on a GPU 8192³) that the run itself saw. FLOPs per token: 6 for each weight
of body and head, and 12 L T d, for everybody. `cpu` figures count the CPU seconds of the process
over the threads: what free cores would give; for them threads wait passively. On an idle machine
`--spin` lets them wait as they do by default, which is faster by the clock where a step has many
small parts: then only the clock counts. On a GPU (`--device cuda --dtype bfloat16`) one works
after another, as memory does not hold them all, and who fails is named and left out.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE / "peers"))

from contestant import Contestant, Failed, in_turn  # noqa: E402
from environment import peer_python  # noqa: E402
from train_sizes import SIZES, is_gated  # noqa: E402

WORKER = HERE / "peers" / "train_worker.py"
SQUARE = {"cpu": 2048, "cuda": 8192}
WAYS = ("+blas", "+onednn", "+sdpa")
FEATURES = ("avx2", "avx512f", "avx512_bf16", "amx_tile", "amx_bf16")
PEERS = "hf-llama,hf-gpt-neo,litgpt,nano-llama,nano-gpt-neo"


def enter(name: str, options: argparse.Namespace) -> Contestant:
    """Start a contestant in its environment."""
    impl, *how = name.split("+")
    python = Path(sys.executable)
    if not impl.startswith(("mind-", "product")):
        python = peer_python("litgpt" if impl == "litgpt" else "train")
    arguments = [python, WORKER, impl, options.size]
    for key in ("vocab", "sequence", "batch", "device", "dtype"):
        arguments += [f"--{key}", getattr(options, key)]
    if "compile" in how:
        arguments.append("--compile")
    if ways := [way for way in how if way != "compile"]:
        arguments += ["--ways", *ways]
    return Contestant(name, arguments, options.threads, options.spin)


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--size", choices=SIZES, default="15m")
    parser.add_argument("--vocab", type=int, default=8192)
    parser.add_argument("--sequence", type=int, default=512)
    parser.add_argument("--batch", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=8)
    parser.add_argument("--threads", type=int, default=min(2, os.cpu_count() or 1))
    parser.add_argument("--ours", default="mind-mindllm,mind-gpt-neo")
    parser.add_argument("--peers", default=PEERS, help="NAME+compile compiles it; '' for none")
    parser.add_argument("--device", choices=SQUARE, default="cpu")
    parser.add_argument("--dtype", choices=("float32", "bfloat16"), default="float32")
    parser.add_argument("--spin", action="store_true", help="Threads wait as by default.")
    parser.add_argument(
        "--ways", action="store_true", help="Ours alone, by each CPU way of a step in turn."
    )
    options = parser.parse_args()
    names = [name for name in f"{options.ours},{options.peers}".split(",") if name]
    if options.ways:
        names = [f"{name}{way}" for name in options.ours.split(",") for way in ("", *WAYS)]
    print(machine())
    measure = together if options.device == "cpu" else apart
    try:
        product, *others = measure(["product", *names], options)
    except Failed as failure:
        raise SystemExit(str(failure)) from None
    report(product, others, options)


def machine() -> str:
    """Name the processor, what it can do, the libraries, and the ways that a step takes here."""
    import torch

    from mind_train.models.cpu.matmul import has_fast_products

    described = {
        key.strip(): value.strip()
        for key, _, value in (
            line.partition(":") for line in Path("/proc/cpuinfo").read_text().splitlines()
        )
    }
    flags = set(described.get("flags", "").split())
    able = [name for name in FEATURES if name in flags]
    libraries = [
        line.strip(" -") for line in torch.__config__.show().splitlines()
        if "Math Kernel" in line or "MKL-DNN" in line
    ]  # fmt: skip
    products = "oneDNN for y and dx, BLAS for dW" if has_fast_products() else "BLAS for all"
    return (
        f"{described.get('model name', 'processor')} ({described.get('vendor_id', '?')}, family "
        f"{described.get('cpu family', '?')}, model {described.get('model', '?')}: "
        f"{' '.join(able) or 'none of ' + ' '.join(FEATURES)})\n"
        f"torch {torch.__version__}; {'; '.join(libraries)}\n"
        f"products: {products}; attention: blocks of queries from 512 tokens a row"
    )


def together(names: list[str], options: argparse.Namespace) -> list[Contestant]:
    """Let all stay and work in turn; without one of them the ratios are worth nothing."""
    contestants = [enter(name, options) for name in names]
    try:
        in_turn(contestants, options.rounds)
    finally:
        for one in contestants:
            one.end()
    return contestants


def apart(names: list[str], options: argparse.Namespace) -> list[Contestant]:
    """Let one after another do all its rounds; who fails is named and left out."""
    done = []
    for name in names:
        one = enter(name, options)
        try:
            one.wait()
            for _ in range(options.rounds):
                one.step()
            done.append(one)
        except Failed as failure:
            if name == names[0]:
                raise
            print(failure, file=sys.stderr)
        finally:
            one.end()
    return done


def report(product: Contestant, others: list[Contestant], options: argparse.Namespace) -> None:
    """Print each one's rates, shares and memory; ratios pair by pair against the first."""
    size, tokens = SIZES[options.size], options.batch * options.sequence
    work = 4 * 2 * SQUARE[options.device] ** 3
    wall_peak, cpu_peak = work / product.best("wall"), product.cpu_rate(work)
    print(
        f"{options.size}, vocabulary {options.vocab:,}, {options.batch} x {options.sequence}, "
        f"{options.dtype}, {options.rounds} rounds, {options.threads} threads; product: "
        f"{wall_peak / 1e9:.0f} GFLOP/s by the clock, {cpu_peak / 1e9:.0f} by CPU time"
    )
    print("| | tokens/s | share | time / first | tokens/s cpu | share cpu | CPU time / first |"
          " memory MiB |")  # fmt: skip
    print("|---|---:|---:|---:|---:|---:|---:|---:|")
    for one in others:
        flops = size.flops(is_gated(one.name), options.vocab, options.sequence)
        wall, cpu = tokens / one.median("wall"), one.cpu_rate(tokens)
        ratios = {
            key: statistics.median(
                a[key] / b[key] for a, b in zip(one.took, others[0].took, strict=True)
            )
            for key in ("wall", "cpu")
        }
        print(
            f"| {one.name} | {wall:,.0f} | {wall * flops / wall_peak:.2f} | {ratios['wall']:.2f} | "
            f"{cpu:,.0f} | {cpu * flops / cpu_peak:.2f} | {ratios['cpu']:.2f} | "
            f"{one.memory():,.0f} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
