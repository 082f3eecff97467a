"""Measure what `--help` of each tool costs in CPU seconds. The aim is under 0.5.

usage: python benchmarks/start_up.py [--repeat 5]
"""

from __future__ import annotations

import argparse
import resource
import statistics
import subprocess
import sys

TOOLS = ("clean", "dedup", "tok", "train", "sft-select", "eval", "domain")


def seconds(tool: str) -> float:
    """Run `mind-TOOL --help`; return the CPU seconds that it took."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    module = f"mind_{tool.replace('-', '_')}"
    subprocess.run([sys.executable, "-m", module, "--help"], capture_output=True, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    """Print the median of each tool."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--repeat", type=int, default=5)
    repeat = parser.parse_args().repeat
    for tool in TOOLS:
        median = statistics.median(seconds(tool) for _ in range(repeat))
        print(f"mind-{tool:<12} {median:.2f} CPU s")


if __name__ == "__main__":
    main()
