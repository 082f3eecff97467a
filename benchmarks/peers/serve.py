"""The worker's side of a contestant: do the work once, then once for each line on stdin."""

from __future__ import annotations

import json
import resource
import sys
import time
from collections.abc import Callable

import torch


def serve(work: Callable[[], object], device: str = "cpu") -> None:
    """Warm up, say "ready", and answer lines; on a GPU the clock stops when it is done."""
    work()
    _finish(device)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    for _ in sys.stdin:
        wall, cpu = time.perf_counter(), time.process_time()
        work()
        _finish(device)
        took = {"wall": time.perf_counter() - wall, "cpu": time.process_time() - cpu}
        took["memory"] = (
            torch.cuda.max_memory_allocated()
            if device == "cuda"
            else resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        )
        sys.stdout.write(json.dumps(took) + "\n")
        sys.stdout.flush()


def product(size: int, device: str = "cpu", dtype: str = "float32") -> Callable[[], object]:
    """Multiply square matrices four times: the peak that shares are of."""
    kind = getattr(torch, dtype)
    a, b, out = (torch.randn(size, size, device=device).to(kind) for _ in range(3))
    return lambda: [torch.mm(a, b, out=out) for _ in range(4)]


def _finish(device: str) -> None:
    if device == "cuda":
        torch.cuda.synchronize()
