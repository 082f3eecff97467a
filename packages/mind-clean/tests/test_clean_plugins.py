"""The plugins of the repository, installed as anybody would install theirs."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import orjson
import pytest

from mind_core.testing import run_tool

PLUGINS = Path(__file__).parents[3] / "plugins"

if not PLUGINS.is_dir():
    pytest.skip("the repository's plugins are not here", allow_module_level=True)


def installed(source: Path, folder: Path) -> dict[str, str]:
    """Install a plugin into a folder of its own; return the environment that sees it."""
    subprocess.run(
        [sys.executable, "-m", "pip", "install", "--quiet", "--no-cache-dir",
         "--no-deps", "--no-build-isolation", "--target", folder, source],
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    return {"PYTHONPATH": str(folder), "MIND_PLUGINS": next(
        line.split(" =")[0] for line in (source / "pyproject.toml").read_text().splitlines()
        if re.fullmatch(r'\w+ = "mind_(filter|transform)_\w+"', line)
    )}  # fmt: skip


def run_tests_of(folder: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", ".", "."],
        cwd=folder, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": ""},
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout
    assert " passed" in done.stdout


def test_the_classical_filter_is_found_listed_and_run(tmp_path: Path) -> None:
    source = tmp_path / "source"
    shutil.copytree(
        PLUGINS / "mind-filter-classical-zh", source, ignore=shutil.ignore_patterns("__pycache__")
    )
    environment = installed(source, tmp_path / "site")
    listed = run_tool("mind-clean", ["--plugins", "--json"], environment=environment)
    row = next(r for r in orjson.loads(listed.stdout) if r["name"] == "classical_zh")
    assert (row["status"], row["version"]) == ("loaded", "0.1.0")
    text = "子曰學而時習之不亦說乎有朋自遠方來不亦樂乎人不知而不慍不亦君子乎" * 2
    summary, rejects = tmp_path / "s.json", tmp_path / "r"
    done = run_tool(
        "mind-clean",
        ["--step", "classical_chinese", "--set", "classical_chinese.max_ratio=0.05", "-z", "0",
         "--summary", summary, "--rejects", rejects],
        [{"id": "1", "text": text}, {"id": "2", "text": "这是一段现代文字。" * 10}],
        environment=environment,
    )  # fmt: skip
    assert done.code == 0, done.stderr
    assert [record["id"] for record in done.records] == ["2"]
    written = orjson.loads(summary.read_bytes())
    assert written["rejected"] == {"classical_chinese": 1}
    assert written["components"] == {"classical_chinese": "classical_zh==0.1.0"}


def test_the_opencc_transform_is_found_and_converts_when_asked(tmp_path: Path) -> None:
    pytest.importorskip("opencc")
    source = tmp_path / "source"
    shutil.copytree(
        PLUGINS / "mind-transform-opencc", source, ignore=shutil.ignore_patterns("__pycache__")
    )
    environment = installed(source, tmp_path / "site")
    records = [{"id": "1", "text": "學而時習之"}, {"id": "2", "text": "plain"}]
    done = run_tool("mind-clean", ["--step", "opencc", "-z", "0"], records, environment=environment)
    assert done.code == 0, done.stderr
    assert [record["text"] for record in done.records] == ["学而时习之", "plain"]
    kept = run_tool(
        "mind-clean", ["--step", "unicode", "-z", "0"], records, environment=environment
    )
    assert [record["text"] for record in kept.records] == ["學而時習之", "plain"]
