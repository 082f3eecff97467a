"""Checkpoints, token shards and the answer log under faults: kills, power cuts and full disks.

The harness is that of `test_faults.py`, over writers that are no jobs; `nox -s faults` tries more.
"""

from __future__ import annotations

import os
import random
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from faults import Fault, Patch, Run

from mind_core import files as core_files
from mind_core.files import sha256_file
from mind_core.output import write_records
from mind_core.runner import StreamOptions
from mind_eval.response_cache import ResponseCache
from mind_tok.encode import Encoder
from mind_tok.loading import load_tokenizer, make_plugins
from mind_tok.pipeline import EncodeOptions, encode_shards
from mind_tok.shards import ShardSet
from mind_tok.tokenizer import HOOK
from mind_train import checkpoint as checkpoint_files
from mind_train.checkpoint import find_checkpoint, save_checkpoint
from mind_train.models.mindllm import MindLLMConfig

FAULTS = int(os.environ.get("MIND_FAULTS", "0")) // 3
STEPS = (1, 2, 3)
ANSWERS = 12

CHECKPOINT = {
    "write tensors": "mind_train.checkpoint:write_tensors",
    "write json": "mind_train.checkpoint:write_json",
    "copy tokenizer": "mind_train.checkpoint:copy_files",
    "sync file": "mind_train.checkpoint:_sync",
    "write manifest": "mind_train.checkpoint:write_manifest",
    "sync tree": "mind_core.files:_sync_tree",
    "sync names": "mind_core.files:sync_folder",
}
SHARDS = {
    "write ids": "mind_tok.shard_file:HashedFile.write",
    "sync shard": "mind_tok.shard_file:HashedFile.finish",
    "sync tree": "mind_core.files:_sync_tree",
    "sync names": "mind_core.files:sync_folder",
}
ANSWER_LOG = {
    "open": "mind_eval.response_cache:open_log",
    "add": "mind_eval.response_cache:ResponseCache.add",
    "close": "mind_eval.response_cache:ResponseCache.close",
}
KILLS = ("kill", "kill", "power cut", "full disk")


@dataclass(frozen=True)
class Subject:
    """A writer: what it does in a folder, what must hold at any moment, what it ends with."""

    points: Mapping[str, str]
    make: Callable[[Path], None]
    check: Callable[[Path], None]
    actions: Sequence[str] = KILLS


def note(out: Path, what: str) -> None:
    """Note outside of the folder what was promised by then; no fault takes it away."""
    with out.with_name(f"{out.name}.noted").open("a") as file:
        file.write(f"{what}\n")


def noted(out: Path) -> list[str]:
    path = out.with_name(f"{out.name}.noted")
    return path.read_text().split() if path.exists() else []


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tokenizer") / "tokenizer"
    texts = ["some words of a text", "几个字的文本"] * 20
    make_plugins().make(HOOK, "bpe").train(texts, 300).save(folder)
    return folder


def checkpoints(tokenizer: Path) -> Subject:
    config = MindLLMConfig(vocab=300, dim=8, layers=1, heads=1, ffn_dim=16, context=8)

    def make(out: Path) -> None:
        there = list(out.glob("checkpoints/step-*"))
        done = find_checkpoint(out)[1]["step"] if there else 0
        for step in STEPS[done:]:
            torch.manual_seed(step)
            state = {"x": torch.full((3,), float(step))}
            save_checkpoint(out, step, "mindllm", config.build(), state, {"step": step}, tokenizer)
            note(out, str(step))

    def check(out: Path) -> None:
        saved = noted(out)
        if saved:
            assert find_checkpoint(out)[1]["step"] >= int(saved[-1])
        for folder in out.glob("checkpoints/step-*"):
            told = core_files.read_json(folder / "manifest.json")["files"]
            assert {name: sha256_file(folder / name) for name in told} == {
                name: one["sha256"] for name, one in told.items()
            }

    return Subject(CHECKPOINT, make, check)


def shards(tokenizer: Path, texts: Path) -> Subject:
    plugins = make_plugins()
    encoder = Encoder(load_tokenizer(tokenizer, plugins))

    def make(out: Path) -> None:
        out.mkdir(exist_ok=True)
        if not (out / "shards").exists():
            options = EncodeOptions(out / "shards", 0.1, 300, "")
            stream = StreamOptions((str(texts),), quiet=True, progress=False)
            encode_shards(encoder, options, stream, plugins)
        note(out, "shards")

    def check(out: Path) -> None:
        assert (out / "shards").exists() or not noted(out)
        if (out / "shards").exists():
            ShardSet.open(out / "shards", verify=True)

    return Subject(SHARDS, make, check)


def answer_log() -> Subject:
    def make(out: Path) -> None:
        cache = ResponseCache(out)
        for number in range(ANSWERS):
            if cache.get(str(number)) is None:
                cache.add({str(number): (-float(number), True)})
                note(out, str(number))
        cache.close()

    def check(out: Path) -> None:
        cache = ResponseCache(out)
        for number in map(int, noted(out)):
            assert cache.get(str(number)) == (-float(number), True)
        cache.close()
        twice = [number for number in noted(out) if noted(out).count(number) > 1]
        assert not twice, "what was in the log was asked again"

    # A log is synced when it is closed: a power cut may take answers, which are asked for again.
    return Subject(ANSWER_LOG, make, check, ("kill", "full disk"))


@pytest.fixture(scope="module", params=["checkpoints", "shards", "answer log"])
def subject(
    request: pytest.FixtureRequest, tokenizer: Path, tmp_path_factory: pytest.TempPathFactory
) -> Subject:
    if request.param == "checkpoints":
        return checkpoints(tokenizer)
    if request.param == "answer log":
        return answer_log()
    texts = tmp_path_factory.mktemp("texts") / "texts.jsonl"
    write_records(texts, [{"id": n, "text": f"some words {n} 几个字 {n * n}"} for n in range(60)])
    return shards(tokenizer, texts)


def tree(out: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(out)): path.read_bytes()
        for path in sorted(out.rglob("*"))
        if path.is_file() and not any(core_files.PARTIAL in part for part in path.parts)
    }


def strike(subject: Subject, run: Run, fault: Fault, out: Path, right: Mapping[str, bytes],
           patch: Patch | None = None) -> None:  # fmt: skip
    """Write with a fault, look at what is there, write again without, compare."""
    out.mkdir()
    run.remember(out)
    first = run.run(lambda: subject.make(out), fault, out, patch)
    assert first.struck, f"{fault} did not happen"
    subject.check(out)
    again = run.run(lambda: subject.make(out), None, out, patch)
    assert again.code == 0, (run.folder / "stderr").read_text()[-2000:]
    subject.check(out)
    found = tree(out)
    if subject.points is ANSWER_LOG:  # a torn line may stay behind: what is read counts
        assert ResponseCache(out).found == {str(n): (-float(n), True) for n in range(ANSWERS)}
    else:
        assert found == right


@pytest.mark.timeout(3600)
def test_a_writer_that_is_stopped_goes_on(subject: Subject, tmp_path: Path) -> None:
    """Each point is hit at least twice, at a call that a seed draws."""
    run = Run(tmp_path / "harness", subject.points)
    subject.make(tmp_path / "right")
    right = tree(tmp_path / "right")
    calls = run.calls(lambda: subject.make(tmp_path / "counted"), tmp_path / "counted")
    assert all(calls.values()), f"a point is never come to: {calls}"
    chance = random.Random(FAULTS)
    times = max(2, FAULTS // len(subject.points))
    for point, count in calls.items():
        for number in range(times):
            action = subject.actions[number % len(subject.actions)] if FAULTS else chance.choice(
                subject.actions)  # fmt: skip
            fault = Fault(point, chance.randint(1, count), action, after=chance.random() < 0.5)
            out = tmp_path / f"{point.replace(' ', '-')}-{number}"
            strike(subject, run, fault, out, right)
            shutil.rmtree(out)


def patched(owner: Any, name: str, value: Any) -> Patch:
    return lambda: setattr(owner, name, value)


WRONG: dict[str, tuple[Patch, Fault]] = {
    "names are not synced": (
        patched(core_files, "sync_folder", lambda _: None),
        Fault("write tensors", 5, "power cut"),
    ),
    "files are not synced": (
        lambda: [patched(owner, "_sync", lambda _: None)() for owner in
                 (core_files, checkpoint_files)] and None,  # type: ignore[func-returns-value]
        Fault("write tensors", 5, "power cut"),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_the_harness_catches_wrong_writers(name: str, tokenizer: Path, tmp_path: Path) -> None:
    patch, fault = WRONG[name]
    subject = checkpoints(tokenizer)
    subject.make(tmp_path / "right")
    with pytest.raises((AssertionError, core_files.MindError)):
        strike(subject, Run(tmp_path / "harness", CHECKPOINT), fault, tmp_path / "out",
               tree(tmp_path / "right"), patch)  # fmt: skip
