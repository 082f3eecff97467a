"""The shipped corpus is what its manifest says."""

import subprocess
import sys
from collections import Counter
from pathlib import Path

from mind_core.stream import read_records
from mind_core.text.languages import language_of


def test_the_shipped_files_are_the_ones_of_the_manifest(data: Path) -> None:
    done = subprocess.run(
        [sys.executable, data / "build.py", "--check"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert sum(path.stat().st_size for path in data.rglob("*") if path.is_file()) < 6_000_000


def test_any_first_records_of_the_held_out_texts_are_of_both_languages(data: Path) -> None:
    texts = list(read_records([data / "heldout.jsonl.zst"]))
    for limit in (4, 10, 24, 60, 200):
        counts = Counter(language_of(text) for text in texts[:limit])
        assert counts == {"zh": limit // 2, "en": limit // 2}
    assert len({text["source"] for text in texts[:4]}) == 3, "Wikipedia and both kinds of law"
