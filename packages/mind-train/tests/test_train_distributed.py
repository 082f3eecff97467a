"""Ranks: the same data and the same losses as alone, with DDP and FSDP2, and on another number."""

from __future__ import annotations

import importlib
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from forked import at_ranks
from safetensors.torch import load_file

from mind_core import MindError, cli
from mind_tok import Tokenizer
from mind_train.cli import app
from mind_train.device import DeviceConfig, cpu_has_bf16
from mind_train.distributed import ProcessGroup, first_does, planned_group
from mind_train.sharding import shard_module
from mind_train.train_options import TrainOptions

Pretrain = Callable[..., Path]
Change = Callable[..., list[str]]


def ranks(count: int, shards: Path, run: Path, changes: list[str]) -> list[tuple[int, str]]:
    """Train on ranks with gloo; give exit code and what was said, by rank."""
    for name in ("torch._dynamo", "torch.distributed.fsdp"):  # here once, not at each rank
        importlib.import_module(name)
    command = ["pretrain", str(shards), "-o", str(run), "-q", "--recipe", "tiny-cpu"]
    for change in ["model={}", "seed=7", *changes]:
        command += ["--set", change]
    said = run.parent / f"{run.name}-said"
    return at_ranks(count, said, lambda: cli.run(app, "mind-train", command))


def all_end_well(found: list[tuple[int, str]]) -> None:
    assert [code for code, _ in found] == [0] * len(found), found


def metrics(run: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]


SLOW = """
import os, signal, sys, time
from pathlib import Path
from mind_train.cli import main
from mind_train.loss_module import LossModule

forward, calls = LossModule.forward, 0

def slow(self, batch, scale):
    global calls
    if scale is not None:
        calls += 1
        Path(os.environ["COUNTS"], os.environ["RANK"]).write_text(str(calls))
        if calls > 12:  # from the third micro-batch of the second step on
            if calls == 13 and os.environ["RANK"] == "1":
                os.kill(os.getppid(), signal.SIGTERM)  # torchrun, not this process
            stop, end = signal.getsignal(signal.SIGTERM).__self__, time.monotonic() + 45
            while not stop.asked and time.monotonic() < end:
                time.sleep(0.02)
    return forward(self, batch, scale)

LossModule.forward = slow
main()
"""


def test_torchrun_is_stopped_in_the_middle_of_a_step(
    tokenizer: Tokenizer, small_run: Change, pretrain: Pretrain, tmp_path: Path
) -> None:
    """Ten micro-batches that last until the signal; after it each rank begins one at most.

    The data are records: the first rank encodes them, once, and the other waits.
    """
    tokenizer.save(tmp_path / "tok")
    records = tmp_path / "a.jsonl"
    lines = [{"id": str(i), "text": f"Number {i}, 数字{i}。" * 20} for i in range(90)]
    records.write_text("".join(json.dumps(line) + "\n" for line in lines))
    (tmp_path / "slow.py").write_text(SLOW)
    (tmp_path / "counts").mkdir()
    changes = small_run(steps=4, batch=20, micro_batch=1)
    command = [
        sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2",
        str(tmp_path / "slow.py"), "pretrain", str(records), "-t", str(tmp_path / "tok"),
        "--cache", str(tmp_path / "cache"), "-o", str(tmp_path / "run"),
    ]  # fmt: skip
    for change in ["model={}", "seed=7", *changes]:
        command += ["--set", change]
    environment = os.environ | {
        "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "COUNTS": str(tmp_path / "counts"),
        "TORCH_ELASTIC_SHUTDOWN_TIMEOUT": "240",
    }  # fmt: skip
    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=280, check=False
    )
    assert done.returncode != 0 and "at step 1; the same command goes on" in done.stderr
    assert done.stderr.count("encoding 1 file") == 1 and "encoded before" not in done.stderr
    counts = [int((tmp_path / "counts" / rank).read_text()) for rank in "01"]
    assert all(count <= 14 for count in counts), done.stderr[-2000:]
    run = tmp_path / "run"
    assert [p.name for p in (run / "checkpoints").iterdir()] == ["step-00000001"]
    (shards,) = (tmp_path / "cache" / "shards").glob("[!.]*")
    pretrain(shards, run, changes)
    assert_same_losses(pretrain(shards, tmp_path / "whole", changes), run, least=5)


def test_what_the_first_rank_cannot_do_no_rank_does(tmp_path: Path) -> None:
    """A broken record is said by the first rank, and the others do not wait for ever."""
    broken = MindError("line 3 is broken", cause="no JSON", hint="mend it")

    def told(answer: str | MindError) -> None:
        def work() -> str:
            assert planned_group().first
            if isinstance(answer, MindError):
                raise answer
            return answer

        try:
            print("answer", first_does("it", work))
        except MindError as error:
            print("answer", error.message, error.cause, error.hint)

    for answer, words in ((broken, "line 3 is broken no JSON mend it"), ("done", "done")):
        found = at_ranks(3, tmp_path, partial(told, answer))
        assert found == [(0, f"answer {words}\n")] * 3


EXAMPLES = Path(__file__).resolve().parents[3] / "docs" / "examples"


def test_examples_leave_time_to_save() -> None:
    """torchrun understands their options, and waits less long than the scheduler does."""
    parser = pytest.importorskip("torch.distributed.run").get_args_parser()
    if "--shutdown-timeout" not in parser.format_help():
        pytest.skip("this torchrun has no --shutdown-timeout")
    slurm = (EXAMPLES / "slurm.sh").read_text()
    words = shlex.split(slurm.split("torchrun", 2)[2].replace("\\\n", " "))
    (minutes_left,) = re.findall(r"#SBATCH --signal=TERM@(\d+)", slurm)
    found = parser.parse_args([word.replace("$SLURM_NNODES", "8") for word in words])
    assert 60 <= found.shutdown_timeout < int(minutes_left)
    assert found.module and found.training_script == "mind_train"
    kubernetes = (EXAMPLES / "kubernetes.yaml").read_text()
    (grace,) = re.findall(r"terminationGracePeriodSeconds: (\d+)", kubernetes)
    listed = kubernetes.split("- torchrun\n")[1].split("resources:")[0]
    found = parser.parse_args(re.findall(r"^ +- (\S+)", listed, re.M))
    assert 60 <= found.shutdown_timeout < int(grace)
    assert found.training_script == "mind_train"


def assert_same_losses(one: Path, other: Path, least: int = 9) -> None:
    mine, theirs = metrics(one), metrics(other)
    assert len(mine) == len(theirs) >= least
    for a, b in zip(mine, theirs, strict=True):
        assert a["step"] == b["step"] and a.get("tokens") == b.get("tokens")
        if "loss" in a:
            assert a["loss"] == pytest.approx(b["loss"], rel=1e-6)
            assert a["grad_norm"] == pytest.approx(b["grad_norm"], rel=1e-5)
        for group, score in a.get("validation", {}).items():
            other_score = b["validation"][group]
            assert score["tokens"] == other_score["tokens"]
            for key in ("nats_per_token", "bits_per_byte"):
                assert score[key] == pytest.approx(other_score[key], rel=1e-6)


@pytest.mark.parametrize(
    ("architecture", "count", "mode"),
    [("mindllm", 2, "ddp"), ("gpt-neo", 4, "hsdp"), ("mindllm", 2, "fsdp")],
)
def test_ranks_give_the_losses_of_one(
    architecture: str,
    count: int,
    mode: str,
    shards: Path,
    small_run: Change,
    pretrain: Pretrain,
    tmp_path: Path,
) -> None:
    """8 steps with several micro-batches a rank; checkpoints are whole whatever wrote them.

    FSDP's part is in bfloat16, so that what it gathers in that type is compared with autocast.
    """
    more = {"dtype": "'bfloat16'"} if mode == "fsdp" and cpu_has_bf16() else {}
    changes = small_run(
        architecture, steps=8, batch=8, micro_batch=1, evaluate_every=4, parallel=f"'{mode}'",
        shard_ranks=2 if mode == "hsdp" else 0, dropout=0.1, **more,
    )  # fmt: skip
    alone = pretrain(shards, tmp_path / "alone", changes)
    all_end_well(ranks(count, shards, tmp_path / "many", changes))
    assert_same_losses(alone, tmp_path / "many")
    last = "checkpoints/step-00000008"
    for file in ("model.safetensors", "optimizer.safetensors"):
        one, many = load_file(alone / last / file), load_file(tmp_path / "many" / last / file)
        assert one.keys() == many.keys()
        assert all(one[name].shape == many[name].shape for name in one)
    assert (tmp_path / "many" / "manifest.json").exists()


def test_parts_on_a_cpu_are_refused_where_torch_is_too_old_for_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # torch 2.6 ends with "'Stream' object has no attribute 'record_event'" in the first step.
    monkeypatch.delattr(torch.cpu.Stream, "record_event")
    linear = torch.nn.Linear(2, 2)
    machine = DeviceConfig(torch.device("cpu"), torch.float32)
    with pytest.raises(MindError, match="needs a newer torch"):
        shard_module(
            linear, [], ProcessGroup(0, 2, 0), TrainOptions(steps=1, parallel="fsdp"), machine
        )


def test_a_run_goes_on_on_another_number_of_ranks(
    shards: Path, small_run: Change, pretrain: Pretrain, tmp_path: Path
) -> None:
    """Four steps alone, four on two ranks with FSDP, four alone again: one course."""
    changes = small_run(steps=12, batch=4, keep=0)
    whole = pretrain(shards, tmp_path / "whole", changes)
    run = tmp_path / "run"
    shutil.copytree(whole, run)
    forget(run, 4)
    all_end_well(ranks(2, shards, run, [*changes, "train.parallel='fsdp'"]))
    assert (run / "manifest.json").exists()
    forget(run, 8)
    pretrain(shards, run, changes)
    assert_same_losses(whole, run)


def forget(run: Path, step: int) -> None:
    """Take a run back to a step."""
    (run / "manifest.json").unlink()
    for folder in (run / "checkpoints").iterdir():
        if int(folder.name[-8:]) > step:
            shutil.rmtree(folder)


def test_a_batch_that_ranks_do_not_divide_is_refused(
    shards: Path, small_run: Change, tmp_path: Path
) -> None:
    for code, said in ranks(2, shards, tmp_path / "run", small_run(batch=3)):
        assert code == 1
        assert "train.batch 3 is not divided by 2 ranks" in said and "hint:" in said
    assert not (tmp_path / "run").exists()
