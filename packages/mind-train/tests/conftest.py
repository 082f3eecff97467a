"""A small tokenizer, shards made of old sayings, and a recipe that trains in a second."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch

from mind_core import cli
from mind_core.progress import Progress
from mind_core.testing import ToolResult
from mind_tok import Tokenizer
from mind_tok.chat import encode_chat
from mind_tok.loading import make_plugins
from mind_tok.shards import ShardWriter
from mind_train.cli import app
from mind_train.components import load_plugins
from mind_train.config import effective_recipe
from mind_train.pipeline import prepare_pretrain, prepare_sft, train

SAYINGS = {
    "en": (
        "A rolling stone gathers no moss.",
        "Actions speak louder than words.",
        "All that glitters is not gold.",
        "Better late than never.",
        "The early bird catches the worm.",
        "Still waters run deep.",
        "Where there is a will, there is a way.",
    ),
    "zh": (
        "学而时习之，不亦说乎？",
        "三人行，必有我师焉。",
        "千里之行，始于足下。",
        "己所不欲，勿施于人。",
        "温故而知新，可以为师矣。",
    ),
}

# Small enough for a step in milliseconds, large enough to have every part.
SMALL = {
    "mindllm": ["dim=32", "layers=2", "heads=2", "ffn_dim=64", "context=32"],
    "gpt-neo": ["dim=32", "layers=2", "heads=2", "ffn_dim=64", "context=32", "window=8"],
}


Change = Callable[..., list[str]]
Train = Callable[..., Path]
Call = Callable[..., ToolResult]


def _small_run(architecture: str = "mindllm", **train: object) -> list[str]:
    options = {"steps": 12, "batch": 4, "evaluate_every": 4, "save_every": 4} | train
    changes = [f"model.{size}" for size in SMALL[architecture]]
    changes += [f"train.{key}={value}" for key, value in options.items()]
    changes += [f"model.architecture='{architecture}'", "train.evaluate_tokens=300"]
    return [*changes, "schedule.warmup=2", "schedule.name='cosine'"]


def _pretrain(shards: Path, run: Path, changes: list[str]) -> Path:
    recipe = effective_recipe("tiny-cpu", ["model={}", "seed=7", *changes], seed=None)
    job = prepare_pretrain(recipe, load_plugins(), shards)
    with Progress("mind-train", False) as progress:
        train(job, run, progress, quiet=True)
    return run


@pytest.fixture(scope="session")
def small_run() -> Change:
    """Give the --set values of a run that takes a second: (architecture, **train options)."""
    return _small_run


@pytest.fixture(scope="session")
def pretrain() -> Train:
    """Train in this process: (shards, run folder, changes) → run folder."""
    return _pretrain


@pytest.fixture(scope="session")
def sft() -> Train:
    """Tune in this process: (chat shards, parent, run folder, changes) → run folder."""

    def tune(shards: Path, parent: Path, run: Path, changes: list[str]) -> Path:
        wanted = [c for c in changes if not c.startswith("model.")]
        recipe = effective_recipe("sft-cpu", ["train.epochs=0", "seed=7", *wanted], seed=None)
        job = prepare_sft(recipe, load_plugins(), shards, parent)
        train(job, run, Progress(None), quiet=True)
        return run

    return tune


@pytest.fixture
def mind_train(capfd: pytest.CaptureFixture[str]) -> Call:
    """Run the tool in this process: importing torch anew for each call would take minutes."""

    def call(*arguments: str | Path) -> ToolResult:
        with pytest.raises(SystemExit) as ended:
            cli.run(app, "mind-train", [str(a) for a in arguments])
        out, err = capfd.readouterr()
        assert isinstance(ended.value.code, int)
        return ToolResult(ended.value.code, out.encode(), err)

    return call


def texts(count: int, seed: int) -> Iterator[tuple[str, str]]:
    """Yield (language, text) of a few sayings each."""
    chance = random.Random(seed)
    for number in range(count):
        language = "zh" if number % 2 else "en"
        yield language, " ".join(chance.choices(SAYINGS[language], k=chance.randint(2, 7)))


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def tokenizer() -> Tokenizer:
    kind = make_plugins().make("register_tokenizers", "bpe")
    return kind.train([text for _, text in texts(200, 0)], 420)


@pytest.fixture(scope="session")
def shards(tokenizer: Tokenizer, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Text in two languages and sources, several shards to a split."""
    folder = tmp_path_factory.mktemp("text") / "shards"
    with ShardWriter(folder, tokenizer, shard_tokens=3000) as writer:
        for number, (language, text) in enumerate(texts(260, 1)):
            writer.add(
                [*tokenizer.encode(text), tokenizer.end_id],
                size=len(text.encode()),
                split="train" if number % 8 > 1 else "validation",
                source="sayings",
                language=language,
            )
    return folder


@pytest.fixture(scope="session")
def chat_shards(tokenizer: Tokenizer, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("chat") / "shards"
    with ShardWriter(folder, tokenizer, kind="chat") as writer:
        for number in range(60):
            answer = str(number + 1)
            ids, mask = encode_chat(
                tokenizer,
                [
                    {"role": "user", "content": f"{number}?"},
                    {"role": "assistant", "content": answer},
                ],
            )
            writer.add(
                ids,
                size=len(answer),
                split="validation" if number % 10 == 0 else "train",
                source="numbers",
                language="en",
                mask=mask,
            )
    return folder


@pytest.fixture(scope="session")
def trained(shards: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run of each kind that other tests only read."""
    return _pretrain(shards, tmp_path_factory.mktemp("runs") / "run", _small_run())
