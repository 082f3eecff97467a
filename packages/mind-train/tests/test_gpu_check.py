"""benchmarks/gpu_check.sh is right at the first try: its rows at toy size, its judgements on a fake
GPU's figures, and what it does with a row that fails, hangs or finds no time."""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from mind_train import bench
from mind_train.device import DeviceConfig

FOLDER = Path(__file__).parents[3] / "benchmarks" / "gpu"
pytestmark = pytest.mark.skipif(not FOLDER.is_dir(), reason="the benchmarks are not here")


@pytest.fixture
def scripts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Import the scripts at toy size; their lines go to a file of this test."""
    monkeypatch.setenv("GPU_CHECK_TOY", "yes")
    monkeypatch.setenv("OUT", str(tmp_path))
    monkeypatch.syspath_prepend(str(FOLDER))
    names = ("rows", "check", "correct", "speed", "peers", "train_sizes", "train_worker")
    for name in names:
        sys.modules.pop(name, None)
    yield SimpleNamespace(**{name: importlib.import_module(name) for name in names})
    for name in names:
        sys.modules.pop(name, None)


def rows(folder: Path) -> list[dict[str, Any]]:
    file = folder / "gpu_check.jsonl"
    return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


def test_correctness_rows_hold_here_and_see_a_fault(
    scripts: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scripts.correct, "SIZES", {**scripts.correct.SIZES, "layers": 2})
    scripts.correct.packed_and_separate()
    scripts.correct.attention_ways()
    found = rows(tmp_path)
    assert len(found) == 7 and all(line["ok"] is not False for line in found)
    # A model that looks beyond its document is caught:
    monkeypatch.setattr(
        "mind_train.models.attention.AttentionContext.mask", lambda self, window: None
    )
    scripts.correct.packed_and_separate()
    assert not any(line["ok"] for line in rows(tmp_path)[7:])


def test_figures_of_a_gpu_are_judged_by_the_aims(
    scripts: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    figures = {
        "architecture": "mindllm", "parameters": 3_174_000_000, "batch": 8, "sequence": 2048,
        "micro_batch": 2, "tokens_per_second": 21_000.0, "share_of_gemm_peak": 0.62,
        "gemm_peak": 788e12, "peak_memory_bytes": 70 << 30, "first_step_seconds": 31.0,
    }  # fmt: skip
    scripts.speed.report("3b", {**figures, "mfu": 0.51}, 0.5)
    scripts.speed.report("3b", {**figures, "mfu": 0.49}, 0.5)
    scripts.speed.report("3b", {**figures, "mfu": None}, 0.5)
    assert [line["ok"] for line in rows(tmp_path)] == [True, False, None]
    said = capsys.readouterr().out
    assert "MFU 51.0%, 62.0% of 788 TFLOP/s, 70.0 GiB" in said and "| FAILED |" in said


def test_speed_and_peers_run_to_their_rows(
    scripts: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(bench.SQUARE, "cpu", 64)  # the speed of products is not asked
    monkeypatch.setattr(scripts.peers, "NAMES", scripts.peers.NAMES[:2])
    for size in ("150m", "1.3b", "3b"):
        scripts.speed.main(size)
    scripts.peers.main("150m")
    found = rows(tmp_path)
    assert [line["row"].split(",")[0] for line in found] == [
        "mindllm 150m", "gpt-neo 1.3b", "mindllm 3b", "mind-mindllm 150m", "nano-llama 150m"
    ]  # fmt: skip
    assert all("tokens/s" in line["value"] and line["ok"] is not False for line in found)


def test_rows_that_fail_hang_or_find_no_time_are_named(
    scripts: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "fails.py").write_text("raise SystemExit(3)")
    (tmp_path / "hangs.py").write_text("import time; time.sleep(600)")
    (tmp_path / "works.py").write_text("import sys; assert sys.argv[1] == '3b'")
    monkeypatch.setattr(scripts.check, "HERE", tmp_path)
    end = time.monotonic() + 1000
    assert scripts.check.run_row("works.py 3b", 100, end)
    assert not scripts.check.run_row("fails.py", 100, end)
    assert not scripts.check.run_row("hangs.py", 1, end)
    assert not scripts.check.run_row("works.py 3b", 100, time.monotonic() + 5)
    said = [line["value"] for line in rows(tmp_path)]
    assert said[0].startswith("ended with 3") and said[1].startswith("stopped after")
    assert said[2].startswith("not run")


def test_without_a_gpu_it_says_so_and_with_one_names_it(
    scripts: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(SystemExit, match="--toy"):
        scripts.check.say_versions(toy=False)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda: "NVIDIA H200")
    scripts.check.say_versions(toy=False)
    assert capsys.readouterr().out.startswith(f"NVIDIA H200, torch {torch.__version__}")


def test_a_gpus_clock_stops_when_it_is_done(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[str] = []
    monkeypatch.setattr(torch.cuda, "synchronize", lambda device: calls.append("wait"))
    monkeypatch.setattr(torch.cuda, "max_memory_allocated", lambda device: 7)
    machine = DeviceConfig(torch.device("cuda:0"), torch.bfloat16)
    assert bench._timed(lambda: calls.append("work"), machine) >= 0
    assert calls == ["wait", "work", "wait"] and bench.peak_memory(machine) == 7


def test_the_script_needs_nothing_installed_but_what_it_carries(tmp_path: Path) -> None:
    """With an interpreter that does not see our packages, it finds their sources."""
    import orjson

    with zipfile.ZipFile(tmp_path / "orjson.whl", "w") as wheel:
        for file in Path(orjson.__file__).parent.glob("*"):
            if file.is_file():
                wheel.write(file, f"orjson/{file.name}")
    program = "import orjson, mind_train; print(mind_train.__file__, orjson.__file__)"
    fake = tmp_path / "python"
    fake.write_text(
        f'#!/bin/sh\nif [ "$1" = -m ]; then exec {sys.executable} -I "$@"; fi\n'
        f"exec {sys.executable} -S -c '{program}'\n"
    )
    fake.chmod(0o755)
    done = subprocess.run(
        [str(FOLDER.parent / "gpu_check.sh"), "--toy"],
        env={**os.environ, "PYTHON": str(fake), "OUT": str(tmp_path), "WHEELS": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    ours, carried = done.stdout.split()
    assert ours.endswith("packages/mind-train/src/mind_train/__init__.py")
    assert carried != orjson.__file__ and carried.endswith("orjson/__init__.py")


@pytest.mark.long
def test_the_whole_check_runs_at_toy_size(tmp_path: Path) -> None:
    done = subprocess.run(
        [str(FOLDER.parent / "gpu_check.sh"), "--toy", "--minutes", "30"],
        env={**os.environ, "PYTHON": sys.executable, "OUT": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0 and done.stdout.count("\n| ") > 25, done.stdout + done.stderr
