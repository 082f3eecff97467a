"""Measure extractors of main text in turn: pages per CPU second, and F1 where there is gold.

Pages are the shipped ones, or the records with `html` of the files given; with `gold` (the main
text that a reader would expect) and `lang` on the records, the mean token F1 is shown per file and
language. The peers run in environments of their own, made on first use (see peers/).

usage: python benchmarks/extraction.py [FILE.jsonl.zst]... [--pages 400] [--repeat 3]
       [--only blocks,trafilatura] [--held-back] [--most 100] [--weights judge.npz]
       [--each pages.jsonl]

With --held-back, only pages of the sites on which train_judge.py trains nothing are read; --weights
are what it wrote without --all. --each writes a line for every page and extractor.
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


def run(name: str, files: list[str], options: list[str]) -> dict[str, Any]:
    """Run one extractor over the pages in a process of its own."""
    python = sys.executable if name.startswith(OURS) else str(peer_python(name.split("_")[0]))
    command = [python, str(PEERS / "extraction_worker.py"), name, *files, *options]
    done = subprocess.run(command, capture_output=True, check=True, text=True)
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def options_of(args: argparse.Namespace, name: str) -> list[str]:
    """Return the options of a worker."""
    options = ["--pages", str(args.pages), "--most", str(args.most)]
    if args.held_back:
        options.append("--held-back")
    if args.weights and name.startswith(OURS):
        options += ["--weights", args.weights]
    return options


def means(pages: list[dict[str, Any]], value: str = "f1") -> dict[str, tuple[int, float]]:
    """Return the number of pages and the mean of a value, by file and kind of page."""
    groups: dict[str, list[float]] = {}
    for page in pages:
        if "kind" in page:
            for part in (page["kind"], "all"):
                groups.setdefault(f"{page['group']} {part}", []).append(page[value])
    return {name: (len(found), statistics.mean(found)) for name, found in sorted(groups.items())}


def main() -> None:
    """Run all in turn and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("files", nargs="*")
    parser.add_argument("--pages", type=int, default=400, help="at most so many")
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--only", default=",".join(NAMES))
    parser.add_argument("--held-back", action="store_true")
    parser.add_argument(
        "--most", type=int, default=1 << 30, help="pages of a file, drawn by a hash"
    )
    parser.add_argument("--weights", help="of the judge of `blocks`, instead of those that ship")
    parser.add_argument("--each", type=Path, help="a line of JSON for every page and extractor")
    args = parser.parse_args()
    files = args.files or sorted(map(str, PAGES.glob("*.jsonl.zst")))
    names = args.only.split(",")
    answers: dict[str, list[dict[str, Any]]] = {name: [] for name in names}
    for _ in range(args.repeat):
        for name in names:
            answers[name].append(run(name, files, options_of(args, name)))
    show(answers, args.repeat)
    if args.each:
        rows = ({"extractor": name, **page} for name in names for page in answers[name][0]["pages"])
        args.each.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")


def show(answers: dict[str, list[dict[str, Any]]], repeat: int) -> None:
    """Print the table."""
    speed = {
        name: statistics.median(len(answer["pages"]) / answer["cpu"] for answer in found)
        for name, found in answers.items()
    }
    pages = next(iter(answers.values()))[0]["pages"]
    groups = [f"F1 {group} ({count})" for group, (count, _) in means(pages).items()]
    header = ["extractor", "pages per CPU s", f"× {BASE}", *groups]
    print(f"{len(pages)} pages, median of {repeat} runs in turn\n")
    print("| " + " | ".join(header) + " |")
    print("|---" * len(header) + "|")
    for name, found in answers.items():
        ratio = f"{speed[name] / speed[BASE]:.1f}" if BASE in speed else "–"
        scores = [f"{mean:.3f}" for _, mean in means(found[0]["pages"]).values()]
        print("| " + " | ".join([f"`{name}`", f"{speed[name]:.0f}", ratio, *scores]) + " |")


if __name__ == "__main__":
    main()
