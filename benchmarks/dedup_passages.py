"""Set `mind-dedup --scope passage` beside a suffix array, text-dedup's way of exact passages.

text-dedup 0.4 has the half in Python only: it runs a Rust program of google-research's repository,
which no package registry has. So the array comes from pydivsufsort, with the neighbours' common
prefixes (Kasai), and the rule is that program's: all bytes of runs of `--bytes` bytes and more that
occur twice, in one text or two. Ours is run with `keep_first = false`, which takes all copies.

usage: python benchmarks/dedup_passages.py [FILE.jsonl.zst …] [--megabytes 20] [--bytes 150,300]

Without files the shipped pages are taken, without pydivsufsort (of PyPI) ours only is measured.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from shipped import shipped_texts

from mind_core.output import write_records
from mind_core.stream import read_records


def texts_of(path: str, megabytes: float) -> list[str]:
    """Return the texts of the first megabytes."""
    found, size = [], 0
    for record in read_records([path]):
        found.append(record["text"])
        size += len(found[-1].encode())
        if size > megabytes * 1e6:
            break
    return found


def ours(texts: Sequence[str], folder: Path) -> tuple[float, int]:
    """Return CPU seconds of the whole command, and the bytes that it takes out."""
    source, out = folder / "in.jsonl", folder / "out.jsonl"
    write_records(source, [{"id": str(n), "text": text} for n, text in enumerate(texts)], level=0)
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    command = [sys.executable, "-m", "mind_dedup", str(source), "-o", str(out)]
    options = ["-z", "0", "--allow", "-q", "--scope", "passage"]
    options += ["--set", "scope.keep_first=false"]
    subprocess.run([*command, *options], check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    left = sum(len(record["text"].encode()) for record in read_records([out]))
    seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return seconds, sum(len(text.encode()) for text in texts) - left


def by_suffix_array(texts: Sequence[str]) -> tuple[float, Any, Any, Any]:
    """Return CPU seconds, the array, common prefixes of neighbours in it, and ends of texts."""
    from pydivsufsort import divsufsort, kasai

    data = np.frombuffer("".join(texts).encode(), np.uint8).copy()  # it wants one to write to
    ends = np.cumsum([len(text.encode()) for text in texts])
    begin = time.process_time()
    array = divsufsort(data)
    prefixes = kasai(data, array)
    return time.process_time() - begin, array, prefixes, ends


def repeated(array: Any, prefixes: Any, ends: NDArray[np.int64], size: int) -> int:
    """Return how many bytes lie in runs of `size` that occur twice, each inside of one text."""
    starts = np.asarray(array, np.int64)
    room = ends[np.searchsorted(ends, starts, side="right")] - starts
    whole = room >= size
    # Suffixes that share `size` bytes stand side by side; one that its text ends is no copy.
    alike = np.asarray(prefixes[: len(starts) - 1]) >= size
    group = np.concatenate([[0], np.cumsum(~alike)])
    copies = np.bincount(group, weights=whole, minlength=group[-1] + 1)
    marks = np.zeros(len(starts) + 1, np.int64)
    twice = starts[whole & (copies[group] >= 2)]
    np.add.at(marks, twice, 1)
    np.add.at(marks, twice + size, -1)
    return int((np.cumsum(marks) > 0).sum())


def main() -> None:
    """Print CPU seconds and bytes of both."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("files", nargs="*")
    parser.add_argument("--megabytes", type=float, default=20)
    parser.add_argument("--bytes", default="150,300")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        for file in args.files or [shipped_texts(Path(folder))]:
            compare(file, args.megabytes, [int(size) for size in args.bytes.split(",")])


def compare(file: str | Path, megabytes: float, lengths: Sequence[int]) -> None:
    """Print what both make of the first megabytes of a file."""
    texts = texts_of(str(file), megabytes)
    size = sum(len(text.encode()) for text in texts)
    with tempfile.TemporaryDirectory() as folder:
        seconds, gone = ours(texts, Path(folder))
    print(f"{Path(file).name}: {size / 1e6:.1f} MB in {len(texts):,} texts")
    print(f"  mind-dedup, 50 tokens      {seconds:6.1f} CPU s {gone / 1e6:7.3f} MB")
    if find_spec("pydivsufsort") is None:
        print("  pydivsufsort is not installed: no suffix array")
        return
    seconds, array, prefixes, ends = by_suffix_array(texts)
    for length in lengths:
        found = repeated(array, prefixes, ends, length)
        print(f"  suffix array, {length:4} bytes   {seconds:6.1f} CPU s {found / 1e6:7.3f} MB")


if __name__ == "__main__":
    main()
