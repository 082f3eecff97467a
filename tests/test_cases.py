"""Golden case folders: `cmd`, run in its folder, gives `out.jsonl`, `err` and exit code `code`.

`bin/test tests/test_cases.py --update` rewrites the expectations; look at the diff.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

CASES = Path(__file__).parent / "cases"
ZSTDCAT = """command -v zstdcat > /dev/null || zstdcat() { python -c '
import sys, zstandard
for name in sys.argv[1:]:
    zstandard.ZstdDecompressor().copy_stream(open(name, "rb"), sys.stdout.buffer)' "$@"; }
"""  # the cases show what a user types; a machine with nothing but Python has no zstdcat
FOLDERS = sorted(path.parent for path in CASES.rglob("cmd"))


def plain(stderr: str) -> str:
    """Replace what varies from run to run: the time taken."""
    return re.sub(r"(?<=, )[\d.]+ s(?=$|;)", "N s", stderr, flags=re.MULTILINE)


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda path: str(path.relative_to(CASES)))
def test_case(folder: Path, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    for path in folder.iterdir():
        if path.is_file() and path.name not in {"cmd", "out.jsonl", "err", "code"}:
            shutil.copy(path, tmp_path)
    scripts = str(Path(sys.executable).parent)
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", ZSTDCAT + (folder / "cmd").read_text()],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        env={**os.environ, "PATH": f"{scripts}:{os.environ['PATH']}", "MIND_PLUGINS": ""},
        timeout=60,
        check=False,
    )
    found = {
        "out.jsonl": done.stdout,
        "err": plain(done.stderr),
        "code": f"{done.returncode}\n" if done.returncode else "",
    }
    if request.config.getoption("--update"):
        for name, text in found.items():
            if text:
                (folder / name).write_text(text)
            else:
                (folder / name).unlink(missing_ok=True)
    for name, text in found.items():
        path = folder / name
        assert text == (path.read_text() if path.exists() else ""), name


def test_there_are_cases() -> None:
    assert len(FOLDERS) >= 20
