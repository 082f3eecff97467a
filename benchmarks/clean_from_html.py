"""Measure cleaning from HTML: the whole recipe `mindllm` and datatrove's pipeline, in turn.

Both read the same pages from .jsonl.zst and write .jsonl.zst, one process each, start-up included.
The aim is 15 times datatrove's pages per CPU second.

usage: python benchmarks/clean_from_html.py [FILE.jsonl.zst ...] [--pages 1500] [--peer-pages 150]
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
from pathlib import Path

from measuring import in_turn, median
from peers.environment import peer_python

from mind_core.output import write_records
from mind_core.stream import read_records

HERE = Path(__file__).parent
PAGES = HERE.parent / "tests" / "data" / "pages"


def main() -> None:
    """Run both in turn over samples of the same pages and print pages per CPU second."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("files", nargs="*", type=Path)
    parser.add_argument("--pages", type=int, default=1500)
    parser.add_argument("--peer-pages", type=int, default=150)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--recipe", default="mindllm")
    args = parser.parse_args()
    records = list(read_records(args.files or sorted(PAGES.glob("*.jsonl.zst"))))
    random.Random(0).shuffle(records)
    ours, theirs = records[: args.pages], records[: args.peer_pages]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "pages").mkdir()
        write_records(folder / "ours.jsonl.zst", ours)
        write_records(folder / "pages" / "theirs.jsonl.zst", theirs)
        clean = [sys.executable, "-m", "mind_clean", "-q", "--recipe", args.recipe]
        output = ["-o", str(folder / "out.zst")]
        peer = [
            str(peer_python("datatrove")), str(HERE / "peers" / "datatrove_html.py"),
            str(folder / "pages"), str(folder / "datatrove"),
        ]  # fmt: skip
        costs = in_turn(
            {"mind-clean": [*clean, str(folder / "ours.jsonl.zst"), *output], "datatrove": peer},
            args.repeat,
            environment={"OMP_NUM_THREADS": "1"},
        )
    size = sum(len(record["html"].encode()) for record in ours) / 1e6
    print(f"{len(ours)} pages, {size:.1f} MB of HTML; datatrove on the first {len(theirs)} of them")
    rates = {}
    for name, count in (("mind-clean", len(ours)), ("datatrove", len(theirs))):
        cost = median(costs[name])
        rates[name] = count / cost.cpu
        print(
            f"{name:<11} {cost.cpu:7.2f} CPU s  {rates[name]:7.1f} pages per CPU second  "
            f"peak {cost.peak / 2**20:,.0f} MiB"
        )
    print(f"ratio       {rates['mind-clean'] / rates['datatrove']:7.1f}  (aim: at least 15)")


if __name__ == "__main__":
    main()
