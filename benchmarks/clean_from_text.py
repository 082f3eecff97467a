"""Measure cleaning from text: our recipes and the peers' chains of the same rules, on one core.

The records are the texts of the shipped pages, or of the files given, by language, read again from
the first until there are enough. Every tool reads and writes lines of its own kind and runs in turn
with the others. A run over one record shows what starting costs; it is shown, and taken off before
the megabytes per second are reckoned.

usage: python benchmarks/clean_from_text.py [--en FILE] [--zh FILE] [--megabytes 8] [--repeat 3]
       [--language en] [--ours-only]
Peers are installed on first use, each into an environment of its own (see peers/).
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import zstandard
from measuring import Cost, cost_of, median
from peers.environment import HERE as PEERS
from peers.environment import peer_python

from mind_core.records import encode
from mind_core.stream import read_batches
from mind_core.text.languages import language_of_text

PAGES = Path(__file__).parent.parent / "tests" / "data" / "pages"
SAME_RULES = {
    "en": ["--step", "gopher_repetition", "--step", "gopher_quality", "--step", "pii"],
    "zh": ["--step", "fineweb2_zh", "--step", "pii"],
}
RECIPES = {"en": "gopher-en", "zh": "fineweb2-zh"}
ONE_CORE = {
    **dict.fromkeys(("OMP_NUM_THREADS", "RAYON_NUM_THREADS", "NUMBA_NUM_THREADS"), "1"),
    "HF_DATASETS_OFFLINE": "1",
    "MIND_PLUGINS": "",
}


@dataclass(frozen=True)
class Corpus:
    """Hold the records of one language in the shapes that the tools read."""

    folder: Path
    language: str
    records: int
    megabytes: float

    @property
    def zst(self) -> Path:
        """Return the file of zstd lines, alone in its folder."""
        return self.folder / "in" / "text.jsonl.zst"

    @property
    def plain(self) -> Path:
        """Return the file of plain lines."""
        return self.folder / "text.jsonl"


Run = Callable[[Corpus, Path], Cost]


def texts_of(files: Sequence[str], language: str) -> Iterator[str]:
    """Yield the texts of some files that are in a language; pages are extracted first."""
    command = [sys.executable, "-m", "mind_clean", "-q", "-z", "0", *files]
    command += ["--step", "resiliparse", "--step", "whitespace"]
    done = subprocess.run(command, capture_output=True, check=True)
    for line in done.stdout.splitlines():
        text = json.loads(line)["text"]
        if len(text) > 200 and language_of_text(text) == language:
            yield text


def make_corpus(folder: Path, language: str, texts: Sequence[str], megabytes: float) -> Corpus:
    """Write the texts, again from the first if need be, up to a size."""
    lines: list[bytes] = []
    size = 0
    for number, text in enumerate(itertools.cycle(texts)):
        if size >= megabytes * 1e6:
            break
        size += len(text.encode())
        lines.append(encode({"id": str(number), "text": text}))
    corpus = Corpus(folder, language, len(lines), size / 1e6)
    corpus.zst.parent.mkdir(parents=True)
    corpus.zst.write_bytes(zstandard.ZstdCompressor().compress(b"".join(lines)))
    corpus.plain.write_bytes(b"".join(lines))
    return corpus


def ours(arguments: Sequence[str]) -> Run:
    """Return a run of mind-clean."""

    def run(corpus: Corpus, work: Path) -> Cost:
        command = [sys.executable, "-m", "mind_clean", "-q", str(corpus.zst), *arguments]
        return cost_of([*command, "-o", str(work / "out.jsonl.zst")], ONE_CORE)

    return run


def datatrove(corpus: Corpus, work: Path) -> Cost:
    """Run datatrove's local executor."""
    script = str(PEERS / "datatrove_chain.py")
    command = [str(peer_python("datatrove")), script, str(corpus.zst.parent), str(work)]
    return cost_of([*command, corpus.language], ONE_CORE, stderr=subprocess.DEVNULL)


def data_juicer(corpus: Corpus, work: Path) -> Cost:
    """Run data-juicer's command."""
    config = (PEERS / "data-juicer.yaml").read_text("utf-8").format(
        source=corpus.plain, target=work / "out.jsonl", language=corpus.language,
        min_words=20 if corpus.language == "en" else 1,
    )  # fmt: skip
    (work / "recipe.yaml").write_text(config, "utf-8")
    command = [str(peer_python("data-juicer").parent / "dj-process"), "--config"]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "cwd": work}
    return cost_of([*command, str(work / "recipe.yaml")], ONE_CORE, **quiet)


def kept(work: Path) -> int:
    """Count the records that a run left, whatever it called its file."""
    files = [str(p) for p in (*work.glob("out.jsonl*"), *work.glob("out/*.jsonl*"))]
    return sum(sum(1 for _ in batch.lines()) for batch in read_batches(files))


def calibration() -> float:
    """Return the CPU seconds of a fixed loop: how slow the machine is while others use it too."""
    seconds = []
    for _ in range(5):
        started = time.process_time()
        total = 0
        for number in range(1_000_000):
            total += number & 7
        seconds.append(time.process_time() - started)
    return statistics.median(seconds)


def measure(tools: dict[str, Run], corpus: Corpus, tiny: Corpus, repeat: int) -> None:
    """Run the tools in turn and print a row for each."""
    costs: dict[str, list[Cost]] = {name: [] for name in tools}
    starts: dict[str, list[Cost]] = {name: [] for name in tools}
    left: dict[str, int] = {}
    for _ in range(repeat):
        for name, run in tools.items():
            for of, where in ((starts, tiny), (costs, corpus)):
                work = Path(tempfile.mkdtemp(dir=corpus.folder))
                of[name].append(run(where, work))
                left[name] = kept(work) if where is corpus else 0
                shutil.rmtree(work)
    speeds = {}
    for name in tools:
        whole, start = median(costs[name]).cpu, median(starts[name]).cpu
        speeds[name] = corpus.megabytes / max(0.01, whole - start)
        print(
            f"| {name} | {corpus.language} | {corpus.records:,} | {corpus.megabytes:.2f} | "
            f"{whole:.2f} | {start:.2f} | {speeds[name]:.2f} | {left[name]:,} |"
        )
    first = next(iter(tools))
    for name in tools:
        if name != first and name.startswith("data"):
            print(f"  ({first}: {speeds[first] / speeds[name]:.0f} × {name})")


def main() -> None:
    """Measure both languages and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--en", action="append", help="a file of English records")
    parser.add_argument("--zh", action="append", help="a file of Chinese records")
    parser.add_argument("--megabytes", type=float, default=8)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--language", action="append", choices=["en", "zh"], help="only this one")
    parser.add_argument("--ours-only", action="store_true")
    args = parser.parse_args()
    os.environ.pop("MIND_JOBS", None)
    print("| tool | language | records | MB | CPU s | of which start | MB per CPU s | kept |")
    print("|---|---|---:|---:|---:|---:|---:|---:|")
    for language in args.language or ("en", "zh"):
        files = getattr(args, language) or sorted(map(str, PAGES.glob("*.jsonl.zst")))
        with tempfile.TemporaryDirectory() as name:
            texts = list(texts_of(files, language))
            random.Random(0).shuffle(texts)
            corpus = make_corpus(Path(name) / "all", language, texts, args.megabytes)
            tiny = make_corpus(Path(name) / "one", language, texts[:1], 1e-6)
            tools: dict[str, Run] = {
                "mind-clean, same rules": ours(SAME_RULES[language]),
                f"mind-clean, recipe {RECIPES[language]}": ours(["--recipe", RECIPES[language]]),
            }
            if not args.ours_only:
                tools |= {"datatrove": datatrove, "data-juicer": data_juicer}
            before = calibration()
            measure(tools, corpus, tiny, args.repeat)
            print(f"  (a fixed loop took {before:.3f} CPU s before, {calibration():.3f} after)")


if __name__ == "__main__":
    main()
