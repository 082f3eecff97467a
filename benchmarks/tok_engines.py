"""Set gigatoken beside our byte-level loops and Hugging Face's library, over the same texts.

Prints MB of UTF-8 per CPU second on one thread, first and second pass, and whether all ids of the
first `--compare` megabytes are the same.

usage: python benchmarks/tok_engines.py -t TOKENIZER [-t …] FILE.jsonl.zst … [--megabytes 8]
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

import numpy as np

from mind_core.stream import read_records
from mind_tok.loading import load_tokenizer


def texts_of(path: str, megabytes: float) -> list[str]:
    """Return the texts of the first megabytes."""
    size = 0
    found = []
    for record in read_records([path]):
        if size >= megabytes * 1e6:
            break
        found.append(record["text"])
        size += len(record["text"].encode())
    return found


def rates(tokenizer: Any, texts: list[str], megabytes: float) -> list[float]:
    """Return MB per CPU second of two passes."""
    found = []
    for _ in range(2):
        begin = time.process_time()
        tokenizer.encode_flat(texts)
        found.append(megabytes / (time.process_time() - begin))
    return found


def main() -> None:
    """Run all in turn and print a line for each."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("files", nargs="+")
    parser.add_argument("-t", "--tokenizer", action="append", required=True)
    parser.add_argument("--megabytes", type=float, default=8)
    parser.add_argument("--compare", type=float, default=2)
    args = parser.parse_args()
    for name in args.tokenizer:
        begin = time.process_time()
        fast, plain = load_tokenizer(name), load_tokenizer(name)
        fast.warm_up()
        if fast._engine.now() is None:  # type: ignore[attr-defined]
            raise SystemExit(f"{name}: gigatoken is not there, or gives other ids")
        plain._engine._asked = True  # type: ignore[attr-defined]
        print(f"{Path(name).name}: ready after {time.process_time() - begin:.1f} CPU s")
        for file in args.files:
            texts = texts_of(file, args.megabytes)
            size = sum(len(text.encode()) for text in texts) / 1e6
            few = texts_of(file, args.compare)
            few_size = sum(len(text.encode()) for text in few) / 1e6
            first, second = rates(fast, texts, size)
            slow = rates(plain, few, few_size)
            same = all(
                np.array_equal(one, other)
                for one, other in zip(fast.encode_flat(few), plain.encode_flat(few), strict=True)
            )
            print(
                f"  {Path(file).name:34} {size:6.1f} MB  gigatoken {first:6.1f} {second:6.1f}  "
                f"without {slow[0]:5.1f} {slow[1]:5.1f}  same ids: {same}"
            )


if __name__ == "__main__":
    main()
