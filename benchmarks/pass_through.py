"""Measure the floor under every stream tool: what passing records through costs.

A bare loop (zstd decompress, split, orjson both ways, zstd compress) and a tool that only passes
records on, over the same file, in turn, in one process each. The aim is at least 60 % of the loop.

usage: python benchmarks/pass_through.py [FILE.jsonl.zst] [--megabytes 60] [--repeat 5]
"""

from __future__ import annotations

import argparse
import resource
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import orjson
import zstandard

from mind_core.records import encode
from mind_core.runner import BatchResult, StreamOptions, run_stream
from mind_core.stream import Batch, read_batches
from mind_core.summary import Summary

LEVEL = 3
PAGES = Path(__file__).parent.parent / "tests" / "data" / "pages"


def bare_loop(source: Path, target: Path) -> None:
    """Decompress, split, parse, print, compress: nothing else."""
    compressor = zstandard.ZstdCompressor(level=LEVEL, write_checksum=True).compressobj()
    reader = zstandard.ZstdDecompressor()
    with source.open("rb") as raw, target.open("wb") as out:
        rest = b""
        with reader.stream_reader(raw) as stream:
            while chunk := stream.read(1 << 20):
                *lines, rest = (rest + chunk).split(b"\n")
                dumped = [orjson.dumps(orjson.loads(line)) for line in lines]
                out.write(compressor.compress(b"\n".join(dumped) + b"\n"))
        out.write(compressor.flush())


def pass_on(batch: Batch) -> BatchResult:
    """Keep every record, parsed and serialised."""
    outcome = BatchResult()
    for _, _, record in outcome.records(batch):
        outcome.keep(encode(record))
    return outcome


def tool(source: Path, target: Path) -> None:
    """Pass the records through the corridor that every stream tool uses."""
    options = StreamOptions(inputs=(str(source),), output=target, level=LEVEL, quiet=True)
    run_stream(Summary("pass-through"), pass_on, options)


def seconds(what: str, source: Path, target: Path) -> float:
    """Run one of the two in a fresh process; return its CPU seconds less the imports."""
    run = [sys.executable, __file__, "--run", what, str(source), "--out", str(target)]
    return float(subprocess.run(run, capture_output=True, check=True, text=True).stdout)


def make_input(folder: Path, given: str | None, megabytes: int) -> Path:
    """Repeat the text of the given file, or of the shipped pages, up to the wanted size."""
    inputs = [given] if given else sorted(map(str, PAGES.glob("*.jsonl.zst")))
    data = b"".join(batch.data for batch in read_batches(inputs))
    while len(data) < megabytes * 1_000_000:
        data += data
    data = data[: data.rfind(b"\n", 0, megabytes * 1_000_000) + 1]
    path = folder / "input.jsonl.zst"
    path.write_bytes(zstandard.ZstdCompressor(level=LEVEL).compress(data))
    return path


def main() -> None:
    """Run the two in turn and print the ratio of their medians."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("file", nargs="?")
    parser.add_argument("--megabytes", type=int, default=60)
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--run", choices=["loop", "tool"], help=argparse.SUPPRESS)
    parser.add_argument("--out", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.run:
        before = resource.getrusage(resource.RUSAGE_SELF)
        (bare_loop if args.run == "loop" else tool)(Path(args.file), args.out)
        after = resource.getrusage(resource.RUSAGE_SELF)
        print(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        source = make_input(folder, args.file, args.megabytes)
        pairs = [
            (seconds("loop", source, folder / "a"), seconds("tool", source, folder / "b"))
            for _ in range(args.repeat)
        ]
    loop, ours = (statistics.median(column) for column in zip(*pairs, strict=True))
    ratio = statistics.median(a / b for a, b in pairs)
    print(f"bare loop    {loop:6.2f} CPU s  {args.megabytes / loop:6.1f} MB per CPU second")
    print(f"pass-through {ours:6.2f} CPU s  {args.megabytes / ours:6.1f} MB per CPU second")
    print(f"ratio        {ratio:6.2f}  (median of {args.repeat} pairs; aim: at least 0.60)")


if __name__ == "__main__":
    main()
