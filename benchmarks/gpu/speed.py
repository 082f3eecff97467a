"""Row 3: tokens a second, MFU, share of the measured product, memory of one of our shapes."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

from rows import row

from mind_train.bench import bench
from mind_train.components import load_plugins
from mind_train.config import effective_recipe

TOY = bool(os.environ.get("GPU_CHECK_TOY"))
# architecture, preset, vocabulary, tokens a row, rows a step, rows at once, aim of MFU
SHAPES = {
    "150m": ("mindllm", "150m", 50_257, 1024, 64, 32, 0.45),
    "1.3b": ("gpt-neo", "mindllm-1.3b", 75_000, 1024, 32, 8, 0.50),
    "3b": ("mindllm", "mindllm-3b", 125_700, 2048, 8, 2, 0.50),
}
SECONDS = 15.0


def main(size: str) -> None:
    """Measure one shape."""
    architecture, preset, vocab, sequence, batch, micro, aim = SHAPES[size]
    if TOY:
        preset, vocab, sequence, batch, micro = "tiny", 512, 64, 4, 2
    changes = [
        "model={}", f"model.architecture={architecture}", f"model.preset={preset}",
        f"model.vocab={vocab}", f"model.context={sequence}", f"train.batch={batch}",
        f"train.micro_batch={micro}", f"train.compile={str(not TOY).lower()}",
        f"train.device={'cpu' if TOY else 'cuda'}",
        f"train.dtype={'float32' if TOY else 'bfloat16'}",
    ]  # fmt: skip
    recipe = effective_recipe("tiny-cpu", changes, None)
    report(size, bench(recipe, load_plugins(), vocab, 0.0 if TOY else SECONDS), aim)


def report(size: str, r: dict[str, Any], aim: float) -> None:
    """Print a measurement; without a known peak (a CPU) there is no aim."""
    mfu = "unknown" if r["mfu"] is None else f"{r['mfu']:.1%}"
    row(
        f"{r['architecture']} {size}, {r['parameters'] / 1e6:,.0f} M, "
        f"{r['batch']} × {r['sequence']}, {r['micro_batch']} at once",
        f"{r['tokens_per_second']:,.0f} tokens/s, MFU {mfu}, {r['share_of_gemm_peak']:.1%} of "
        f"{r['gemm_peak'] / 1e12:,.4g} TFLOP/s, {r['peak_memory_bytes'] / 2**30:.1f} GiB, "
        f"first step {r['first_step_seconds']} s",
        f"MFU {aim:.0%}",
        None if r["mfu"] is None else r["mfu"] >= aim,
        **r,
    )


if __name__ == "__main__":
    main(sys.argv[1])
