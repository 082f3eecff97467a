"""Bad input is one clear error with a hint, before the first step."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from mind_core import MindError
from mind_tok.loading import make_plugins
from mind_tok.shards import ShardWriter
from mind_train.components import load_plugins
from mind_train.config import effective_recipe
from mind_train.device import choose_device
from mind_train.pipeline import prepare_sft


@pytest.mark.parametrize(
    ("change", "message", "hint"),
    [
        ("train.stesp=3", r"train\.stesp", "steps"),
        ("tarin.steps=3", "tarin", "train"),
        ("model.layer=3", r"model\.layer", "layers"),
        ("model.architecture='mindlm'", "mindlm", "mindllm"),
        ("model.preset='tyni'", "tyni", "tiny"),
        ("model.preset='mindllm-1.3b'", "no preset", "model.architecture=gpt-neo"),
        ("optimizer.name='adam'", "adam", "adamw"),
        ("optimizer.learning_rate=1.0", "learning_rate", "lr"),
        ("schedule.name='cosin'", "cosin", "cosine"),
        ("train.steps='many'", r"train\.steps", "default"),
        ("train.steps=0", r"train\.steps", "epochs"),
        ("train.batch=0", r"train\.batch", ""),
        ("train.sequence=64", "longer than the model's context", "context"),
        ("model.vocab=100", "vocabulary only 100", "model.vocab=420"),
        ("train.device='gpu'", "no device", "cuda"),
        ("train.device='mps'", "not supported", "train.device=cpu"),
        ("train.device='npu'", "not supported|no device", "cpu"),
        ("train.device='cuda:99'", "torch sees", "train.device=cpu"),
        ("train.dtype='fp16'", "fp16", "float32"),
        ("seed=-1", "seed", "seed"),
    ],
)
def test_recipes(
    change: str,
    message: str,
    hint: str,
    shards: Path,
    small_run: Callable[..., list[str]],
    pretrain: Callable[..., Path],
    tmp_path: Path,
) -> None:
    with pytest.raises(MindError, match=message) as caught:
        pretrain(shards, tmp_path / "run", [*small_run(), change])
    assert hint in str(caught.value.hint)
    assert not (tmp_path / "run").exists()


def test_shards_that_are_incomplete_or_cut(
    shards: Path, small_run: Callable[..., list[str]], pretrain: Callable[..., Path], tmp_path: Path
) -> None:
    copy = tmp_path / "shards"
    shutil.copytree(shards, copy)
    ids = copy / "train-00000.bin"
    ids.write_bytes(ids.read_bytes()[:-2])
    with pytest.raises(MindError, match="bytes long") as caught:
        pretrain(copy, tmp_path / "run", small_run())
    assert caught.value.hint
    (copy / "manifest.json").unlink()
    with pytest.raises(MindError, match="incomplete"):
        pretrain(copy, tmp_path / "run", small_run())
    with pytest.raises(MindError, match="does not exist"):
        pretrain(tmp_path / "absent", tmp_path / "run", small_run())


def test_ids_beyond_the_vocabulary_are_named(
    shards: Path, small_run: Callable[..., list[str]], pretrain: Callable[..., Path], tmp_path: Path
) -> None:
    """Shards that lie about their tokenizer."""
    copy = tmp_path / "shards"
    shutil.copytree(shards, copy)
    manifest = json.loads((copy / "manifest.json").read_text())
    manifest["tokenizer"]["vocab_size"] = 200
    (copy / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(MindError, match="beyond the model's vocabulary of 200") as caught:
        pretrain(copy, tmp_path / "run", small_run())
    assert caught.value.hint


def test_sft_wants_the_checkpoints_own_tokenizer(trained: Path, tmp_path: Path) -> None:
    kind = make_plugins().make("register_tokenizers", "bpe")
    other = kind.train(["another text altogether, of other words"] * 9, 300)
    with ShardWriter(tmp_path / "chat", other, kind="chat") as writer:
        ids = [*other.encode("text"), other.end_id]
        writer.add(ids, size=4, mask=[1] * len(ids))
    recipe = effective_recipe("sft-cpu", [], None)
    with pytest.raises(MindError, match="another tokenizer") as caught:
        prepare_sft(recipe, load_plugins(), tmp_path / "chat", trained)
    assert caught.value.hint
    recipe.values["model"] = {"preset": "tiny"}
    with pytest.raises(MindError, match=r"no \[model\]"):
        prepare_sft(recipe, load_plugins(), tmp_path / "chat", trained)


def test_bf16_is_refused_where_it_would_be_emulated(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a CPU the default is fp32 whatever it can do; bf16 is for who asks and has it."""
    monkeypatch.setattr("mind_train.device.cpu_has_bf16", lambda: False)
    with pytest.raises(MindError, match="no bf16 instructions") as caught:
        choose_device("cpu", "bfloat16")
    assert "18 times slower" in str(caught.value.cause) and "float32" in str(caught.value.hint)
    monkeypatch.setattr("mind_train.device.cpu_has_bf16", lambda: True)
    assert choose_device("cpu", "bfloat16").dtype == torch.bfloat16
    assert choose_device("cpu").dtype == torch.float32
    with pytest.raises(MindError, match="'bf16' is not known") as caught:
        choose_device("cpu", "bf16")
    assert "bfloat16" in str(caught.value.hint)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_gpu_that_is_not_there() -> None:
    with pytest.raises(MindError, match="no GPU") as caught:
        choose_device("cuda", "auto")
    assert caught.value.hint
    assert choose_device().device.type == "cpu"


def test_numbers_that_overflow_stop_the_run_and_spare_the_checkpoint(
    shards: Path, small_run: Callable[..., list[str]], pretrain: Callable[..., Path], tmp_path: Path
) -> None:
    changes = [*small_run(save_every=1), "optimizer.lr=1e30", "schedule.warmup=0"]
    with pytest.raises(MindError, match="nothing was updated") as caught:
        pretrain(shards, tmp_path / "run", changes)
    assert "optimizer.lr" in str(caught.value.hint)
    assert list((tmp_path / "run" / "checkpoints").glob("step-*"))
