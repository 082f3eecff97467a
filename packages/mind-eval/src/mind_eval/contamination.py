"""Which items stand in the training text: n-grams of words, of single characters in Chinese.

The items' n-grams are the index; the training text streams past it once, so memory is the
benchmarks', not the corpus's. An item is dirty if one of its n-grams occurs in training (n = 13, as
Brown et al. 2020); shorter pieces cannot be tested, and are counted so.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from mind_core import MindError, Record
from mind_core.files import MANIFEST, read_manifest
from mind_core.records import text_of
from mind_core.stream import check_inputs, read_records

N = 13
TEXT_FIELDS = ("passage", "abstract", "question", "text", "goal", "problem", "sentence")


def pieces_of(doc: Mapping[str, Any]) -> list[str]:
    """List the texts of an item that could stand in training: what it asks, and its choices."""
    found = [str(doc[name]) for name in TEXT_FIELDS if doc.get(name)]
    return [*found, *(str(choice) for choice in doc.get("choices") or ())]


def check_training(paths: Iterable[Path]) -> None:
    """Raise `MindError` for training text that is not there: before hours of scoring, not after."""
    for path in paths:
        if not path.is_dir():
            check_inputs([str(path)])
        elif not (path / MANIFEST).is_file():
            raise MindError(f"{path} is no folder of shards", hint="mind-tok encode makes them")
        else:
            read_manifest(path, format="mind-shards")


def training_texts(paths: Iterable[Path]) -> Iterator[str]:
    """Yield the texts of record streams and of token shards, decoded by their own tokenizer."""
    for path in paths:
        if path.is_dir():
            from mind_tok.decode import shard_records

            records: Iterable[Record] = shard_records(path)
        else:
            records = read_records([path])
        for number, record in enumerate(records, 1):
            yield text_of(record, f"{path}, record {number}")


def dirty_shares(
    items: Sequence[Sequence[str]], texts: Iterable[str], n: int = N
) -> list[float | None]:
    """Give for each item the share of its n-grams that occur in training; None: all too short."""
    import numpy as np

    from mind_core.text.ngrams import NgramIndex

    index = NgramIndex([("items", (piece for pieces in items for piece in pieces))], n)
    seen = np.zeros(len(index.hashes), dtype=bool)
    for text in texts:
        # A flag for each n-gram of the items, whatever the size of the corpus.
        seen[index.places(text)] = True
    shares: list[float | None] = []
    for pieces in items:
        # A piece that repeats itself does not count more; `places("")` is an empty array of the
        # right type.
        own = np.unique(np.concatenate([index.places(p) for p in pieces] or [index.places("")]))
        shares.append(float(seen[own].mean()) if len(own) else None)
    return shares


def columns(
    records: Sequence[Record], shares: Sequence[float | None], metric: str
) -> dict[str, dict[str, Any]]:
    """Score clean, dirty and untested items apart."""
    groups: dict[str, list[float]] = {"clean": [], "dirty": [], "untested": []}
    for record, share in zip(records, shares, strict=True):
        name = "untested" if share is None else "dirty" if share else "clean"
        if metric in record["metrics"]:
            groups[name].append(record["metrics"][metric])
    return {
        name: {"items": len(values), metric: math.fsum(values) / len(values) if values else None}
        for name, values in groups.items()
    }
