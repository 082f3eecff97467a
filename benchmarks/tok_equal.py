"""Prove over any amount of text that mind-tok's own loops give SentencePiece's ids, all of them.

Reads `text`, or `html` where there is none. Stops at the first difference and shows it.

usage: python benchmarks/tok_equal.py [FILE.jsonl.zst …] [-t TOKENIZER] [--megabytes N]

Without files the shipped pages are taken, without a tokenizer one trained on them.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import orjson
import sentencepiece
from shipped import shipped_texts, shipped_tokenizer

from mind_core.kernels.packed import pack
from mind_core.stream import read_batches
from mind_tok.bpe.sentencepiece_bpe import SPACE, SentencePieceBpe, why_not
from mind_tok.sentencepiece import MODEL
from mind_tok.sentencepiece_model import read_model


def main() -> None:
    """Compare batch by batch, and print how much was compared."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("files", nargs="*")
    parser.add_argument("-t", "--tokenizer", type=Path)
    parser.add_argument("--megabytes", type=float, default=float("inf"))
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        compare(
            args.files or [shipped_texts(Path(folder))],
            args.tokenizer or shipped_tokenizer(Path(folder)),
            args.megabytes,
        )


def compare(files: Sequence[str | Path], tokenizer: Path, megabytes: float) -> None:
    """Compare all ids of the texts; exit at the first difference."""
    data = (tokenizer / MODEL).read_bytes()
    model = read_model(data)
    if reason := why_not(model):
        sys.exit(f"{tokenizer} is not encoded in loops of our own: {reason}")
    ours = SentencePieceBpe(model)
    theirs = sentencepiece.SentencePieceProcessor(model_proto=data)
    size = tokens = documents = left_out = 0
    for batch in read_batches(files):
        records = [orjson.loads(line) for _, line in batch.lines()]
        texts = [record.get("text") or record.get("html") or "" for record in records]
        # SentencePiece cannot tell a literal U+2581 from a space; we write its bytes.
        plain = [text for text in texts if SPACE not in text]
        left_out += len(texts) - len(plain)
        packed = pack(plain)
        ids, ends = ours(*packed)
        rows = theirs.encode(plain, out_type="numpy", num_threads=1)
        wanted = np.concatenate([np.empty(0, np.int32), *rows])
        if not np.array_equal(ids, wanted):
            at = next(i for i, (a, b) in enumerate(zip(ids, wanted, strict=False)) if a != b)
            document = int(np.searchsorted(ends, at, side="right"))
            sys.exit(f"different in {batch.name}, text {plain[document][:200]!r}")
        assert np.array_equal(ends, np.cumsum([len(row) for row in rows]))
        size += len(packed.data)
        tokens += len(ids)
        documents += len(plain)
        print(f"{size / 1e6:,.0f} MB equal", end="\r", file=sys.stderr)
        if size >= megabytes * 1e6:
            break
    print(f"equal: {tokens:,} ids of {documents:,} texts, {size / 1e6:,.1f} MB of UTF-8")
    print(f"left out: {left_out:,} texts with a literal U+2581")


if __name__ == "__main__":
    main()
