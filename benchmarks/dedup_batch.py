"""Deduplicate a file as one batch in memory: what mind-dedup's stream is measured against.

The same loops read, compare and decide, each called once for everything, and nothing is written
before all is decided.

usage: python benchmarks/dedup_batch.py IN.jsonl.zst OUT.jsonl.zst
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # as mind-dedup does

import numpy as np
import zstandard

from mind_core.stream import Batch
from mind_dedup.deduplicator import Deduplicator
from mind_dedup.input_size import InputSize
from mind_dedup.plain_batches import outcome_of
from mind_dedup.signatures.minhash import MinHash


def main() -> None:
    """Read all, decide all, write all."""
    source, target = map(Path, sys.argv[1:])
    reader = zstandard.ZstdDecompressor().decompressobj()
    batch = Batch(str(source), 1, reader.decompress(source.read_bytes()))
    signature = MinHash()
    outcome = outcome_of(batch, signature)
    assert outcome is not None, "a line is not plain"
    prints = outcome.payload
    matches = Deduplicator(signature, size=InputSize(len(batch.data))).decide(prints)
    stays = np.array([match is None for match in matches])
    compressor = zstandard.ZstdCompressor(level=3, write_checksum=True).compressobj()
    with target.open("wb") as file:
        kept = b"".join(prints.lines.lines(np.flatnonzero(stays)))
        for start in range(0, len(kept), 1 << 20):
            file.write(compressor.compress(kept[start : start + (1 << 20)]))
        file.write(compressor.flush())


if __name__ == "__main__":
    main()
