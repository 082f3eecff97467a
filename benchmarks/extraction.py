"""Measure extractors of main text in turn: pages per CPU second, and F1 where there is gold.

Pages are the shipped ones, or the records with `html` of the files given; with `gold` (the main
text that a reader would expect) and `lang` on the records, the mean token F1 is shown per file and
language. The peers run in environments of their own, made on first use (see peers/).

usage: python benchmarks/extraction.py [FILE.jsonl.zst]... [--pages 400] [--repeat 3]
       [--only blocks,trafilatura]
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

from peers.environment import HERE as PEERS
from peers.environment import peer_python

PAGES = Path(__file__).parent.parent / "tests" / "data" / "pages"
OURS = "blocks"
BASE = "trafilatura"
NAMES = (
    OURS,
    f"{OURS}_learned",
    BASE,
    "trafilatura_fast",
    "trafilatura_recall",
    "readability",
    "resiliparse",
)


def run(name: str, pages: int, files: list[str]) -> dict[str, Any]:
    """Run one extractor over the pages in a process of its own."""
    python = sys.executable if name.startswith(OURS) else str(peer_python(name.split("_")[0]))
    command = [python, str(PEERS / "extraction_worker.py"), name, str(pages), *files]
    done = subprocess.run(command, capture_output=True, check=True, text=True)
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def main() -> None:
    """Run all in turn and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("files", nargs="*")
    parser.add_argument("--pages", type=int, default=400, help="at most so many")
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--only", default=",".join(NAMES))
    args = parser.parse_args()
    files = args.files or sorted(map(str, PAGES.glob("*.jsonl.zst")))
    names = args.only.split(",")
    answers: dict[str, list[dict[str, Any]]] = {name: [] for name in names}
    for _ in range(args.repeat):
        for name in names:
            answers[name].append(run(name, args.pages, files))
    groups = sorted(answers[names[0]][0]["scores"])
    speed = {
        name: statistics.median(answer["pages"] / answer["cpu"] for answer in found)
        for name, found in answers.items()
    }
    header = ["extractor", "pages per CPU s", f"× {BASE}", *(f"F1 {group}" for group in groups)]
    print(f"{answers[names[0]][0]['pages']} pages, median of {args.repeat} runs in turn\n")
    print("| " + " | ".join(header) + " |")
    print("|---" * len(header) + "|")
    for name in names:
        scores = answers[name][0]["scores"]
        ratio = f"{speed[name] / speed[BASE]:.1f}" if BASE in speed else "–"
        means = [f"{statistics.mean(scores[group]):.3f}" for group in groups]
        print("| " + " | ".join([f"`{name}`", f"{speed[name]:.0f}", ratio, *means]) + " |")


if __name__ == "__main__":
    main()
