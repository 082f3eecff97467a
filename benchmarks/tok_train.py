"""Train a tokenizer with mind-tok and with SentencePiece's own trainer, in turn.

mind-tok reads the compressed records and draws its sample; SentencePiece reads the same texts from
a plain file, with the same settings. CPU seconds and the peak of memory of the whole process.

usage: python benchmarks/tok_train.py [FILE.jsonl.zst …] [--megabytes 50] [--vocab-size 32000]
       [--kind bpe] [--repeat 3]

Without files the shipped pages are taken, with 16,000 entries.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

import orjson
from measuring import in_turn, median
from shipped import VOCABULARY, shipped_texts

from mind_core.output import write_records
from mind_core.stream import read_batches

PEER = """
import sys, sentencepiece
from mind_core.special_tokens import PII_TOKENS
text, vocab, kind, prefix = sys.argv[1:]
sentencepiece.SentencePieceTrainer.train(
    input=text, model_prefix=prefix, model_type=kind, vocab_size=int(vocab),
    character_coverage=0.9995, byte_fallback=True, split_digits=True, max_sentence_length=16384,
    normalization_rule_name="identity", add_dummy_prefix=False, remove_extra_whitespaces=False,
    allow_whitespace_only_pieces=True, user_defined_symbols=list(PII_TOKENS), num_threads=16,
    minloglevel=2)
"""


def main() -> None:
    """Print seconds and memory of both, and the ratio."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("files", nargs="*")
    parser.add_argument("--megabytes", type=float, default=50)
    parser.add_argument("--vocab-size", type=int)
    parser.add_argument("--kind", default="bpe")
    parser.add_argument("--repeat", type=int, default=3)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        args.vocab_size = args.vocab_size or (32_000 if args.files else VOCABULARY)
        records, size = [], 0
        # Many small files: some records of each, as they come.
        for batch in read_batches(args.files or [shipped_texts(folder)]):
            for _, line in batch.lines():
                record = orjson.loads(line)
                if size + len(record["text"].encode()) <= args.megabytes * 1e6:
                    size += len(record["text"].encode())
                    records.append({"id": str(len(records)), "text": record["text"]})
        write_records(folder / "in.jsonl.zst", records)
        (folder / "in.txt").write_text("\n".join(record["text"] for record in records), "utf-8")
        vocab = str(args.vocab_size)
        costs = {}
        for number in range(args.repeat):
            ours = ["mind-tok", "train", str(folder / "in.jsonl.zst"), "--vocab-size", vocab]
            ours += ["--kind", args.kind, "--sample", "1G", "-q", "-o", str(folder / f"t{number}")]
            theirs = [sys.executable, "-c", PEER, str(folder / "in.txt"), vocab, args.kind]
            theirs.append(str(folder / "sp"))
            run = in_turn({"mind-tok train": ours, "sentencepiece": theirs}, 1)
            for key, values in run.items():
                costs.setdefault(key, []).extend(values)
    print(f"{size / 1e6:.1f} MB, {args.vocab_size:,} entries, {args.kind}")
    found = {key: median(values) for key, values in costs.items()}
    for key, cost in found.items():
        print(f"{key:16} {cost.cpu:6.1f} CPU s  {cost.wall:6.1f} s  {cost.peak / 1e6:7.0f} MB")
    ratio = found["mind-tok train"].cpu / found["sentencepiece"].cpu
    print(f"ratio            {ratio:6.2f}  (aim: at most 1.20)")


if __name__ == "__main__":
    main()
