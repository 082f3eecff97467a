"""Run one peer file to file: read JSONL.zst, remove near-duplicates, write JSONL.zst.

usage: python dedup_peers.py PEER IN.jsonl.zst OUT.jsonl.zst

One process, one thread, similarity 0.8, 128 permutations where the peer has that setting. The peers
that take strings or hashes get the 5-token shingles of one regular expression; `gaoya-own` has a
tokeniser of its own in Rust.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

os.environ.setdefault("RAYON_NUM_THREADS", "1")

import orjson
import zstandard

TOKEN = re.compile(r"[\u3040-\u30ff\u3400-\u9fff]|[^\W_\u3040-\u30ff\u3400-\u9fff]+")
THRESHOLD, PERMUTATIONS = 0.8, 128

Records = list[dict[str, Any]]


def shingles(text: str) -> set[str]:
    """Return the 5-token shingles of a text."""
    tokens = TOKEN.findall(text.lower())
    return {" ".join(tokens[i : i + 5]) for i in range(max(len(tokens) - 4, 1))}


def datasketch(records: Records) -> Iterator[bool]:
    """Keep what the index does not know."""
    from datasketch import MinHash, MinHashLSH

    index = MinHashLSH(threshold=THRESHOLD, num_perm=PERMUTATIONS)
    for number, record in enumerate(records):
        signature = MinHash(num_perm=PERMUTATIONS)
        signature.update_batch([shingle.encode() for shingle in shingles(record["text"])])
        known = bool(index.query(signature))
        if not known:
            index.insert(number, signature)
        yield not known


def rensa(records: Records) -> Iterator[bool]:
    """Use its deduplicator with LSH."""
    from rensa import RMinHashDeduplicator

    deduplicator = RMinHashDeduplicator(threshold=THRESHOLD, num_perm=PERMUTATIONS, use_lsh=True)
    yield from deduplicator.add_pairs(
        (str(number), shingles(record["text"])) for number, record in enumerate(records)
    )


def _gaoya(records: Records, *tokens: Any) -> Iterator[bool]:
    from gaoya.minhash import MinHashStringIndex

    index = MinHashStringIndex(32, THRESHOLD, 16, 8, None, *tokens, "smallvec")
    for number, record in enumerate(records):
        known = bool(index.query(record["text"]))
        if not known:
            index.insert_document(number, record["text"])
        yield not known


def gaoya(records: Records) -> Iterator[bool]:
    """Use its index over our shingles."""
    return _gaoya(records, lambda text: list(shingles(text)), False, None)


def gaoya_own(records: Records) -> Iterator[bool]:
    """Use its index with its own 5-grams of words."""
    return _gaoya(records, "word", True, (5, 5))


PEERS: dict[str, Callable[[Records], Iterator[bool]]] = {
    "datasketch": datasketch,
    "rensa": rensa,
    "gaoya": gaoya,
    "gaoya-own": gaoya_own,
}


def main() -> None:
    """Run the peer that the command line names."""
    name, source, target = sys.argv[1:]
    data = zstandard.ZstdDecompressor().decompressobj().decompress(Path(source).read_bytes())
    records = [orjson.loads(line) for line in data.split(b"\n") if line]
    compressor = zstandard.ZstdCompressor(level=3).compressobj()
    with Path(target).open("wb") as out:
        for record, kept in zip(records, PEERS[name](records), strict=True):
            if kept:
                out.write(compressor.compress(orjson.dumps(record) + b"\n"))
        out.write(compressor.flush())


if __name__ == "__main__":
    main()
