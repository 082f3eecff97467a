"""Row 4: the same shapes by a plain compiled Llama loop and Hugging Face's, beside ours."""

from __future__ import annotations

import argparse
import gc
import os
import statistics
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import torch
from rows import row
from train_sizes import SIZES
from train_worker import our_step, peer_step

TOY = bool(os.environ.get("GPU_CHECK_TOY"))
SHAPES = {"150m": (50_257, 1024, 16), "1.3b": (75_000, 1024, 8), "3b": (125_700, 2048, 2)}
SECONDS = 6.0
# A loop as nanoGPT's, compiled; Hugging Face's as people run it, which takes no time to compile.
NAMES = (("mind-mindllm", True), ("nano-llama", True), ("hf-llama", False))


def rate(name: str, compiled: bool, size: str) -> float:
    """Measure the tokens a second of one contestant, all rows at once."""
    vocab, sequence, batch = (512, 64, 4) if TOY else SHAPES[size]
    options = argparse.Namespace(
        size="toy" if TOY else size, vocab=vocab, sequence=sequence, batch=batch,
        device="cpu" if TOY else "cuda", dtype="float32" if TOY else "bfloat16",
        compile=compiled and not TOY,
    )  # fmt: skip
    torch.manual_seed(0)
    ours = name.removeprefix("mind-")
    step = our_step(ours, options) if ours != name else peer_step(name, options)
    for _ in range(3):
        step()
    times: list[float] = []
    while len(times) < 3 or sum(times) < (0 if TOY else SECONDS):
        begun = time.perf_counter()
        step()  # reads its loss, so the GPU is done
        times.append(time.perf_counter() - begun)
    return batch * sequence / statistics.median(times)


def main(size: str) -> None:
    """Measure ours first, then who is here."""
    first = 0.0
    for name, compiled in NAMES:
        try:
            found = rate(name, compiled, size)
        except (ImportError, torch.OutOfMemoryError) as error:
            row(f"{name} {size}", f"not measured: {str(error).splitlines()[0]:.80}")
            continue
        finally:
            gc.collect()
            if torch.cuda.is_available():
                torch.cuda.empty_cache()
        first = first or found
        flops = SIZES["toy" if TOY else size].flops(True, *SHAPES[size][:2])
        ok = None if TOY or name == NAMES[0][0] else first >= found
        row(
            f"{name}{' compiled' if compiled and not TOY else ''} {size}",
            f"{found:,.0f} tokens/s, {found * flops / 1e12:,.4g} TFLOP/s, ours is "
            f"{first / found:.2f} times as fast",
            "" if name == NAMES[0][0] else "not behind",
            ok,
        )


if __name__ == "__main__":
    main(sys.argv[1])
