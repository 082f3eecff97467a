"""Golden case folders: `cmd`, run in its folder, gives `out.jsonl`, `err` and exit code `code`.

`bin/test tests/test_cases.py --update` rewrites the expectations; look at the diff.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

CASES = Path(__file__).parent / "cases"
ZSTDCAT = """command -v zstdcat > /dev/null || zstdcat() { python -c '
import sys, zstandard
for name in sys.argv[1:]:
    zstandard.ZstdDecompressor().copy_stream(open(name, "rb"), sys.stdout.buffer)' "$@"; }
"""  # the cases show what a user types; a machine with nothing but Python has no zstdcat
HEAVY = re.compile(r"mind-(?:domain|sft-select|train|eval)\b")
FOLDERS = sorted(path.parent for path in CASES.rglob("cmd"))


def plain(stderr: str) -> str:
    """Replace what varies from run to run: the time taken."""
    return re.sub(r"(?<=, )[\d.]+ s(?=$|;)", "N s", stderr, flags=re.MULTILINE)


def run_case(
    folder: Path, tmp_path: Path, tool_path: Callable[[str], str], **environment: str
) -> dict[str, str]:
    """Run a case in a copy of its folder; return what should be in its files."""
    for path in folder.iterdir():
        if path.is_file() and path.name not in {"cmd", "out.jsonl", "err", "code"}:
            shutil.copy(path, tmp_path)
    command = (folder / "cmd").read_text()
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", ZSTDCAT + command],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        env={
            **os.environ,
            "PATH": tool_path("heavy" if HEAVY.search(command) else "light"),
            "MIND_PLUGINS": "",
            **environment,
        },
        timeout=60,
        check=False,
    )
    return {
        "out.jsonl": done.stdout,
        "err": plain(done.stderr),
        "code": f"{done.returncode}\n" if done.returncode else "",
    }


PLUGIN_FOLDERS = [folder for folder in FOLDERS if "--plugin " in (folder / "cmd").read_text()]


def name_of(folder: Path) -> str:
    """Return a case's name in the list of tests."""
    return str(folder.relative_to(CASES))


@pytest.mark.parametrize("folder", FOLDERS, ids=name_of)
def test_case(
    folder: Path, tmp_path: Path, request: pytest.FixtureRequest, tool_path: Callable[[str], str]
) -> None:
    found = run_case(folder, tmp_path, tool_path)
    if request.config.getoption("--update"):
        for name, text in found.items():
            if text:
                (folder / name).write_text(text)
            else:
                (folder / name).unlink(missing_ok=True)
    for name, text in found.items():
        path = folder / name
        assert text == (path.read_text() if path.exists() else ""), name


@pytest.mark.parametrize("folder", PLUGIN_FOLDERS, ids=name_of)
def test_plugin_files_work_where_workers_are_spawned(
    folder: Path, tmp_path: Path, tool_path: Callable[[str], str]
) -> None:
    """macOS starts workers so: each begins with nothing but what is sent to it."""
    found = run_case(folder, tmp_path, tool_path, MIND_START_METHOD="spawn", MIND_JOBS="2")
    for name, text in found.items():
        path = folder / name
        assert text == (path.read_text() if path.exists() else ""), name


def test_there_are_cases() -> None:
    assert len(FOLDERS) >= 20 and len(PLUGIN_FOLDERS) >= 2
