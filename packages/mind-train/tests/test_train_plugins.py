"""A plugin file can bring an architecture and a schedule; they train, resume and sample."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mind_core import cli
from mind_train.cli import app

PLUGIN = """
from dataclasses import dataclass
from mind_train import hookimpl
from mind_train.models.mindllm import MindLLMConfig

@dataclass(frozen=True)
class Plain(MindLLMConfig):
    \"\"\"Describe a decoder without damping.\"\"\"
    presets = {"mini": {"dim": 16, "layers": 1, "heads": 1, "ffn_dim": 16, "context": 16}}
    alpha: float = 1.0

@dataclass(frozen=True)
class Halves:
    \"\"\"Halve the rate at every step.\"\"\"
    first: float = 1.0

    def __call__(self, step: int, total: int) -> float:
        return self.first * 0.5 ** (step - 1)

@hookimpl
def register_architectures():
    return {"plain": Plain}

@hookimpl
def register_schedules():
    return {"halves": Halves}
"""


def test_a_plugin_file_trains_and_samples(
    shards: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    plugin = tmp_path / "mine.py"
    plugin.write_text(PLUGIN)
    recipe = tmp_path / "mine.toml"
    recipe.write_text(
        "[model]\narchitecture='plain'\npreset='mini'\n[train]\nsteps=3\nbatch=2\n"
        "[optimizer]\nlr=0.01\n[schedule]\nname='halves'\nfirst=0.5\n"
    )

    def call(*arguments: str | Path) -> int | str | None:
        with pytest.raises(SystemExit) as ended:
            cli.run(app, "mind-train", [*map(str, arguments), "--plugin", str(plugin)])
        return ended.value.code

    run = tmp_path / "run"
    assert call("pretrain", shards, "-o", run, "--recipe", recipe) == 0
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    assert [line["lr"] for line in lines if "lr" in line] == [0.005, 0.0025, 0.00125]
    used = json.loads((run / "manifest.json").read_text())["components"]
    assert used["plain"].startswith("mine.py==sha256:") and "adamw" in used
    capfd.readouterr()
    assert call("sample", run, "Still", "--max-new", "3") == 0
    assert capfd.readouterr().out.startswith("Still")
    with pytest.raises(SystemExit) as ended:
        cli.run(app, "mind-train", ["sample", str(run), "Still"])
    assert ended.value.code != 0 and "plain" in capfd.readouterr().err
