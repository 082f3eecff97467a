"""The main job runs, ends with a page, and gives the same bytes and losses twice."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import orjson
import pytest

from mind_core.files import read_json
from mind_core.stream import read_records

STREAMS = (
    "01-clean.jsonl.zst",
    "01-clean.rejects.jsonl.zst",
    "02-distinct.jsonl.zst",
    "02-distinct.rejects.jsonl.zst",
    "03-tokenizer/tokenizer.model",
    "04-shards/train-00000.bin",
    "04-shards/validation-00000.bin",
    "06-scores/scores.json",
    "07-selected.jsonl.zst",
    "08-chat-shards/train-00000.bin",
    "10-labelled.jsonl.zst",
    "10-split/test.jsonl.zst",
    "10-domain.json",
    "11-samples.jsonl",
)
TIMES = {"seconds", "tokens_per_second"}
VARIABLES = {
    **os.environ, "OMP_NUM_THREADS": "2", "OMP_WAIT_POLICY": "PASSIVE",
    "OPENBLAS_NUM_THREADS": "1",  # which would start a thread when numpy is imported
}  # fmt: skip


def quickstart(root: Path, run: Path, *more: str) -> subprocess.CompletedProcess[str]:
    more = more or ("--steps", "8")  # as long a chain as with the usual 24
    return subprocess.run(
        [root / "bin" / "quickstart", "--run", run, "--quick", *more],
        capture_output=True, text=True, check=False, timeout=600, env=VARIABLES,
    )  # fmt: skip


@pytest.fixture(scope="module")
def checkout(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """This checkout as links, so that its .venv can be another; itself without an installation."""
    if not (root / ".venv" / "installed").exists():
        return root
    folder = tmp_path_factory.mktemp("checkout")
    for path in root.iterdir():
        if path.name not in (".git", "bin"):
            (folder / path.name).symlink_to(path)
    shutil.copytree(root / "bin", folder / "bin")
    return folder


def let_tools_fork(checkout: Path, scripts: Path, folder: Path) -> None:
    """Give a checkout of links a .venv whose tools are scripts that start forks."""
    linked = checkout / ".venv"
    if not linked.is_symlink() or not (scripts / "mind-train").exists():
        return
    venv = linked.resolve()
    (folder / "bin").mkdir()
    for path in (*venv.iterdir(), *(venv / "bin").iterdir()):
        link, ours = folder / path.relative_to(venv), scripts / path.name
        if not link.exists():
            link.symlink_to(ours if ours.exists() else path)
    linked.unlink()
    linked.symlink_to(folder)


@pytest.fixture(scope="module")
def two_runs(
    checkout: Path, tmp_path_factory: pytest.TempPathFactory, tool_path: Callable[..., str]
) -> tuple[Path, Path]:
    """One of processes, one of forks with other hash seeds: half of a quick run is imports."""
    runs = []
    for name in ("first", "second"):
        run = tmp_path_factory.mktemp(name) / "run"
        done = quickstart(checkout, run)
        assert done.returncode == 0, done.stderr[-4000:]
        runs.append(run)
        if name == "first":
            scripts = Path(tool_path("heavy", VARIABLES).split(":")[0])
            let_tools_fork(checkout, scripts, tmp_path_factory.mktemp("venv"))
    return runs[0], runs[1]


@pytest.mark.timeout(900)
def test_every_stage_leaves_its_result(two_runs: tuple[Path, Path]) -> None:
    run = two_runs[0]
    for path in STREAMS:
        assert (run / path).stat().st_size > 0, path
    for name in ("01-clean", "02-distinct", "07-selected", "10-labelled", "10-split"):
        summary = read_json(run / f"{name}.summary.json")
        rejected, bad = sum(summary["rejected"].values()), sum(summary["bad"].values())
        assert summary["in"] == summary["kept"] + rejected + bad
        assert len(list(read_records([run / f"{name}.rejects.jsonl.zst"]))) == rejected + bad


def test_no_step_needs_more_than_two_gigabytes(two_runs: tuple[Path, Path]) -> None:
    steps = [orjson.loads(line) for line in (two_runs[0] / "steps.jsonl").read_bytes().splitlines()]
    peaks = {step["step"]: step["peak_bytes"] for step in steps}
    assert {"1 clean", "5 pretrain", "6 evaluate", "7 select"} <= peaks.keys()
    assert 100e6 < max(peaks.values()) < 2e9, peaks


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--data"], "--data needs a value"),
        (["--run", "--quick"], "--run needs a value"),
        (["--data", "nowhere"], "there is no folder"),
        (["--data", "."], "no *.jsonl"),
        (["--steps", "many"], "--steps takes a whole number"),
        (["--quick", "yes"], "unknown option yes"),
    ],
)
def test_what_is_wrong_is_said_before_anything_is_installed(
    root: Path, tmp_path: Path, options: list[str], message: str
) -> None:
    """A copy without .venv: an installation would leave one."""
    for name in ("quickstart", "setup", "measure"):
        (tmp_path / "bin").mkdir(exist_ok=True)
        shutil.copy(root / "bin" / name, tmp_path / "bin" / name)
    done = subprocess.run(
        [tmp_path / "bin" / "quickstart", *options],
        cwd=tmp_path, capture_output=True, text=True, check=False,
        env={**os.environ, "PYTHON": "/nothing/python"},
    )  # fmt: skip
    assert done.returncode == 2 and message in done.stderr, done.stderr
    assert "hint:" in done.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bin"]


def test_memory_is_that_of_all_processes_together(root: Path, tmp_path: Path) -> None:
    """Two processes of 100 MB that run at once count 200 MB, and a failed command is no step."""
    log = tmp_path / "steps.jsonl"
    hold = (
        "b = bytearray(100_000_000); b[::4096] = bytes(len(b[::4096])); import time; time.sleep(3)"
    )
    both = f"{sys.executable} -c '{hold}' & {sys.executable} -c '{hold}' & wait"
    subprocess.run([root / "bin" / "measure", log, "both", "sh", "-c", both], check=True)
    line = orjson.loads(log.read_bytes())
    assert line["step"] == "both" and line["peak_bytes"] > 195e6
    assert 0 < line["cpu_seconds"] < 60
    done = subprocess.run(
        [root / "bin" / "measure", log, "failed", "sh", "-c", "exit 7"], check=False
    )
    assert done.returncode == 7 and log.read_bytes().count(b"\n") == 1


def test_a_quick_run_measures_both_languages(two_runs: tuple[Path, Path]) -> None:
    languages = read_json(two_runs[0] / "06-scores" / "scores.json")["heldout"]["languages"]
    assert {name: found["documents"] for name, found in languages.items()} == {"zh": 12, "en": 12}


def test_the_page_tells_all_of_it_and_needs_no_network(two_runs: tuple[Path, Path]) -> None:
    page = (two_runs[0] / "report.html").read_text("utf-8")
    for heading in (
        "What was kept", "The tokenizer", "Pretraining", "Fine-tuning", "How it scores",
        "The domain task", "What it writes",
    ):  # fmt: skip
        assert f"<h2>{heading}" in page
    assert "<script" not in page and "src=" not in page and "@import" not in page
    for link in page.split('href="')[1:]:
        assert link.startswith("#")


def test_two_runs_give_the_same_bytes(two_runs: tuple[Path, Path]) -> None:
    hashes = [
        {path: hashlib.sha256((run / path).read_bytes()).hexdigest() for path in STREAMS}
        for run in two_runs
    ]
    assert hashes[0] == hashes[1]


@pytest.mark.parametrize("model", ["05-model", "09-chat-model", "10-domain-model"])
def test_two_runs_give_the_same_losses(two_runs: tuple[Path, Path], model: str) -> None:
    def lines(run: Path) -> list[dict[str, object]]:
        found = []
        for raw in (run / model / "metrics.jsonl").read_bytes().splitlines():
            line = orjson.loads(raw)
            found.append({key: value for key, value in line.items() if key not in TIMES})
        return found

    first, second = map(lines, two_runs)
    assert any("loss" in line for line in first)
    assert first == second


def test_the_same_command_again_changes_nothing(
    checkout: Path, two_runs: tuple[Path, Path]
) -> None:
    run = two_runs[1]
    before = {path: (run / path).stat().st_mtime_ns for path in STREAMS}
    done = quickstart(checkout, run)
    assert done.returncode == 0, done.stderr[-2000:]
    assert {path: (run / path).stat().st_mtime_ns for path in STREAMS} == before


def test_other_questions_need_another_folder(checkout: Path, two_runs: tuple[Path, Path]) -> None:
    done = quickstart(checkout, two_runs[0], "--steps", "99")
    assert done.returncode == 2 and "another folder" in done.stderr
