"""Real texts cut into documents, with near copies of known similarity and the exact truth.

A document is a run of real lines. 15 % of them come again in one to three edited copies (words
replaced, a block replaced, a tail added, the end cut off) at a similarity of about 0.5 to 0.95, and
3 % as they are. The truth is an exact join over all pairs in plain Python: every pair whose 5-token
shingles have a Jaccard similarity of 0.8 or more, those that nature brought along too.
"""

from __future__ import annotations

import itertools
import random
import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import xxhash
import zstandard

from mind_core.stream import read_records

TOKEN = re.compile(r"[\u3040-\u30ff\u3400-\u9fff]|[^\W_\u3040-\u30ff\u3400-\u9fff]+")
HAN = re.compile(r"[\u3400-\u9fff]")
THRESHOLD = 0.8
PAGES = Path(__file__).parent.parent.parent / "tests" / "data" / "pages"

Array = np.ndarray[Any, Any]


def shingles(text: str) -> Array:
    """Return the sorted distinct 64-bit hashes of the 5-token shingles of a text."""
    tokens = TOKEN.findall(text.lower())
    rows = range(max(len(tokens) - 4, 1))
    digest = xxhash.xxh3_64_intdigest
    return np.array(sorted({digest(" ".join(tokens[i : i + 5]).encode()) for i in rows}), np.uint64)


def texts_of(inputs: Sequence[Path]) -> Iterator[str]:
    """Yield the texts of records; pages are brought to text first."""
    from resiliparse.extract.html2text import extract_plain_text

    for record in read_records(inputs or sorted(PAGES.glob("*.jsonl.zst"))):
        if "html" in record:
            yield extract_plain_text(record["html"], main_content=True)
        else:
            yield record["text"]


def base_documents(inputs: Sequence[Path], chance: random.Random) -> list[str]:
    """Return runs of lines: 300 to 6,000 characters, Chinese ones from 120."""
    found: dict[str, None] = {}
    for text in texts_of(inputs):
        lines = [line.strip() for line in text.split("\n") if line.strip()]
        at = 0
        while at < len(lines):
            chinese = len(HAN.findall(lines[at])) > len(lines[at]) / 3
            mean, least = (5.9, 120) if chinese else (6.9, 300)
            wanted = min(6000, int(chance.lognormvariate(mean, 0.8)) + least)
            run: list[str] = []
            while at < len(lines) and sum(map(len, run)) < wanted:
                run.append(lines[at][:8000])
                at += 1
            document = "\n".join(run)
            if len(document) >= least * 2 // 3 and len(TOKEN.findall(document)) >= 30:
                found[document] = None
    documents = list(found)
    chance.shuffle(documents)
    return documents


def edited(text: str, other: str, similarity: float, chance: random.Random) -> str:
    """Return a text changed so that about this similarity to it is left."""
    parts = re.split(f"({TOKEN.pattern})", text)
    foreign = TOKEN.findall(other * 3)
    tokens = range(1, len(parts), 2)
    lost = (1 - similarity) / (1 + similarity)
    kind = chance.choice(["words", "block", "tail", "cut"])
    if kind == "words":
        for place in chance.sample(tokens, max(1, round(len(tokens) * lost / 5))):
            parts[place] = chance.choice(foreign)
    elif kind == "block":
        count = max(1, round(len(tokens) * lost))
        begin = tokens[chance.randrange(len(tokens) - count + 1)]
        for place in range(begin, begin + 2 * count, 2):
            parts[place] = foreign[place % len(foreign)]
    elif kind == "tail":
        count = max(1, round(len(tokens) * (1 / similarity - 1)))
        parts += ["\n", " ".join(foreign[:count])]
    else:
        parts = parts[: 2 * round(len(tokens) * similarity) + 1]
    return "".join(parts)


def make_documents(inputs: Sequence[Path], count: int, seed: int) -> list[str]:
    """Return at most `count` documents, copies among them, in a shuffled order."""
    chance = random.Random(seed)
    base = base_documents(inputs, chance)[: int(count / 1.3)]
    documents = list(base)
    for text in chance.sample(base, int(0.15 * len(base))):
        for _ in range(chance.choice([1, 1, 2, 3])):
            target = chance.choice([0.5, 0.6, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95])
            documents.append(edited(text, chance.choice(base), target, chance))
    documents += chance.sample(base, int(0.03 * len(base)))
    chance.shuffle(documents)
    return documents[:count]


def pairs_above(sets: Sequence[Array], threshold: float) -> tuple[Array, Array, Array]:
    """Return every pair of sets as similar as that, by prefix filtering: rows, rows, similarity.

    Two sets of which one has n members can only be so similar if they share one of the
    n - ceil(t·n) + 1 rarest members of each (Chaudhuri, Ganti & Kaushik 2006).
    """
    sizes = np.array([len(own) for own in sets])
    _, inverse, counts = np.unique(np.concatenate(sets), return_inverse=True, return_counts=True)
    ranks = np.argsort(np.argsort(counts, kind="stable"))[inverse]
    edges = np.concatenate(([0], np.cumsum(sizes)))
    ranked = [np.sort(ranks[edges[i] : edges[i + 1]]) for i in range(len(sets))]
    prefixes = sizes - np.ceil(threshold * sizes - 1e-9).astype(int) + 1
    keys = np.concatenate([own[:p] for own, p in zip(ranked, prefixes, strict=True)])
    owners = np.repeat(np.arange(len(sets)), np.minimum(prefixes, sizes))
    order = np.lexsort((sizes[owners], keys))
    keys, owners = keys[order], owners[order]
    cuts = np.concatenate(([0], np.flatnonzero(keys[1:] != keys[:-1]) + 1, [len(keys)]))
    pairs: set[tuple[int, int]] = set()
    for begin, end in itertools.pairwise(cuts.tolist()):
        group = owners[begin:end]
        for at in range(len(group) - 1):
            stop = np.searchsorted(sizes[group], sizes[group[at]] / threshold, side="right")
            one = int(group[at])
            pairs |= {(min(one, o), max(one, o)) for o in group[at + 1 : stop].tolist()}
    rows = []
    for one, other in sorted(pairs):
        common = len(np.intersect1d(ranked[one], ranked[other], assume_unique=True))
        similarity = common / (sizes[one] + sizes[other] - common)
        if similarity >= threshold:
            rows.append((one, other, similarity))
    table = np.array(rows).reshape(-1, 3)
    return table[:, 0].astype(int), table[:, 1].astype(int), table[:, 2]


def keep_first(count: int, first: Array, second: Array) -> Array:
    """Return what an exact pass removes that keeps the first: (documents,) of truth values."""
    removed = np.zeros(count, bool)
    for one, other in sorted(zip(second.tolist(), first.tolist(), strict=True)):
        removed[one] |= not removed[other]
    return removed


def corpus(folder: Path, inputs: Sequence[Path], count: int, seed: int = 7) -> Path:
    """Write `docs.jsonl.zst` and `truth.npz` into a folder, unless they are there; return it."""
    if (folder / "truth.npz").exists():
        return folder
    folder.mkdir(parents=True, exist_ok=True)
    documents = make_documents(inputs, count, seed)
    chinese = np.array([len(HAN.findall(text)) > len(text) / 3 for text in documents])
    records = (
        {"id": i, "text": text, "source": "zh" if han else "en"}
        for i, (text, han) in enumerate(zip(documents, chinese.tolist(), strict=True))
    )
    data = b"".join(orjson.dumps(record) + b"\n" for record in records)
    (folder / "docs.jsonl.zst").write_bytes(zstandard.ZstdCompressor(level=3).compress(data))
    print(f"{len(documents):,} documents, finding all similar pairs", file=sys.stderr)
    first, second, similarity = pairs_above([shingles(t) for t in documents], THRESHOLD)
    np.savez(
        folder / "truth.npz",
        first=first, second=second, similarity=similarity, chinese=chinese,
        removed=keep_first(len(documents), first, second),
        text_bytes=np.array([len(text.encode()) for text in documents]),
    )  # fmt: skip
    return folder
