"""The command line, as a user meets it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mind_core.testing import ToolResult
from mind_train import bench

HEAVY = ("torch", "numpy", "sentencepiece", "safetensors", "rich")
VERBS = ("", "pretrain", "sft", "sample", "serve", "plan", "bench", "plot", "average", "export",
         "import")  # fmt: skip
Call = Callable[..., ToolResult]


def sets(changes: list[str]) -> list[str]:
    return [f"--set={change}" for change in changes]


def test_help_is_light() -> None:
    """In one process: the verbs share their imports, so that the first heavy one is named."""
    code = (
        "import sys; from mind_train.cli import app\n"
        f"for verb in {VERBS!r}:\n"
        "    try: app([*verb.split(), '--help'])\n"
        "    except SystemExit: pass\n"
        f"    print('loaded:', verb, [m for m in {HEAVY!r} if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    helps = re.split(r"loaded: (.*)\n", done.stdout)
    assert helps[1::2] == [f"{verb} []" for verb in VERBS]
    assert all("Examples:" in text for text in helps[:-1:2])


def test_list_names_the_components(mind_train: Call) -> None:
    rows = json.loads(mind_train("--list", "--json").stdout)
    kinds = {(row["kind"], row["name"]) for row in rows}
    assert {("architecture", "mindllm"), ("architecture", "gpt-neo")} <= kinds
    assert {("optimizer", "adamw"), ("schedule", "wsd"), ("schedule", "cosine")} <= kinds
    assert all(row["summary"] for row in rows)


def test_the_printed_recipe_can_be_fed_back(mind_train: Call, tmp_path: Path) -> None:
    once = mind_train("pretrain", "--print-recipe", "--set=train.steps=77", "--seed", "5").stdout
    values = tomllib.loads(once.decode())
    assert values["train"]["steps"] == 77 and values["seed"] == 5
    (tmp_path / "mine.toml").write_bytes(once)
    again = mind_train("pretrain", "--print-recipe", "--recipe", tmp_path / "mine.toml")
    assert again.stdout == once


def test_pretrain_sft_and_sample(
    mind_train: Call,
    shards: Path,
    chat_shards: Path,
    small_run: Callable[..., list[str]],
    tmp_path: Path,
) -> None:
    run, chat = tmp_path / "run", tmp_path / "chat"
    changes = sets(["model={}", *small_run()])
    dry = mind_train("pretrain", shards, "-o", run, "-n", *changes)
    assert dry.code == 0 and "12 steps" in dry.stdout.decode() and not run.exists()
    assert dry.stderr == ""

    done = mind_train("pretrain", shards, "-o", run, *changes)
    assert done.code == 0 and done.stdout == b"", done.stderr
    assert "held-out" in done.stderr and "bits/byte" in done.stderr
    metrics = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    steps = [line for line in metrics if "loss" in line]
    assert [line["step"] for line in steps] == list(range(1, 13))
    assert set(steps[0]) >= {"step", "loss", "lr", "grad_norm", "tokens", "seconds"}
    first, *_, last = (line["validation"] for line in metrics if "validation" in line)
    assert set(first) == {"sayings/en", "sayings/zh"}
    assert set(first["sayings/en"]) == {"nats_per_token", "bits_per_byte", "tokens", "bytes"}
    assert last["sayings/en"]["nats_per_token"] < first["sayings/en"]["nats_per_token"]

    tuning = sets(["train.epochs=2", "train.batch=4", "train.save_every=10"])
    tuned = mind_train("sft", chat_shards, "--from", run, "-o", chat, *tuning)
    assert tuned.code == 0, tuned.stderr
    assert json.loads((chat / "manifest.json").read_text())["inputs"]["command"] == "sft"

    options = ("--max-new", "8", "--json")
    drawn = mind_train("sample", chat, "--chat", "3?", "4?", "--count", "2", *options)
    assert drawn.code == 0, drawn.stderr
    assert [r["prompt"] for r in drawn.records] == ["3?", "3?", "4?", "4?"]
    assert (
        drawn.stdout
        == mind_train("sample", chat, "--chat", "3?", "4?", "--count", "2", *options).stdout
    )
    assert f"{chat / 'checkpoints'}" in drawn.stderr and " on cpu with" in drawn.stderr
    nowhere = mind_train("sample", run, "Still", "--device", "mps")
    assert nowhere.code == 1 and "--device 'mps': this kind" in nowhere.stderr
    assert "--device cpu works everywhere" in nowhere.stderr
    plain = mind_train("sample", run, "Still waters", "--max-new", "4", "--temperature", "0")
    assert plain.stdout.decode().startswith("Still waters")


def test_plan_counts_three_billion_on_a_laptop(mind_train: Call) -> None:
    result = mind_train(
        "plan", "--set=model.preset='mindllm-3b'", "--set=train.steps=80_000",
        "--set=train.batch=3072", "--json",
    )  # fmt: skip
    (plan,) = result.records
    assert plan["parameters"]["total"] == 3_174_082_560
    assert plan["tokens"] == 80_000 * 3072 * 2048
    body = plan["parameters"]["attention"] + plan["parameters"]["ffn"]
    assert plan["flops_per_token"]["weights"] == 6 * (body + 125_700 * 2560)
    extra = plan["flops_per_token"]["with_full_attention"] - plan["flops_per_token"]["weights"]
    assert extra == 12 * 32 * 2560 * 2048


def test_plan_of_shards(
    mind_train: Call, shards: Path, small_run: Callable[..., list[str]]
) -> None:
    result = mind_train("plan", shards, *sets(["model={}", *small_run()]))
    assert result.code == 0, result.stderr
    text = result.stdout.decode()
    assert "sayings/zh" in text and "epochs" in text and "12 steps" in text


def test_plot_draws_every_run(mind_train: Call, trained: Path, tmp_path: Path) -> None:
    from xml.etree import ElementTree

    picture = tmp_path / "curves.svg"
    assert mind_train("plot", trained, trained, "-o", picture).code == 0
    root = ElementTree.fromstring(picture.read_text())
    curves = [p for p in root.iter() if p.tag.endswith("polyline")]
    assert len(curves) == 2 + 4  # two runs, two languages each
    missing = mind_train("plot", tmp_path)
    assert missing.code == 1 and "hint:" in missing.stderr


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["pretrain"], "SHARDS"),
        (["pretrain", "nowhere", "-o", "run"], "nowhere"),
        (["sft", "nowhere", "-o", "run"], "--from"),
        (["sample"], "MODEL"),
        (["sample", "nowhere", "hello"], "nowhere"),
        (["plan", "--set=model.preset='big'"], "big"),
        (["train"], "train"),
    ],
)
def test_wrong_calls_are_explained(mind_train: Call, arguments: list[str], word: str) -> None:
    result = mind_train(*arguments)
    assert result.code in (1, 2) and result.stdout == b""
    assert result.stderr.startswith("mind-train: error:") and word in result.stderr
    assert "Traceback" not in result.stderr


def test_bench_measures_a_step_and_the_product(
    mind_train: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(bench.SQUARE, "cpu", 512)
    done = mind_train(
        "bench", "--seconds", "0", "--json", "--vocab", "64", "--set", "model.context=16",
        "--set", "train.batch=2",
    )  # fmt: skip
    result = json.loads(done.stdout)
    assert result["tokens_per_second"] > 0 and result["gemm_peak"] > 1e9
    assert result["share_of_gemm_peak"] > 0
    assert result["mfu"] is None or result["device"].startswith("NVIDIA")
    share = result["tokens_per_second"] * result["flops_per_token"] / result["gemm_peak"]
    assert result["share_of_gemm_peak"] == pytest.approx(share, rel=0.01, abs=1e-4)


def test_export_and_import_go_round(mind_train: Call, trained: Path, tmp_path: Path) -> None:
    mind_train("export", str(trained), "-o", str(tmp_path / "hf"))
    words = str(tmp_path / "hf" / "tokenizer")
    mind_train("import", str(tmp_path / "hf"), "-t", words, "-o", str(tmp_path / "back"))
    draws = [
        mind_train("sample", str(run), "The sea", "--temperature", "0", "--max-new", "9").stdout
        for run in (trained, tmp_path / "back")
    ]
    assert draws[0] == draws[1] and draws[0].startswith(b"The sea")
    again = mind_train("export", str(trained), "-o", str(tmp_path / "hf"))
    assert again.code == 2 and "exists" in again.stderr and "hint:" in again.stderr


def test_pretrain_goes_on_from_a_checkpoint(
    mind_train: Call, trained: Path, shards: Path, tmp_path: Path
) -> None:
    """The first held-out loss of the new run is the last one of the old."""
    run = tmp_path / "next"
    mind_train(
        "pretrain", str(shards), "--from", str(trained), "-o", str(run), "-q",
        "--set", "train.steps=2", "--set", "train.evaluate_tokens=300",
    )  # fmt: skip

    def evaluations(folder: Path) -> list[Any]:
        lines = map(json.loads, (folder / "metrics.jsonl").read_text().splitlines())
        return [line["all"] for line in lines if "all" in line]

    assert evaluations(run)[0] == pytest.approx(evaluations(trained)[-1])


def test_plot_draws_curves_by_source(mind_train: Call, trained: Path) -> None:
    picture = mind_train("plot", trained, "--by", "source").stdout.decode()
    assert "sayings/zh" in picture and "sayings/en" in picture
    wrong = mind_train("plot", trained, "--by", "sorce")
    assert wrong.code == 2 and "language, source" in wrong.stderr


def test_plan_tells_the_time_at_a_rate_on_some_devices(mind_train: Call) -> None:
    done = mind_train(
        "plan", "--recipe", "mindllm-3b", "--vocab", "125700", "--devices", "64", "--rate",
        "23500", "--set", "train.parallel=fsdp", "--json",
    )  # fmt: skip
    plan = json.loads(done.stdout)
    assert plan["tokens"] == 3072 * 2048 * 80_000
    assert plan["seconds"] == pytest.approx(plan["tokens"] / (64 * 23500))
    assert plan["memory"]["states"] == plan["parameters"]["total"] * 16 // 64
    # 48 rows a device, 4 at once or fewer: the whole gradient waits for the last of them.
    assert plan["memory"]["gradients"] == plan["parameters"]["total"] * 4
    (nodes,) = mind_train(
        "plan", "--json", "--recipe", "mindllm-3b", "--devices", "64",
        "--set=train.parallel='hsdp'", "--set=train.shard_ranks=4",
    ).records  # fmt: skip
    assert nodes["memory"]["states"] == plan["parameters"]["total"] * 16 // 4
    text = mind_train("plan", "--recipe", "mindllm-3b", "--rate", "23500").stdout.decode()
    assert "248 days" in text and "GiB" in text


def test_plan_says_for_which_device(mind_train: Call) -> None:
    """Without a GPU for a CPU in fp32, unless the recipe or --devices says otherwise."""
    alone = mind_train("plan", "--set=train.device='cpu'").stdout.decode()
    assert "1 CPU process(es), fp32" in alone and "--set train.device=cuda" in alone
    figures = {}
    for name, more in {
        "cpu": ["--set=train.device='cpu'"],
        "cuda": ["--set=train.device='cuda'"],
        "several": ["--devices=2"],
    }.items():
        (figures[name],) = mind_train("plan", "--json", "--set=train.micro_batch=4", *more).records
    assert [figures[n]["device"] for n in ("cpu", "cuda", "several")] == ["cpu", "gpu", "gpu"]
    assert figures["cpu"]["memory"]["activations"] > figures["cuda"]["memory"]["activations"]
    # Autocast keeps a copy of each matrix in half precision.
    matrices = figures["cuda"]["parameters"]["body_and_head"]
    assert figures["cuda"]["memory"]["copies"] == 2 * matrices
    assert "copies" not in figures["cpu"]["memory"]


@pytest.mark.fresh_process  # a fork would count the memory of what it came from
def test_the_memory_of_a_plan_is_what_a_run_takes(mind_train: Call) -> None:
    """Within a tenth of the most that a process of its own has had, on a CPU."""
    changes = ["--set", "train.batch=2", "--set", "train.device=cpu", "--vocab", "6000", "--json"]
    code = (
        "from mind_train import bench, cli\n"
        "bench.SQUARE['cpu'] = 64  # the speed of products is not asked\n"
        "cli.main()"
    )
    command = [sys.executable, "-c", code, "bench", "--seconds", "0", *changes]
    env = {**os.environ, "OMP_NUM_THREADS": "1"}
    ballast = b"\1" * (700 << 20)  # what has started a process had is not that process's own
    del ballast
    done = subprocess.run(command, capture_output=True, check=True, env=env)
    (plan,) = mind_train("plan", *changes).records
    planned = sum(size for name, size in plan["memory"].items() if name != "micro_batch_rows")
    assert planned == pytest.approx(json.loads(done.stdout)["peak_memory_bytes"], rel=0.1)
