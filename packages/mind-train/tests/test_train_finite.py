"""A number that is not finite is an error with a name, in what is read and in what is written."""

from __future__ import annotations

import math
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from mind_core import MindError
from mind_core.errors import UsageError
from mind_train import evaluate, load_checkpoint
from mind_train.bench import peak_memory
from mind_train.config import effective_recipe
from mind_train.device import choose_device
from mind_train.finite import is_finite, not_finite
from mind_train.generate import generate
from mind_train.metrics import Metrics, read_metrics
from mind_train.optim.schedules import Constant
from mind_train.plot import draw
from mind_train.sample import Sampling
from mind_train.tensor_file import write_tensors
from mind_train.trainer import Trainer

Change = Callable[..., list[str]]
Train = Callable[..., Path]
NAN, INF = math.nan, math.inf


def test_what_is_finite() -> None:
    assert list(not_finite({"a": 1.0, "b": [2, {"c": NAN}], "d": -INF, "e": "nan"}))[1] == (
        "d", -INF,
    )  # fmt: skip
    assert [path for path, _ in not_finite({"b": [2, {"c": NAN}]})] == ["b.2.c"]
    assert is_finite(torch.tensor([3e38, -3e38])) and is_finite(torch.zeros(0))
    assert is_finite(torch.tensor([1, 2])) and is_finite(torch.zeros(3, dtype=torch.bfloat16))
    for odd in (NAN, INF, -INF):
        assert not is_finite(torch.tensor([0.0, odd, 1.0]))


@pytest.mark.parametrize(
    "key",
    [
        "optimizer.lr", "optimizer.eps", "schedule.warmup", "train.clip", "train.z_loss",
        "train.spike_sigmas", "train.epochs", "data.max_epochs", "data.shares.en", "model.beta",
        "model.alpha", "model.eps",
    ],
)  # fmt: skip
@pytest.mark.parametrize("value", ["nan", "inf", "-inf"])
def test_a_recipe_has_finite_numbers(key: str, value: str) -> None:
    """A nan is neither below 0 nor above a limit: clip = nan, max_epochs = nan passed unnoticed."""
    with pytest.raises(UsageError, match=rf"{key} is -?(nan|inf)") as caught:
        effective_recipe("tiny-cpu", [f"{key}={value}"], None)
    assert caught.value.hint
    with pytest.raises(UsageError, match=r"phase\.1\.shares\.en is"):
        effective_recipe("tiny-cpu", [f"phase=[{{steps=3, shares={{en={value}}}}}]"], None)


@pytest.mark.parametrize("value", [NAN, INF])
def test_sampling_takes_finite_numbers(value: float) -> None:
    for temperature, top_p in ((value, 0.9), (0.8, value)):
        with pytest.raises(MindError) as caught:
            Sampling(8, temperature, top_p, 0, False)
        assert caught.value.hint


def poison(model: Any, value: float = NAN) -> None:
    with torch.no_grad():
        model.blocks[0].ffn.down.weight[3, 2] = value


@pytest.mark.parametrize("temperature", [0.0, 1.0])
def test_a_model_with_a_nan_writes_nothing(temperature: float, trained: Path) -> None:
    checkpoint = load_checkpoint(trained)
    poison(checkpoint.model)
    with pytest.raises(MindError, match="a score of token 3 is not finite") as caught:
        generate(checkpoint, [5, 6, 7], max_new=4, temperature=temperature)
    assert caught.value.hint


def test_a_held_out_loss_that_is_not_finite_ends_the_run(
    shards: Path, small_run: Change, pretrain: Train, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """The weights overflow in the update of step 4, whose own loss was sound."""
    step = Trainer.step

    def overflowing(self: Trainer) -> dict[str, Any]:
        line = step(self)
        if line["step"] == 4:
            poison(self.model, INF)
        return line

    monkeypatch.setattr(Trainer, "step", overflowing)
    run = tmp_path / "run"
    with pytest.raises(MindError, match=r"held-out loss of sayings/\w+ is (nan|inf)") as caught:
        pretrain(shards, run, small_run(save_every=2))
    assert caught.value.hint
    assert [p.name for p in (run / "checkpoints").iterdir()] == ["step-00000002"]
    assert b"null" not in b"".join(
        line for line in (run / "metrics.jsonl").read_bytes().splitlines() if b"valid" in line
    ).replace(b'"mfu":null', b"")
    with pytest.raises(MindError, match=r"down\.weight.* is not finite") as caught:
        pretrain(shards, tmp_path / "blind", small_run(evaluate_every=9, save_every=4))
    assert "last checkpoint is sound" in str(caught.value.hint)
    assert not list((tmp_path / "blind" / "checkpoints").iterdir())


def test_a_schedule_without_a_number_updates_nothing(
    shards: Path, small_run: Change, pretrain: Train, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr(Constant, "shape", lambda self, done: NAN)
    changes = [c for c in small_run() if not c.startswith("schedule")]
    with pytest.raises(MindError, match="step 1: the schedule gives nan") as caught:
        pretrain(shards, tmp_path / "run", [*changes, "schedule={name='constant'}"])
    assert caught.value.hint


def test_tensors_that_are_not_finite_are_not_written(tmp_path: Path) -> None:
    for odd in (NAN, INF):
        with pytest.raises(MindError, match="moment, to be written to state, is not finite"):
            write_tensors(tmp_path / "state", {"moment": torch.tensor([1.0, odd])})
    kinds = (torch.int8, torch.int16, torch.int32, torch.float16, torch.bool, torch.float64)
    wanted = {str(kind): torch.ones(3, dtype=kind) for kind in kinds}
    write_tensors(tmp_path / "state", wanted)
    found = load_file(tmp_path / "state")
    assert all(found[n].dtype == t.dtype and found[n].equal(t) for n, t in wanted.items())
    with pytest.raises(MindError, match="complex64") as caught:
        write_tensors(tmp_path / "state", {"moment": torch.ones(2, dtype=torch.complex64)})
    assert caught.value.hint


def test_no_line_of_metrics_holds_a_nan(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    with Metrics(path) as metrics:
        metrics.write({"step": 1, "loss": 2.0, "mfu": None})
        for line in ({"step": 2, "loss": NAN}, {"step": 2, "validation": {"a/en": {"x": INF}}}):
            with pytest.raises(MindError, match=r"step 2: (loss|validation\.a/en\.x) is"):
                metrics.write(line)
    assert path.read_text() == '{"step":1,"loss":2.0,"mfu":null}\n'


GOOD = '{"step":1,"loss":2.0}\n'


@pytest.mark.parametrize(
    ("bad", "word"),
    [
        ('{"step":2,"loss":null}\n', "its loss is None"),
        ('{"step":2,"loss":NaN}\n', "not JSON"),
        ('{"loss":2.0}\n', "its step is None"),
        ("[1]\n", "no object"),
        ('{"step":2,"lo\n', "not JSON"),
        ('{"step":2,"languages":{"zh":{"nats_per_token":null,"bits_per_byte":1}}}\n', "zh"),
    ],
)
def test_a_line_in_the_middle_of_a_log_is_not_passed_over(
    bad: str, word: str, trained: Path, shards: Path, small_run: Change, pretrain: Train,
    tmp_path: Path,
) -> None:  # fmt: skip
    """Not by `plot`, and not by a run that goes on, which would drop all that follows."""
    run = tmp_path / "run"
    shutil.copytree(trained, run)
    (run / "manifest.json").unlink()
    (run / "metrics.jsonl").write_text(GOOD + bad + GOOD.replace("1", "3"))
    for work in (
        lambda: draw([run]),
        lambda: list(read_metrics(run / "metrics.jsonl")),
        lambda: pretrain(shards, run, small_run()),
    ):
        with pytest.raises(MindError, match=r"metrics\.jsonl:2 is no line") as caught:
            work()
        assert word in str(caught.value.cause) and caught.value.hint
    assert (run / "metrics.jsonl").read_text().count("\n") == 3


def test_a_torn_last_line_is_left_out(tmp_path: Path) -> None:
    for torn in ('{"step":2,"lo', '{"step":2,"loss":1.0}', "\0\0\0"):
        (tmp_path / "m").write_text(GOOD + torn)
        assert [line["step"] for line in read_metrics(tmp_path / "m")] == [1]


def test_figures_of_a_run_are_numbers(trained: Path) -> None:
    for line in read_metrics(trained / "metrics.jsonl"):
        assert not list(not_finite(line))
    assert peak_memory(choose_device("cpu")) > 1 << 20
    assert evaluate.Score(3.0, 2, 0.0, 0).as_dict()["bits_per_byte"] is None
