"""Encode the same texts with mind-tok, SentencePiece and Hugging Face's tokenizers, in turn.

mind-tok is the whole command: from compressed records to shards on disk, start-up included. The
libraries get texts that lie in memory already, one call for all; only that call counts. All on one
thread, in UTF-8 MB per CPU second, and for -j 2 also by the wall clock (the best of the runs).

usage: python benchmarks/tok_encode.py [zh=A.jsonl.zst en=B.jsonl.zst …] [-t TOKENIZER]
       [--bytelevel GPT2] [--megabytes 100] [--library-megabytes 10] [--repeat 3]

Without files the shipped pages are taken, eight times over, and a tokenizer is trained on them.
GPT2 is a folder of a byte-level BPE as it ships: vocab.json and merges.txt, or a tokenizer.json.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import orjson
import zstandard
from measuring import cost_of
from shipped import shipped_texts, shipped_tokenizer

from mind_core.stream import read_batches
from mind_tok.convert import read_any
from mind_tok.sentencepiece import MODEL
from mind_tok.to_huggingface import save_for_huggingface

os.environ["TOKENIZERS_PARALLELISM"] = "false"

SHIPPED_TIMES = 8


def texts_of(path: Path, megabytes: float) -> list[str]:
    """Return the texts of a file up to a size."""
    texts: list[str] = []
    size = 0.0
    for batch in read_batches([path]):
        for _, line in batch.lines():
            text = orjson.loads(line)["text"]
            texts.append(text)
            size += len(text.encode())
            if size >= megabytes * 1e6:
                return texts
    return texts


def library(name: str, tokenizer: Path, path: Path, megabytes: float) -> None:
    """Print MB and CPU seconds of one call of a library over texts in memory."""
    texts = texts_of(path, megabytes)
    size = sum(len(text.encode()) for text in texts) / 1e6
    if name == "sentencepiece":
        import sentencepiece

        processor = sentencepiece.SentencePieceProcessor(model_file=str(tokenizer / MODEL))
        started = time.process_time()
        processor.encode(texts, num_threads=1)
    elif name == "tokenizers":
        import tokenizers

        encoder = tokenizers.Tokenizer.from_file(str(tokenizer / "tokenizer.json"))
        started = time.process_time()
        encoder.encode_batch_fast(texts, add_special_tokens=False)
    else:
        ours = read_any(tokenizer)
        ours.warm_up()
        ours.encode_flat(["warm"])
        started = time.process_time()
        ours.encode_flat(texts)
    print(json.dumps([size, time.process_time() - started]))


def run_library(name: str, tokenizer: Path, path: Path, megabytes: float) -> float:
    """Return MB per CPU second of a library, measured in a process of its own."""
    command = [sys.executable, __file__, "--library", name, "-t", str(tokenizer), str(path)]
    command += ["--megabytes", str(megabytes)]
    done = subprocess.run(command, capture_output=True, check=True, text=True)
    size, seconds = json.loads(done.stdout)
    return float(size / seconds)


def run_tool(tokenizer: Path, path: Path, size: float, jobs: int) -> tuple[float, float]:
    """Return MB per CPU second and per second of `mind-tok encode`."""
    with tempfile.TemporaryDirectory() as folder:
        command = ["mind-tok", "encode", str(path), "-t", str(tokenizer), "-q", "-j", str(jobs)]
        cost = cost_of([*command, "-o", f"{folder}/shards"])
    return size / cost.cpu, size / cost.wall


def write(path: Path, rows: Iterator[bytes]) -> float:
    """Write records to a compressed file; return the MB of their texts."""
    size = 0
    compressor = zstandard.ZstdCompressor(level=3)
    with path.open("wb") as raw, compressor.stream_writer(raw) as out:
        for line in rows:
            out.write(line + b"\n")
            size += len(orjson.loads(line)["text"].encode())
    return size / 1e6


def lines_of(path: Path) -> Iterator[bytes]:
    """Yield the lines of a file."""
    return (line for batch in read_batches([path]) for _, line in batch.lines())


def cut(path: Path, megabytes: float, target: Path) -> float:
    """Copy the first records of a file; return the MB of their texts."""
    count = len(texts_of(path, megabytes))
    return write(target, islice(lines_of(path), count))


def mix(paths: list[Path], target: Path) -> float:
    """Take a record of each file in turn, as long as all have some."""
    iterators = [lines_of(path) for path in paths]
    return write(target, (line for rows in zip(*iterators, strict=False) for line in rows))


def repeated(path: Path, times: int, target: Path) -> float:
    """Copy all records of a file several times over; return the MB of their texts."""
    return write(target, (line for _ in range(times) for line in lines_of(path)))


def measure(name: str, tokenizer: Path, path: Path, size: float, args: argparse.Namespace) -> None:
    """Print one row: mind-tok, SentencePiece, tokenizers, and the ratios."""
    exported = Path(args.folder) / "exported"
    if not exported.exists():
        save_for_huggingface(read_any(tokenizer), exported)
    runs: dict[str, list[float]] = {"tool": [], "loops": [], "sp": [], "hf": [], "j1": [], "j2": []}
    has_model = (tokenizer / MODEL).exists()
    for _ in range(args.repeat):
        cpu, wall = run_tool(tokenizer, path, size, 1)
        runs["tool"].append(cpu)
        runs["j1"].append(wall)
        runs["loops"].append(run_library("ours", tokenizer, path, args.library_megabytes))
        if has_model:
            runs["sp"].append(run_library("sentencepiece", tokenizer, path, args.library_megabytes))
        runs["hf"].append(run_library("tokenizers", exported, path, args.library_megabytes / 4))
        runs["j2"].append(run_tool(tokenizer, path, size, 2)[1])
    found = {key: statistics.median(values) if values else 0.0 for key, values in runs.items()}
    # Whatever else runs on the machine only ever makes the wall clock slower.
    found["j1"], found["j2"] = max(runs["j1"]), max(runs["j2"])
    of_sp = f"{found['tool'] / found['sp']:.2f}" if has_model else "-"
    print(
        f"| {name} | {size:.0f} | {found['tool']:.1f} | {found['loops']:.1f} | "
        f"{found['sp']:.1f} | {found['hf']:.1f} | {of_sp} | {found['tool'] / found['hf']:.2f} | "
        f"{found['j2'] / found['j1']:.2f} |",
        flush=True,
    )


def main() -> None:
    """Measure each text, and all of them mixed."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("texts", nargs="*", metavar="NAME=FILE")
    parser.add_argument("-t", "--tokenizer", type=Path)
    parser.add_argument("--bytelevel", type=Path)
    parser.add_argument("--megabytes", type=float, default=100)
    parser.add_argument("--library-megabytes", type=float, default=10)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--library", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.library:
        library(args.library, args.tokenizer, Path(args.texts[0]), args.megabytes)
        return
    with tempfile.TemporaryDirectory() as folder:
        args.folder = folder
        given = dict(item.split("=", 1) for item in args.texts)
        files = {name: Path(folder, f"{name}.jsonl.zst") for name in given}
        sizes = {n: cut(Path(given[n]), args.megabytes, path) for n, path in files.items()}
        if len(files) > 1:
            files["mixed"] = Path(folder, "mixed.jsonl.zst")
            sizes["mixed"] = mix([files[name] for name in given], files["mixed"])
        if not files:
            files["shipped pages"] = Path(folder, "pages.jsonl.zst")
            sizes["shipped pages"] = repeated(
                shipped_texts(Path(folder)), SHIPPED_TIMES, files["shipped pages"]
            )
        args.tokenizer = args.tokenizer or shipped_tokenizer(Path(folder))
        print("| text | MB | mind-tok encode | its loops | sentencepiece | tokenizers | tool ÷ "
              "sentencepiece | tool ÷ tokenizers | -j 2 ÷ -j 1, by the wall |")  # fmt: skip
        print("|---|---:|---:|---:|---:|---:|---:|---:|---:|")
        run_tool(
            args.tokenizer, files[next(iter(files))], 1, 1
        )  # compiles the loops, once a machine
        for name, path in files.items():
            measure(name, args.tokenizer, path, sizes[name], args)
        if args.bytelevel:
            shutil.rmtree(Path(folder, "exported"))
            converted = Path(folder, "bytelevel")
            read_any(args.bytelevel).save(converted)
            for name, path in files.items():
                measure(f"{name}, byte-level", converted, path, sizes[name], args)


if __name__ == "__main__":
    main()
