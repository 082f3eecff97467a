"""Measure what `--help` of each tool costs in CPU seconds, and the first result of a page.

usage: python benchmarks/start_up.py [--repeat 5] [--pages-only]

The aim of `--help` is under 0.5 (median), of one page under 0.36 for mind-clean's default recipe
(the least of the runs: what other processes do makes a run dearer, never cheaper). Run by the
Python of an environment in which the wheels are installed, it measures what users have.
"""

from __future__ import annotations

import argparse
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import zstandard

PAGES = Path(__file__).parent.parent / "tests" / "data" / "pages" / "anarchism-faq.jsonl.zst"
TOOLS = ("clean", "dedup", "tok", "train", "sft-select", "eval", "domain")


def start(tool: str, *arguments: object) -> None:
    """Run a tool to its end."""
    module = f"mind_{tool.replace('-', '_')}"
    command = [sys.executable, "-m", module, *map(str, arguments)]
    subprocess.run(command, capture_output=True, check=True)


def first_results(repeat: int) -> None:
    """Print the CPU seconds, and those by the clock, of runs over one page."""
    with tempfile.TemporaryDirectory() as name:
        page, text, other = (Path(name) / f"{n}.jsonl" for n in ("page", "text", "other"))
        with PAGES.open("rb") as file:
            page.write_bytes(zstandard.ZstdDecompressor().stream_reader(file).read(1 << 24))
        runs = {
            "mind-clean": ("clean", "-q", page, "--limit", 1, "-z", 0, "-o", text),
            "mind-clean --recipe fineweb2-zh": (
                "clean", "-q", "--recipe", "fineweb2-zh", page, "--limit", 1, "-o", other,
            ),
            "mind-dedup": ("dedup", "-q", text, "-o", other),
        }  # fmt: skip
        for name, (tool, *arguments) in runs.items():
            spent, clock = [], []
            for _ in range(repeat):
                before, begun = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
                start(tool, *arguments)
                clock.append(time.monotonic() - begun)
                after = resource.getrusage(resource.RUSAGE_CHILDREN)
                spent.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
            first = f"first {spent[0]:.2f} CPU s, {clock[0]:.2f} s"
            print(f"{name:<32} {first}; least {min(spent):.2f} CPU s, {min(clock):.2f} s")


def seconds(tool: str) -> float:
    """Run `mind-TOOL --help`; return the CPU seconds that it took."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    start(tool, "--help")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    """Print the median of each tool."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--pages-only", action="store_true", help="no --help")
    given = parser.parse_args()
    repeat = given.repeat
    for tool in () if given.pages_only else TOOLS:
        median = statistics.median(seconds(tool) for _ in range(repeat))
        print(f"mind-{tool:<12} {median:.2f} CPU s")
    first_results(repeat)


if __name__ == "__main__":
    main()
