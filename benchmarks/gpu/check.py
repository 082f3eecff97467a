"""Run the rows of benchmarks/gpu_check.sh one after another, each in a process with a time limit.

A row that fails, hangs or finds no time is named, and the next one runs.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

from rows import row  # noqa: E402

# What is run, in the order of its worth, and the most seconds that it may take on a GPU.
ROWS = (
    ("correct.py", 75),
    ("resume.py", 80),
    ("speed.py 1.3b", 75),
    ("speed.py 150m", 70),
    ("speed.py 3b", 85),
    ("peers.py 1.3b", 75),
    ("peers.py 150m", 70),
    ("peers.py 3b", 85),
)
SLOW = 10  # a CPU that others use may take so many times as long
LEAST = 20  # seconds left, below which no row is begun


def main() -> int:
    """Run what there is time for; 1 if any row failed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--toy", action="store_true", help="At toy size on a CPU.")
    parser.add_argument("--minutes", type=float, default=7.5, help="All rows together.")
    parser.add_argument("--only", default="", help="Rows that begin so, as correct or speed.")
    options = parser.parse_args()
    os.environ["GPU_CHECK_TOY"] = "yes" if options.toy else ""
    end = time.monotonic() + 60 * options.minutes
    say_versions(options.toy)
    print("| row | measured | aim | |\n|---|---|---|---|", flush=True)
    failed = 0
    for command, limit in ROWS:
        if command.startswith(options.only):
            failed += not run_row(command, limit * (SLOW if options.toy else 1), end)
    took = time.monotonic() - end + 60 * options.minutes
    print(f"{took:.0f} s, {failed} rows failed", flush=True)
    return int(bool(failed))


def run_row(command: str, limit: float, end: float) -> bool:
    """Run one row's program; tell whether it ended well."""
    left = end - time.monotonic()
    if left < LEAST:
        row(command, f"not run: {max(left, 0):.0f} s are left", ok=False)
        return False
    script, *arguments = command.split()
    begun = time.monotonic()
    try:
        code = subprocess.run(
            [sys.executable, str(HERE / script), *arguments], timeout=min(limit, left)
        ).returncode
    except subprocess.TimeoutExpired:
        row(command, f"stopped after {time.monotonic() - begun:.0f} s", ok=False)
        return False
    if code:
        row(command, f"ended with {code} after {time.monotonic() - begun:.0f} s", ok=False)
    return code == 0


def say_versions(toy: bool) -> None:
    import torch

    device = "CPU" if toy else torch.cuda.get_device_name() if torch.cuda.is_available() else ""
    if not device:
        raise SystemExit("gpu_check: torch sees no GPU here; --toy runs it on a CPU")
    print(f"{device}, torch {torch.__version__}, Python {sys.version.split()[0]}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
