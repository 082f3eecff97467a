"""Measure the scans of mind-clean over texts: private data, lexicon, contamination, left-overs.

Each scan runs over the same texts in this process, in turn; beside each stands the plain way to
write it in Python. The figure is 10^6 bytes of UTF-8 per CPU second, the median of the rounds.

usage: python benchmarks/scans.py [FILE.jsonl ...] [--megabytes 20] [--rounds 3]
           [--lexicon FILE] [--against FILE ...]
Without files: the shipped pages, extracted. Records need a `text`.
"""

from __future__ import annotations

import argparse
import re
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from mind_clean.filters.contamination import Contamination
from mind_clean.filters.sensitive_words import SensitiveWords
from mind_clean.lexicon import fold, read_lexicon
from mind_clean.pii_rules.rules import PAPER, RULES
from mind_clean.transforms.markup import without_markup
from mind_clean.transforms.mojibake import repaired
from mind_clean.transforms.pii import find_pii
from mind_core.stream import read_records

DATA = Path(__file__).parent.parent / "tests" / "data"
PLAIN_PII = [
    re.compile(pattern)
    for pattern in (
        r"(?<![0-9])[1-8][0-9]{5}(?:18|19|20)[0-9]{9}[0-9Xx](?![0-9A-Za-z])",
        r"(?<![0-9])1[3-9][0-9][ -]?[0-9]{4}[ -]?[0-9]{4}(?![0-9])",
        r"[A-Za-z0-9._%+-]{1,64}@(?:[A-Za-z0-9-]{1,63}\.){1,8}[A-Za-z]{2,24}",
    )
]
"""The paper's three kinds as anybody would write them: no check digits, no words around."""

PLAIN_WORDS = 2000
TOKEN = re.compile(r"[\u3400-\u9fff]|[^\W_\u3400-\u9fff]+")
N = 13

Scan = Callable[[str], object]


def texts_of(files: list[str], most: int) -> list[str]:
    """Return the texts of the files, or of the shipped pages, up to a size."""
    if files:
        records = read_records(files)
    else:
        pages = sorted(map(str, (DATA / "pages").glob("*.zst")))
        command = [sys.executable, "-m", "mind_clean", "-q", "--step", "resiliparse", *pages]
        cleaned = subprocess.run([*command, "-z", "0"], capture_output=True, check=True).stdout
        import orjson

        records = map(orjson.loads, cleaned.splitlines())
    texts, size = [], 0
    for record in records:
        if size >= most * 1_000_000:
            break
        texts.append(record["text"])
        size += len(record["text"].encode("utf-8", "surrogatepass"))
    return texts


def plain_lexicon(lexicon: str) -> Scan:
    """Return an alternation of at most two thousand words."""
    words = sorted((w.word for w in read_lexicon(lexicon)), key=len, reverse=True)[:PLAIN_WORDS]
    pattern = re.compile("|".join(map(re.escape, words)))
    return lambda text: pattern.findall(fold(text))


def plain_contamination(against: list[str]) -> Scan:
    """Return a look-up of every n-gram, as a tuple of strings, in a set."""
    from mind_core.text.benchmark_files import benchmark_files, read_texts

    known = {
        gram
        for path in benchmark_files(against)
        for text in read_texts(path)
        for gram in plain_ngrams(text)
    }
    return lambda text: any(gram in known for gram in plain_ngrams(text))


def plain_ngrams(text: str) -> list[tuple[str, ...]]:
    """Return the runs of 13 tokens."""
    tokens = TOKEN.findall(text.lower())
    return [tuple(tokens[at : at + N]) for at in range(len(tokens) - N + 1)]


def scans(lexicon: str, against: list[str]) -> dict[str, Scan]:
    """Return what is measured, by name."""
    words = SensitiveWords(lexicon=lexicon)
    contamination = Contamination(against=tuple(against))
    contamination.prepare()
    contamination({"text": "compiled and loaded " * N})
    return {
        "pii, the paper's three kinds": lambda text: find_pii(text, PAPER),
        f"pii, all {len(RULES)} kinds": lambda text: find_pii(text, RULES),
        "  plain: three patterns": lambda text: [p.findall(text) for p in PLAIN_PII],
        "sensitive_words": lambda text: words({"text": text}),
        "  plain: alternation": plain_lexicon(lexicon),
        "contamination": lambda text: contamination({"text": text}),
        "  plain: set of n-grams": plain_contamination(against),
        "mojibake": repaired,
        "markup": without_markup,
    }


def megabytes(texts: list[str]) -> float:
    """Return the size of some texts as UTF-8, in 10^6 bytes."""
    return sum(len(text.encode("utf-8", "surrogatepass")) for text in texts) / 1e6


def speed(scan: Scan, texts: list[str]) -> float:
    """Return the megabytes that a scan does in a CPU second."""
    size = megabytes(texts)
    started = time.process_time()
    for text in texts:
        scan(text)
    return size / (time.process_time() - started)


def main() -> None:
    """Run all scans in turn and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("files", nargs="*")
    parser.add_argument("--megabytes", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--lexicon", default="seed")
    parser.add_argument("--against", nargs="*", default=[str(DATA / "benchmarks")])
    options = parser.parse_args()
    texts = texts_of(options.files, options.megabytes)
    bare = [text for text in texts if not find_pii(text, RULES)]
    print(f"{len(texts):,} texts, {megabytes(texts):.1f} MB; {len(bare):,} hold no private data")
    measured = scans(options.lexicon, options.against)
    speeds: dict[str, list[float]] = {}
    for _ in range(options.rounds):
        for name, scan in measured.items():
            speeds.setdefault(name, []).append(speed(scan, texts))
            if name.startswith("pii"):
                speeds.setdefault(f"  {name}, without hits", []).append(speed(scan, bare))
    for name, values in speeds.items():
        print(f"{name:44} {statistics.median(values):8.1f} MB per CPU second")


if __name__ == "__main__":
    main()
