"""One record with one very long text: encoded exactly, in memory that is a multiple of its size.

2 MB by default; `MIND_LONG=50 bin/test packages/mind-tok -k long_record -s` takes 50, and prints
what each took.
"""

from __future__ import annotations

import base64
import os
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from mind_core.output import write_records
from mind_core.stream import read_records

MEGABYTES = int(os.environ.get("MIND_LONG", "2"))
MEASURED = """
import time
from mind_tok.cli import app
from mind_core import cli
try:
    cli.run(app, "mind-tok")
finally:
    # Not ru_maxrss: that begins with what the parent process had.
    rows = dict(line.split(":", 1) for line in open("/proc/self/status"))
    print(int(rows["VmHWM"].split()[0]) * 1024, time.process_time())
"""
BASE_BYTES = 400_000_000
"""Python, the libraries, machine code and tables; compiling for the first time takes most of it."""
BYTES_A_BYTE = 40
"""A single run without any cut needs the most: 32 bytes a symbol, and the text itself."""


def text_of(kind: str, texts: list[str]) -> str:
    """Return about `MEGABYTES` of one kind of text."""
    size = MEGABYTES * 1_000_000
    chance = random.Random(4)
    if kind == "mixed":
        whole = "\n".join(chance.choices(texts, k=size // 100))
        return whole.encode()[:size].decode("utf-8", "ignore")
    if kind == "base64":
        return base64.b64encode(chance.randbytes(size * 3 // 4)).decode()
    return {"one letter": "a", "one character": "的", "spaces": " "}[kind] * (
        size // (3 if kind == "one character" else 1)
    )


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="memory is read from /proc")
@pytest.mark.parametrize("kind", ["mixed", "base64", "one letter", "one character", "spaces"])
def test_a_long_record_comes_back_and_memory_is_bounded(
    kind: str, texts: list[str], tokenizer_folder: Path, tmp_path: Path
) -> None:
    text = text_of(kind, texts)
    write_records(tmp_path / "in.jsonl.zst", [{"id": "long", "text": text}])
    command = [sys.executable, "-c", MEASURED, "encode", "in.jsonl.zst", "-q"]
    command += ["-t", str(tokenizer_folder), "-o", "shards"]
    started = time.monotonic()
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, check=True, text=True)
    peak, seconds = map(float, done.stdout.split())
    print(
        f"{kind}: {len(text.encode()) / 1e6:.0f} MB, {seconds:.1f} CPU s, "
        f"{time.monotonic() - started:.1f} s, {peak / 1e6:,.0f} MB of memory"
    )
    assert peak < BASE_BYTES + BYTES_A_BYTE * len(text.encode())
    command = [sys.executable, "-m", "mind_tok", "decode", "shards", "-q", "-o", "out.jsonl.zst"]
    subprocess.run(command, cwd=tmp_path, check=True)
    (record,) = read_records([tmp_path / "out.jsonl.zst"])
    assert record["text"] == text
