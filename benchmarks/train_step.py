"""A training step of mind-train beside its peers', one step of each in turn, in one run.

    python benchmarks/train_step.py --size 15m --vocab 8192 --batch 2 --rounds 8

Each contestant is a process of its own (peers in their own environments) that waits while the
others work, so all see the same machine. Shares are of the best 2048³ fp32 product that the run
itself saw. FLOPs per token: 6 (body + V d) + 12 L T d, for everybody. `cpu` figures count the
CPU seconds of the process over the threads: what free cores would give.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE / "peers"))

from environment import peer_python  # noqa: E402

WORKER = HERE / "peers" / "train_worker.py"
LAYERS = {"2m": (4, 192), "15m": (8, 384), "50m": (10, 640)}
PEERS = "hf-llama,hf-gpt-neo,litgpt,nano-llama,nano-gpt-neo"


class Contestant:
    """A worker process that does one step when asked."""

    def __init__(self, name: str, options: argparse.Namespace) -> None:
        impl, _, how = name.partition("+")
        python = Path(sys.executable)
        if not impl.startswith(("mind-", "gemm")):
            python = peer_python("litgpt" if impl == "litgpt" else "train")
        arguments = [impl, options.size, options.vocab, options.sequence, options.batch, how]
        environment = {
            **os.environ,
            "OMP_NUM_THREADS": str(options.threads),
            "MKL_NUM_THREADS": str(options.threads),
            "OMP_WAIT_POLICY": "passive",
        }
        self.name, self.steps = name, list[dict[str, float]]()
        self.process = subprocess.Popen(
            [str(python), str(WORKER), *map(str, arguments)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=environment,
        )

    def wait(self) -> None:
        """Wait until the first step is done; raise if the worker died."""
        assert self.process.stdout is not None
        if self.process.stdout.readline().strip() != "ready":
            raise SystemExit(f"{self.name} failed; run {WORKER} by hand to see why")

    def step(self) -> None:
        """Ask for a step and note what it took."""
        assert self.process.stdin is not None and self.process.stdout is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        self.steps.append(json.loads(self.process.stdout.readline()))

    def median(self, key: str) -> float:
        """Give the median of a figure."""
        return statistics.median(step[key] for step in self.steps)

    def end(self) -> None:
        """Let the worker go."""
        self.process.kill()
        self.process.wait()


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--size", choices=LAYERS, default="15m")
    parser.add_argument("--vocab", type=int, default=8192)
    parser.add_argument("--sequence", type=int, default=512)
    parser.add_argument("--batch", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=8)
    parser.add_argument("--threads", type=int, default=min(2, os.cpu_count() or 1))
    parser.add_argument("--ours", default="mind-mindllm,mind-gpt-neo")
    parser.add_argument("--peers", default=PEERS, help="NAME+compile compiles it; '' for none")
    options = parser.parse_args()
    names = [name for name in f"{options.ours},{options.peers}".split(",") if name]
    gemm, *others = [Contestant(name, options) for name in ("gemm", *names)]
    for contestant in (gemm, *others):
        contestant.wait()
    for turn in range(options.rounds):
        for contestant in others if turn % 2 else others[::-1]:
            contestant.step()
        gemm.step()
    report(gemm, others, options)
    for contestant in (gemm, *others):
        contestant.end()


def report(gemm: Contestant, others: list[Contestant], options: argparse.Namespace) -> None:
    """Print each one's rates, shares and memory; ratios pair by pair against the first."""
    layers, dim = LAYERS[options.size]
    flops = 6 * (12 * layers * dim**2 + options.vocab * dim)
    flops += 12 * layers * options.sequence * dim
    tokens = options.batch * options.sequence
    work = 4 * 2 * 2048**3
    wall_peak = work / min(step["wall"] for step in gemm.steps)
    cpu_peak = options.threads * work / gemm.median("cpu")
    print(
        f"{options.size}, vocabulary {options.vocab:,}, {options.batch} x {options.sequence}, "
        f"{options.rounds} rounds, {options.threads} threads; product: {wall_peak / 1e9:.0f} "
        f"GFLOP/s by the clock, {cpu_peak / 1e9:.0f} by CPU time"
    )
    print("| | tokens/s | share | tokens/s cpu | share cpu | CPU time / first | memory MiB |")
    print("|---|---|---|---|---|---|---|")
    first = others[0]
    for one in others:
        wall, cpu = tokens / one.median("wall"), options.threads * tokens / one.median("cpu")
        pairs = [a["cpu"] / b["cpu"] for a, b in zip(one.steps, first.steps, strict=True)]
        print(
            f"| {one.name} | {wall:,.0f} | {wall * flops / wall_peak:.2f} | {cpu:,.0f} | "
            f"{cpu * flops / cpu_peak:.2f} | {statistics.median(pairs):.2f} | "
            f"{max(step['rss'] for step in one.steps) / 2**20:,.0f} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
