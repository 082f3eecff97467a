"""Muon, z-loss, recomputation, compilation, spikes, records given directly, TensorBoard."""

from __future__ import annotations

import io
import json
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F

from mind_core import MindError
from mind_core.errors import UsageError
from mind_tok import Tokenizer
from mind_train.cache import shard_folders
from mind_train.loss import chunk_rows, head_loss
from mind_train.models.cpu import matmul
from mind_train.models.cpu.matmul import Linear
from mind_train.models.gpt_neo import GPTNeoConfig
from mind_train.models.mindllm import MindLLMConfig
from mind_train.optim.muon import Muon, fused_parts, orthogonal
from mind_train.spike_detector import ENOUGH, SpikeDetector
from mind_train.trackers.event_file import EventFile, masked_crc

Pretrain = Callable[..., Path]
Change = Callable[..., list[str]]
SIZES: dict[str, Any] = {
    "vocab": 50, "dim": 32, "layers": 2, "heads": 2, "ffn_dim": 48, "context": 32,
}  # fmt: skip


def losses(run: Path) -> list[float]:
    lines = (run / "metrics.jsonl").read_text().splitlines()
    return [line["loss"] for line in map(json.loads, lines) if "loss" in line]


def test_newton_schulz_brings_singular_values_near_one() -> None:
    torch.manual_seed(0)
    for shape in ((40, 64), (64, 40)):
        values = torch.linalg.svdvals(orthogonal(torch.randn(shape)))
        assert values.min() > 0.6 and values.max() < 1.3


def test_muon_takes_block_matrices_apart_and_leaves_the_rest_to_adamw() -> None:
    model = MindLLMConfig(**SIZES).build()
    parts = {n: fused_parts(model).get(id(p), 0) for n, p in model.named_parameters()}
    assert parts["blocks.0.attention.qkv.weight"] == 3
    assert parts["blocks.0.ffn.gate_up.weight"] == 2
    assert parts["blocks.1.attention.o.weight"] == parts["blocks.1.ffn.down.weight"] == 1
    optimizer = Muon(lr=0.02, weight_decay=0.0)(model)
    before = {n: p.detach().clone() for n, p in model.named_parameters()}
    for p in model.parameters():
        p.grad = torch.randn_like(p)
    optimizer.step()
    moved = {n: p.detach() - before[n] for n, p in model.named_parameters()}
    for part in moved["blocks.0.attention.qkv.weight"].chunk(3):  # each orthogonal by itself
        values = torch.linalg.svdvals(part) / (0.02 * 0.2 * 32**0.5)
        assert values.min() > 0.6 and values.max() < 1.3
    expected = before["embedding.weight"].clone().requires_grad_()
    expected.grad = model.embedding.weight.grad
    torch.optim.AdamW([expected], lr=0.02, betas=(0.9, 0.95), weight_decay=0.0).step()
    torch.testing.assert_close(model.embedding.weight, expected)


@pytest.mark.parametrize("options", [{"lr": 0.0}, {"momentum": 1.0}, {"beta2": -0.1}])
def test_muon_refuses_values_out_of_range(options: dict[str, float]) -> None:
    with pytest.raises(MindError, match="out of range"):
        Muon(**options)


def test_z_loss_is_in_the_gradient_and_not_in_the_value() -> None:
    torch.manual_seed(1)
    hidden, head = torch.randn(2, 9, 8, requires_grad=True), torch.randn(30, 8, requires_grad=True)
    targets = torch.randint(0, 30, (2, 9))
    scores = (hidden @ head.t()).flatten(0, 1)
    plain = F.cross_entropy(scores, targets.flatten(), reduction="sum") * 0.3
    z = 0.01 * torch.logsumexp(scores, 1).square().sum() * 0.3
    wanted = torch.autograd.grad(plain + z, (hidden, head))
    loss = head_loss(hidden, head, targets, None, 0.3, chunk=5, z_loss=0.01)
    torch.testing.assert_close(loss, plain)
    torch.testing.assert_close(torch.autograd.grad(loss, (hidden, head)), wanted)


def test_chunks_are_small_beside_a_large_vocabulary() -> None:
    assert chunk_rows(8192) == 2048 and chunk_rows(125_700) == 128
    assert chunk_rows(125_700, "cuda") >= 512


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("onednn", [True, False])
def test_the_fast_linear_layer_is_the_plain_one(
    bias: bool, onednn: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if onednn and not hasattr(torch.ops.mkldnn, "_linear_pointwise"):
        pytest.skip("this torch has no oneDNN")
    monkeypatch.setattr(matmul, "has_fast_products", lambda: onednn)
    torch.manual_seed(2)
    layer = Linear(24, 40, bias=bias)
    x = torch.randn(3, 7, 24, requires_grad=True)
    wanted = [x, *layer.parameters()]
    fast = layer(x)
    assert "Product" in type(fast.grad_fn).__name__
    plain = F.linear(x, layer.weight, layer.bias)
    torch.testing.assert_close(fast, plain, rtol=1e-5, atol=1e-5)
    g = torch.randn_like(fast)
    torch.testing.assert_close(
        torch.autograd.grad(fast, wanted, g), torch.autograd.grad(plain, wanted, g),
        rtol=1e-4, atol=1e-5,
    )  # fmt: skip


def test_loss_of_a_packed_row_is_that_of_its_documents() -> None:
    """Gradients too: packing with a document mask is only a way to fill rows."""
    for config in (MindLLMConfig(**SIZES), GPTNeoConfig(**SIZES, window=5)):
        torch.manual_seed(3)
        model = config.build()
        parts = [torch.randint(0, 50, (1, n)) for n in (9, 14, 6)]
        scale = 1 / sum(p.shape[1] - 1 for p in parts)
        apart = [head_loss(model(p[:, :-1]), model.head, p[:, 1:], None, scale) for p in parts]
        wanted = torch.autograd.grad(sum(apart), list(model.parameters()))  # type: ignore[arg-type]
        packed = torch.cat([p[:, :-1] for p in parts], 1)
        targets = torch.cat([p[:, 1:] for p in parts], 1)
        documents = torch.cat([torch.full((1, p.shape[1] - 1), i) for i, p in enumerate(parts)], 1)
        loss = head_loss(model(packed, documents=documents), model.head, targets, None, scale)
        torch.testing.assert_close(loss, sum(apart))
        found = torch.autograd.grad(loss, list(model.parameters()))
        torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("architecture", ["mindllm", "gpt-neo"])
def test_recomputing_blocks_changes_nothing(
    architecture: str, shards: Path, small_run: Change, pretrain: Pretrain, tmp_path: Path
) -> None:
    plain = pretrain(shards, tmp_path / "a", small_run(architecture, steps=3))
    again = pretrain(shards, tmp_path / "b", small_run(architecture, steps=3, recompute="true"))
    assert losses(plain) == losses(again)


def test_a_spike_is_skipped_and_the_run_resumes_alike(
    shards: Path, small_run: Change, pretrain: Pretrain, tmp_path: Path
) -> None:
    """Hardly learning, and with few sigmas: ordinary losses count as spikes, the guard acts."""
    changes = small_run(steps=32, save_every=20, spike_sigmas=0.05, keep=0)
    changes.append("optimizer.lr=1e-7")
    whole = pretrain(shards, tmp_path / "run", changes)
    lines = [json.loads(x) for x in (whole / "metrics.jsonl").read_text().splitlines()]
    skipped = [line["step"] for line in lines if line.get("skipped")]
    assert skipped and min(skipped) > ENOUGH
    assert json.loads((whole / "manifest.json").read_text())["skipped"] == len(skipped)
    before = losses(whole)
    (whole / "manifest.json").unlink()
    (whole / "checkpoints" / "step-00000032" / "manifest.json").unlink()
    assert losses(pretrain(shards, whole, changes)) == before


def test_what_a_spike_is() -> None:
    guard = SpikeDetector(6.0)
    for i in range(200):
        assert not guard.is_spike(3.0 + 0.01 * (i % 7))
        guard.note(3.0 + 0.01 * (i % 7))
    assert len(guard.history) == 128
    assert guard.is_spike(4.0) and not guard.is_spike(3.1)
    assert not SpikeDetector(0.0, [1.0] * 99).is_spike(1e9)


def records(path: Path, count: int) -> Path:
    lines = [
        {"id": str(i), "text": f"Number {i} is a number. 数字{i}。" * 8, "source": "numbers"}
        for i in range(count)
    ]
    path.write_text("".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines))
    return path


def test_records_are_encoded_once(
    tokenizer: Tokenizer, tmp_path: Path, capfd: pytest.CaptureFixture[str],
    small_run: Change, pretrain: Pretrain,
) -> None:  # fmt: skip
    tokenizer.save(tmp_path / "tok")
    texts = records(tmp_path / "a.jsonl", 60)
    [first] = shard_folders([texts], tmp_path / "tok", tmp_path / "cache", chat=False)
    assert "encoding 1 file" in capfd.readouterr().err
    stamp = (first / "manifest.json").stat().st_mtime_ns
    assert shard_folders([texts], tmp_path / "tok", tmp_path / "cache", chat=False) == [first]
    assert "encoded before" in capfd.readouterr().err
    assert (first / "manifest.json").stat().st_mtime_ns == stamp
    run = pretrain(first, tmp_path / "run", small_run(steps=2))
    assert len(losses(run)) == 2
    records(texts, 61)
    assert shard_folders([texts], tmp_path / "tok", tmp_path / "cache", chat=False) != [first]


def test_an_unreadable_line_is_named_and_nothing_is_cached(
    tokenizer: Tokenizer, tmp_path: Path
) -> None:
    tokenizer.save(tmp_path / "tok")
    path = records(tmp_path / "a.jsonl", 3)
    path.write_text(path.read_text() + "{half\n")
    with pytest.raises(MindError, match=r"a\.jsonl:4"):
        shard_folders([path], tmp_path / "tok", tmp_path / "cache", chat=False)
    assert not list((tmp_path / "cache" / "shards").glob("[!.]*"))


def test_what_is_no_data_is_explained(shards: Path, tmp_path: Path) -> None:
    texts = records(tmp_path / "a.jsonl", 3)
    for inputs, tokenizer, word in (
        ([texts], None, "--tokenizer is missing"),
        ([shards, texts], None, "records only"),
        ([shards], shards / "tokenizer", "its own tokenizer"),
    ):
        with pytest.raises(UsageError, match=word) as caught:
            shard_folders(inputs, tokenizer, tmp_path / "cache", chat=False)
        assert caught.value.hint
    with pytest.raises(MindError, match="there is no"):
        shard_folders([tmp_path / "nothing"], None, None, chat=False)


def test_event_files_are_what_tensorboard_reads(tmp_path: Path) -> None:
    """Read back record by record: lengths, checksums, steps and values of the protobuf."""
    assert masked_crc(b"123456789") == ((0xE3069283 >> 15 | 0xE3069283 << 17) + 0xA282EAD8) % 2**32
    events = EventFile(tmp_path)
    events.add({"step": 300, "loss": 2.5, "validation": {"a/zh": {"nats_per_token": 1.5}}})
    file = io.BytesIO(events.path.read_bytes())
    found = []
    while header := file.read(8):
        assert struct.unpack("<I", file.read(4))[0] == masked_crc(header)
        data = file.read(struct.unpack("<Q", header)[0])
        assert struct.unpack("<I", file.read(4))[0] == masked_crc(data)
        found.append(data)
    assert b"brain.Event:2" in found[0]
    assert found[1][9:12] == b"\x10\xac\x02"  # step 300
    assert b"\x0a\x04loss\x15" + struct.pack("<f", 2.5) in found[1]
    name = b"validation/a/zh/nats_per_token"
    assert b"\x0a" + bytes([len(name)]) + name + b"\x15" + struct.pack("<f", 1.5) in found[1]
