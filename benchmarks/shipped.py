"""The texts that ship with the repository, as one stream, and a tokenizer trained on them.

What the benchmarks of mind-tok take when they are given no files: about 7 MB in both languages.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

DATA = Path(__file__).parent.parent / "tests" / "data"
VOCABULARY = 16_000


def shipped_texts(folder: Path) -> Path:
    """Extract the shipped pages into a stream of texts, and return its path."""
    path = folder / "shipped.jsonl.zst"
    if not path.exists():
        pages = sorted(map(str, (DATA / "pages").glob("*.zst")))
        command = [sys.executable, "-m", "mind_clean", "-q", "--step", "blocks", *pages]
        subprocess.run([*command, "-o", str(path)], check=True)
    return path


def shipped_tokenizer(folder: Path) -> Path:
    """Train a BPE of 16,000 entries on them, and return its folder."""
    path = folder / "shipped-16k"
    if not path.exists():
        command = [sys.executable, "-m", "mind_tok", "train", str(shipped_texts(folder)), "-q"]
        command += ["--vocab-size", str(VOCABULARY), "--sample", "1G", "-o", str(path)]
        subprocess.run(command, check=True)
    return path
