"""Measure how mind-clean scales: workers, a chain of processes, memory over the size of the input.

Wall seconds on an idle machine of two cores or more. Aims: `-j 2` is 1.8 times as fast as `-j 1`; a
chain of five processes takes 1.5 times the time of one; the resident size after 1 GB of input is
within 10 % of that after 100 MB, with every step but site_phrases, whose memory is an option.

usage: python benchmarks/clean_scaling.py [FILE.jsonl.zst ...] [--repeat 3] [--memory]
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import zstandard
from measuring import cost_of

from mind_core.stream import read_batches

PAGES = Path(__file__).parent.parent / "tests" / "data" / "pages"
CLEAN = [sys.executable, "-m", "mind_clean", "-q"]
CHAIN = (
    ["blocks"],
    ["mojibake", "markup", "unicode", "emoji", "whitespace"],
    ["script", "text_density", "han_count", "sensitive_words"],
    ["pii"],
    ["repeated_phrases", "repeated_phrase_share"],
)
WITHOUT = ["--without", "site_phrases", "--without", "site_phrase_share"]


def make_input(path: Path, files: list[str], megabytes: int) -> None:
    """Repeat the records of the files up to a size of plain JSONL."""
    data = b"".join(batch.data for batch in read_batches(files))
    compressor = zstandard.ZstdCompressor(level=3).compressobj()
    with path.open("wb") as out:
        left = megabytes * 1_000_000
        while left > 0:
            block = data if left > len(data) else data[: data.rfind(b"\n", 0, left) + 1]
            out.write(compressor.compress(block))
            left -= len(data)
        out.write(compressor.flush())


def wall_of(command: list[str] | str) -> float:
    """Run a command, or a pipe of them, and return its wall seconds."""
    started = time.monotonic()
    subprocess.run(command, check=True, shell=isinstance(command, str))
    return time.monotonic() - started


def workers(source: Path, out: Path, repeat: int) -> None:
    """Compare one worker with two, pair by pair."""
    pairs = []
    for _ in range(repeat):
        one, two = (
            wall_of([*CLEAN, *WITHOUT, "-j", jobs, str(source), "-o", str(out)])
            for jobs in ("1", "2")
        )
        pairs.append((one, two))
        print(f"  -j 1 {one:6.2f} s   -j 2 {two:6.2f} s   ratio {one / two:.2f}")
    print(f"-j 2 is {statistics.median(a / b for a, b in pairs):.2f} times as fast (aim: 1.8)")


def chain(source: Path, out: Path, repeat: int) -> None:
    """Compare five processes in a pipe with one that takes the same steps."""
    steps = [[argument for step in part for argument in ("--step", step)] for part in CHAIN]
    alone = [*CLEAN, *(argument for part in steps for argument in part), str(source)]
    calls = [" ".join([*CLEAN, *part]) for part in steps]
    calls[0] += f" '{source}'"
    piped = " | ".join(calls) + f" > '{out}'"
    pairs = []
    for _ in range(repeat):
        one, five = wall_of([*alone, "-o", str(out)]), wall_of(piped)
        pairs.append((one, five))
        print(f"  one {one:6.2f} s   five {five:6.2f} s   ratio {five / one:.2f}")
    print(f"five take {statistics.median(b / a for a, b in pairs):.2f} of one (aim: 1.5)")


def memory(folder: Path, files: list[str]) -> None:
    """Compare the peak resident size after 100 MB and after 1 GB of input."""
    peaks = []
    for megabytes in (100, 1000):
        make_input(folder / "large.zst", files, megabytes)
        command = [*CLEAN, *WITHOUT, str(folder / "large.zst"), "-o", str(folder / "out.zst")]
        peaks.append(cost_of(command).peak)
        print(f"  {megabytes:>5} MB in: peak {peaks[-1] / 2**20:.0f} MiB")
    print(f"1 GB takes {peaks[1] / peaks[0]:.3f} of 100 MB (aim: 1.1)")


def main() -> None:
    """Print the three comparisons."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("files", nargs="*")
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--megabytes", type=int, default=60)
    parser.add_argument("--memory", action="store_true", help="also the memory, some minutes")
    args = parser.parse_args()
    files = args.files or sorted(map(str, PAGES.glob("*.jsonl.zst")))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        source, out = folder / "input.zst", folder / "out.zst"
        make_input(source, files, args.megabytes)
        workers(source, out, args.repeat)
        chain(source, out, args.repeat)
        if args.memory:
            memory(folder, files)


if __name__ == "__main__":
    main()
