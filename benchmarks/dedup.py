"""Measure mind-dedup against its peers and against reading and writing alone, file to file.

All read the same JSONL.zst and write one, each in a process of its own, in turn; what they removed
is judged by an exact join over all pairs (see peers/dedup_corpus.py), Chinese and English apart.
"one batch" does in memory and at once what mind-dedup does in a stream.

usage: python benchmarks/dedup.py [FILE.jsonl.zst …] [--documents 110000] [--repeat 3]
       [--peers datasketch,rensa,gaoya,gaoya-own,datatrove,text-dedup] [--folder KEPT_CORPUS]

FILES hold texts or pages; without any the shipped pages are taken (about 6,000 documents).
datatrove takes a quarter of an hour for 100,000 documents: name it to have it. text-dedup wants a
python3.12 on the PATH, and minutes.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

import numpy as np
from measuring import Cost, in_turn, median
from peers.dedup_corpus import corpus
from peers.environment import peer_python

from mind_core.stream import read_records

HERE = Path(__file__).parent
PEERS = "datasketch,rensa,gaoya,gaoya-own"


def command(name: str, source: Path, target: Path) -> list[str]:
    """Return the command that deduplicates a file into another."""
    if name == "bare loop":
        return [
            sys.executable, str(HERE / "pass_through.py"), str(source),
            "--run", "loop", "--out", str(target),
        ]  # fmt: skip
    if name == "one batch":
        return [sys.executable, str(HERE / "dedup_batch.py"), str(source), str(target)]
    if name.startswith("mind-dedup"):
        more = name.removeprefix("mind-dedup").split()
        ours = [sys.executable, "-m", "mind_dedup", str(source), "-o", str(target)]
        return [*ours, "--allow", "-q", *more]
    if name in ("datatrove", "text-dedup"):
        script = [str(HERE / "peers" / f"dedup_{name.replace('-', '_')}.py")]
    else:
        script = [str(HERE / "peers" / "dedup_peers.py"), name]
    environment = peer_python(name.removesuffix("-own"))
    return [str(environment), *script, str(source), str(target)]


def judged(folder: Path, target: Path) -> str:
    """Return recall and precision of what was removed, for all, Chinese and English."""
    truth = np.load(folder / "truth.npz")
    wanted = truth["removed"]
    # A document without an id of its own is datatrove's number 0.
    kept = [int(record.get("id", 0)) for record in read_records([target])]
    removed = np.ones(len(wanted), bool)
    removed[kept] = False
    similar = np.zeros(len(wanted), bool)
    similar[truth["first"]] = similar[truth["second"]] = True
    cells = []
    for part in (np.ones(len(wanted), bool), truth["chinese"], ~truth["chinese"]):
        recall = removed[wanted & part].mean()
        precision = similar[removed & part].mean() if (removed & part).any() else 1.0
        cells.append(f"{recall:.4f} / {precision:.4f}")
    return "  ".join(cells)


def main() -> None:
    """Run all in turn and print a line for each."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("files", nargs="*", type=Path)
    parser.add_argument("--documents", type=int, default=110_000)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--peers", default=PEERS)
    parser.add_argument(
        "--ours", default="mind-dedup,one batch", help="comma-separated, with options"
    )
    parser.add_argument("--folder", type=Path, help="keep the corpus here, to use it again")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = corpus(args.folder or Path(name) / "corpus", args.files, args.documents)
        source = folder / "docs.jsonl.zst"
        size = np.load(folder / "truth.npz")["text_bytes"]
        names = [
            "bare loop",
            *filter(None, args.ours.split(",")),
            *filter(None, args.peers.split(",")),
        ]
        targets = {name: Path(name_of) for name, name_of in (
            (one, f"{name}/{one.replace(' ', '_').replace('/', '_')}.zst") for one in names
        )}  # fmt: skip
        runs = {one: command(one, source, targets[one]) for one in names}
        # An installed package has its bytecode; where Python may not write it, it would compile.
        environment = {"PYTHONDONTWRITEBYTECODE": ""}
        costs = in_turn(runs, args.repeat, environment=environment, stdout=-3, stderr=-3)
        report(folder, targets, costs, size)


def report(
    folder: Path, targets: dict[str, Path], costs: dict[str, list[Cost]], size: np.ndarray
) -> None:
    """Print what each took and found."""
    megabytes = size.sum() / 1e6
    print(f"{len(size):,} documents, {megabytes:.1f} MB of text, {len(costs['bare loop'])} runs")
    print(f"{'':22}  CPU s  MB/CPU s  peak MB  recall / precision: all, zh, en")
    for name, target in targets.items():
        cost = median(costs[name])
        found = judged(folder, target) if name != "bare loop" else ""
        print(
            f"{name:22} {cost.cpu:6.2f} {megabytes / cost.cpu:9.2f} {cost.peak / 1e6:8.0f}  {found}"
        )


if __name__ == "__main__":
    main()
