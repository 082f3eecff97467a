"""Which items stand in the training text: n-grams of words, of single characters in Chinese.

The items' n-grams are the index; the training text streams past it once, so memory is the
benchmarks', not the corpus's. An item is dirty if one of its n-grams occurs in training (n = 13, as
Brown et al. 2020); shorter pieces cannot be tested, and are counted so.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mind_core import MindError, Record
from mind_core.files import MANIFEST, read_manifest
from mind_core.records import text_of
from mind_core.stream import check_inputs, read_records
from mind_core.text.tokens import tokens

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

N = 13
TEXT_FIELDS = ("passage", "abstract", "question", "text", "goal", "problem", "sentence")
_BASE = 0x9E3779B97F4A7C15


def pieces_of(doc: Mapping[str, Any]) -> list[str]:
    """List the texts of an item that could stand in training: what it asks, and its choices."""
    found = [str(doc[name]) for name in TEXT_FIELDS if doc.get(name)]
    return [*found, *(str(choice) for choice in doc.get("choices") or ())]


def hashes(text: str, n: int = N) -> NDArray[np.uint64]:
    """Hash every n-gram of a text: [tokens - n + 1] numbers of 64 bits, none for a short text."""
    import numpy as np

    marks = np.array([zlib.crc32(unit.encode()) for unit in tokens(text)], dtype=np.uint64)
    count = len(marks) - n + 1
    if count < 1:
        return np.empty(0, dtype=np.uint64)
    marks = (marks + np.uint64(1)) * np.uint64(_BASE)
    found = np.zeros(count, dtype=np.uint64)
    for place in range(n):
        found = (found ^ marks[place : place + count]) * np.uint64(_BASE)
        found ^= found >> np.uint64(29)
    return found


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

    grams = [np.unique(np.concatenate([hashes(p, n) for p in pieces] or [hashes("")]))
             for pieces in items]  # fmt: skip
    index = np.unique(np.concatenate(grams)) if grams else np.empty(0, dtype=np.uint64)
    seen = np.zeros(len(index), dtype=bool)
    for text in texts:
        found = hashes(text, n)
        if len(found) and len(index):
            places = np.searchsorted(index, found).clip(max=len(index) - 1)
            seen[places[index[places] == found]] = True
    shares: list[float | None] = []
    for own in grams:
        hit = seen[np.searchsorted(index, own)] if len(own) else own
        shares.append(float(hit.mean()) if len(own) else None)
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
