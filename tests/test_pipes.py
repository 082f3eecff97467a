"""Chains of real tools, as they are typed: a failure of one fails the chain, `head` does not."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import zstandard

from mind_core.output import write_records
from mind_core.records import encode
from mind_core.stream import read_records

KILLER = """
import os, signal
from mind_clean import hookimpl

class Killer:
    '''Kill the process at one record.'''
    def __call__(self, record):
        if record["id"] == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        if record["id"] == "raise":
            raise ZeroDivisionError("as asked")

@hookimpl
def register_filters():
    return {"killer": Killer}
"""

TEXT = "这是一段真实长度的中文文本，用来检查管道的行为。" * 12


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "killer.py").write_text(KILLER)
    records = [{"id": str(i), "text": f"第{i}篇。{TEXT}{i * 7919}"} for i in range(4_000)]
    write_records(tmp_path / "in.zst", records)
    for name in ("kill", "raise"):
        tail = encode({"id": name, "text": TEXT})
        whole = b"".join(map(encode, records)) + tail
        (tmp_path / f"{name}.zst").write_bytes(zstandard.ZstdCompressor(level=1).compress(whole))
    return tmp_path


Shell = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def shell(tool_path: Callable[[str], str]) -> Shell:
    """Return what runs a command line in a folder."""

    def run(
        command: str, folder: Path, *, pipefail: bool = False
    ) -> subprocess.CompletedProcess[str]:
        options = ["-o", "pipefail"] if pipefail else []
        return subprocess.run(
            ["bash", *options, "-c", command],
            cwd=folder, capture_output=True, text=True, timeout=120, check=False,
            env={**os.environ, "PATH": tool_path("light")},
        )  # fmt: skip

    return run


def test_head_ends_all_with_0(folder: Path, shell: Shell) -> None:
    done = shell(
        "mind-clean --step unicode in.zst | mind-dedup | mind-dedup -z 0 | head -n 3;"
        ' echo "${PIPESTATUS[@]}"',
        folder,
    )
    *records, codes = done.stdout.splitlines()
    assert len(records) == 3 and codes == "0 0 0 0", done.stderr
    assert "error" not in done.stderr


@pytest.mark.parametrize("jobs", [1, 2])
@pytest.mark.parametrize("how", ["kill", "raise"])
def test_a_tool_that_dies_fails_the_chain_and_leaves_nothing(
    folder: Path, how: str, jobs: int, shell: Shell
) -> None:
    command = (
        f"mind-clean -j {jobs} --plugin killer.py --step killer {how}.zst"
        " | mind-dedup --summary summary.json -o out.zst"
    )
    done = shell(command, folder)
    assert done.returncode == 1, done.stderr
    assert "mind-dedup: error: stdin" in done.stderr
    assert not (folder / "out.zst").exists() and not (folder / "summary.json").exists()


def test_a_mistyped_first_command_fails_the_chain(folder: Path, shell: Shell) -> None:
    done = shell("mind-clena in.zst | mind-dedup -o out.zst", folder)
    assert done.returncode == 1
    assert "no input at all" in done.stderr and not (folder / "out.zst").exists()
    done = shell("mind-clean --no-such in.zst | mind-dedup -o out.zst", folder)
    assert done.returncode == 1 and not (folder / "out.zst").exists()


def test_killing_a_tool_in_the_middle_of_a_chain(
    folder: Path, tool_path: Callable[[str], str]
) -> None:
    """kill -9 of the second of three tools while records flow."""
    feed = "for i in $(seq 400); do cat in.plain || exit; sleep 0.05; done"
    (folder / "in.plain").write_bytes(b"".join(map(encode, read_records([folder / "in.zst"]))))
    chain = (
        f"({feed}) | mind-clean --step unicode"
        " | (echo $BASHPID > pid; exec mind-dedup) | mind-dedup -o out.zst"
    )
    process = subprocess.Popen(
        ["bash", "-c", chain], cwd=folder, stderr=subprocess.PIPE, text=True,
        env={**os.environ, "PATH": tool_path("light")},
    )  # fmt: skip
    deadline = time.monotonic() + 20
    while not (folder / "pid").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    time.sleep(2.0)
    os.kill(int((folder / "pid").read_text()), 9)
    _, stderr = process.communicate(timeout=60)
    assert process.returncode == 1, stderr
    assert not (folder / "out.zst").exists()


def test_the_chain_gives_the_same_bytes_for_any_jobs(
    folder: Path, data: Path, shell: Shell
) -> None:
    for jobs in (1, 4):
        pages = " ".join(str(p) for p in sorted((data / "pages").glob("*.zst"))[:3])
        done = shell(
            f"mind-clean -j {jobs} --rejects r{jobs}.zst {pages}"
            f" | mind-dedup -j {jobs} --allow --rejects d{jobs}.zst -o out{jobs}.zst",
            folder,
            pipefail=True,
        )
        assert done.returncode == 0, done.stderr
    for name in ("out", "r", "d"):
        one, four = (folder / f"{name}{jobs}.zst" for jobs in (1, 4))
        assert one.read_bytes() == four.read_bytes(), name
    assert list(read_records([folder / "out1.zst"]))


def test_one_process_and_a_chain_of_steps_agree(folder: Path, data: Path, shell: Shell) -> None:
    """`--step a | --step b …` over all steps of the recipe equals the recipe, byte for byte."""
    pages = " ".join(str(p) for p in sorted((data / "pages").glob("*.zst"))[:2])
    listed = shell("mind-clean --recipe mindllm --print-recipe", folder).stdout
    steps = [line.split('"')[1] for line in listed.splitlines() if line.startswith(
        ("extractor =", "transform =", "filter ="))]  # fmt: skip
    assert len(steps) >= 6
    chain = " | ".join(f"mind-clean -q --step {step}" for step in steps) + " -z 0"
    chained = shell(f"cat {pages} | {chain} > chained", folder, pipefail=True)
    assert chained.returncode == 0, chained.stderr
    whole = shell(f"mind-clean -q -z 0 {pages} > whole", folder, pipefail=True)
    assert whole.returncode == 0, whole.stderr
    assert (folder / "whole").read_bytes() == (folder / "chained").read_bytes()
    assert (folder / "whole").stat().st_size > 10_000


def test_an_empty_stream_goes_through_the_chain(folder: Path, shell: Shell) -> None:
    write_records(folder / "empty.zst", [])
    done = shell("mind-clean --step unicode empty.zst | mind-dedup -o out.zst", folder)
    assert done.returncode == 0, done.stderr
    assert list(read_records([folder / "out.zst"])) == []
