"""The shipped corpus is what its manifest says."""

import subprocess
import sys
from pathlib import Path


def test_the_shipped_files_are_the_ones_of_the_manifest(data: Path) -> None:
    done = subprocess.run(
        [sys.executable, data / "build.py", "--check"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert sum(path.stat().st_size for path in data.rglob("*") if path.is_file()) < 6_000_000
