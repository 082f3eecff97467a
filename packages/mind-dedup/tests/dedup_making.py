"""Texts with copies of known edits, and the tool run in this process."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path

from mind_core.output import write_records
from mind_core.records import Record
from mind_core.stream import read_records
from mind_dedup.cli import app

HAN = [chr(code) for code in range(0x4E00, 0x5A00)]


def han_text(seed: int, length: int) -> str:
    return "".join(random.Random(seed).choices(HAN, k=length))


def run(folder: Path, records: Sequence[Record], *arguments: str) -> list[Record]:
    """Run the tool in this process on a file; return what it writes."""
    write_records(folder / "in.jsonl", records, level=0)
    out = folder / "out.jsonl"
    app([str(folder / "in.jsonl"), "-o", str(out), "-q", *arguments], standalone_mode=False)
    return list(read_records([out]))


def edited(count: int) -> list[Record]:
    """Return texts with copies edited more or less, in a shuffled order."""
    chance = random.Random(5)
    texts = []
    for seed in range(count):
        base = han_text(seed, chance.choice([5, 40, 150]))
        texts.append(base)
        for _ in range(chance.choice([0, 0, 1, 3])):
            place = chance.randrange(len(base))
            texts.append(base[:place] + "龘" * chance.choice([0, 1, 4]) + base[place:])
    chance.shuffle(texts)
    return [{"id": i, "text": text, "source": f"s{i % 3}"} for i, text in enumerate(texts)]
