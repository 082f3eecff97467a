"""Prove that gigatoken gives the ids of Hugging Face's library over much text, part by part.

Each part of about `--part` megabytes is a line in RECORD: the file, the part's number, megabytes,
ids, and the SHA-256 of its text and of its ids. A run that was stopped goes on behind the parts
that RECORD has. Ends with 1 at the first difference, which is shown. Texts of more than a million
characters are cut at a line feed.

usage: python benchmarks/tok_exact.py RECORD.jsonl -t TOKENIZER FILE.jsonl.zst … [--seconds N]
       python benchmarks/tok_exact.py RECORD.jsonl --total

A tokenizer is what `mind-tok convert` reads; of SentencePiece's, what `--to huggingface` wrote.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import sys
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import tokenizers

from mind_core.stream import read_records
from mind_core.summary import version_of
from mind_tok.convert import read_any
from mind_tok.fast_engine import FastEngine

LONGEST = 1_000_000


def pieces(text: str) -> Iterator[str]:
    """Yield a text, a very long one in parts that end with a line feed where there is one."""
    while len(text) > LONGEST:
        cut = text.rfind("\n", 1, LONGEST) + 1 or LONGEST
        yield text[:cut]
        text = text[cut:]
    yield text


def parts(path: str, size: float) -> Iterator[list[str]]:
    """Yield the texts of a file in parts of about so many bytes."""
    found: list[str] = []
    held = 0
    for record in read_records([path]):
        for text in pieces(record["text"]):
            found.append(text)
            held += len(text.encode())
            if held >= size:
                yield found
                found, held = [], 0
    if found:
        yield found


def compare(engine: FastEngine, library: Any, texts: Sequence[str]) -> tuple[int, str]:
    """Return the number of ids and their SHA-256; exit at the first difference."""
    ids, ends = engine.encode(texts)
    rows = [row.ids for row in library.encode_batch_fast(list(texts), add_special_tokens=False)]
    wanted = np.concatenate([np.zeros(0, np.int64), *(np.array(row, np.int64) for row in rows)])
    if ends.tolist() != np.cumsum([len(row) for row in rows]).tolist() or not np.array_equal(
        ids, wanted
    ):
        for text, found, row in zip(texts, np.split(ids, ends[:-1]), rows, strict=True):
            if found.tolist() != row:
                pairs = zip(found.tolist(), row, strict=False)
                at = next(
                    (i for i, (a, b) in enumerate(pairs) if a != b), min(len(found), len(row))
                )
                before = library.decode(row[max(0, at - 8) : at + 8])
                sys.exit(f"different at token {at} of a text of {len(text):,}: near {before!r}")
    return len(ids), hashlib.sha256(ids.astype("<i4").tobytes()).hexdigest()


def run(record: Path, name: str, files: Sequence[str], size: float, seconds: float) -> None:
    """Compare what RECORD does not have yet, until the CPU seconds are used up."""
    tokenizer = read_any(name)
    content = orjson.dumps(tokenizer._plain) if isinstance(tokenizer._plain, dict) else None  # type: ignore[attr-defined]
    text = content.decode() if content else tokenizer._plain.to_str()  # type: ignore[attr-defined]
    engine, library = FastEngine(text), tokenizers.Tokenizer.from_str(text)
    rows = [json.loads(line) for line in record.read_text().splitlines()] if record.exists() else []
    done = {(row["tokenizer"], row["file"], row["part"]): row["text_sha256"] for row in rows}
    begin = time.process_time()
    for file in files:
        for number, texts in enumerate(parts(file, size)):
            data = "\0".join(texts).encode()
            digest = hashlib.sha256(data).hexdigest()
            if (had := done.get((tokenizer.sha256, Path(file).name, number))) is not None:
                if had != digest:
                    sys.exit(f"{file}, part {number}: RECORD has another text of this part")
                continue
            count, ids = compare(engine, library, texts)
            row = {
                "tokenizer": tokenizer.sha256, "name": Path(name).name, "file": Path(file).name,
                "part": number, "texts": len(texts), "mb": len(data) / 1e6, "ids": count,
                "text_sha256": digest, "ids_sha256": ids,
                "versions": {each: version_of(each) for each in ("gigatoken", "tokenizers")},
            }  # fmt: skip
            with record.open("a") as out:
                out.write(json.dumps(row) + "\n")
            if time.process_time() - begin > seconds:
                return


def total(record: Path) -> None:
    """Print what RECORD holds: megabytes, texts and ids by tokenizer and file."""
    sums: dict[tuple[str, str], list[float]] = defaultdict(lambda: [0.0, 0, 0])
    for line in record.read_text().splitlines():
        row = json.loads(line)
        for file in (row["file"], "all"):
            for place, key in enumerate(("mb", "texts", "ids")):
                sums[row["name"], file][place] += row[key]
    for (name, file), (mb, texts, ids) in sums.items():
        print(f"{name:20} {file:34} {mb:8.1f} MB {texts:9,.0f} texts {ids:13,.0f} ids, all equal")


def main() -> None:
    """Run, or print the sums."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("record", type=Path)
    parser.add_argument("files", nargs="*")
    parser.add_argument("-t", "--tokenizer")
    parser.add_argument("--part", type=float, default=16, help="megabytes")
    parser.add_argument("--seconds", type=float, default=float("inf"), help="of CPU, at most")
    parser.add_argument("--total", action="store_true")
    args = parser.parse_intermixed_args()
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    if not args.total:
        run(args.record, args.tokenizer, args.files, args.part * 1e6, args.seconds)
    total(args.record)


if __name__ == "__main__":
    main()
