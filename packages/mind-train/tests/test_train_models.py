"""The architectures: who sees whom, how they start, and how large they are."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from mind_core import MindError
from mind_train.flops import flops
from mind_train.models.attention import mean_keys
from mind_train.models.cpu import matmul
from mind_train.models.cpu.matmul import Linear
from mind_train.models.cpu.memory_saving_ops import (
    activate,
    activate_down,
    rms_norm,
    rotate,
    rotated,
)
from mind_train.models.gpt_neo import GPTNeo, GPTNeoConfig
from mind_train.models.language_model import LanguageModel
from mind_train.models.mindllm import MindLLM, MindLLMConfig
from mind_train.models.parts import rope_table

SIZES: dict[str, Any] = {"vocab": 50, "dim": 32, "layers": 4, "heads": 2, "ffn_dim": 48}


def build(name: str, **options: Any) -> LanguageModel:
    torch.manual_seed(3)
    sizes = SIZES | {"context": 64} | options
    if name == "gpt-neo":
        return GPTNeoConfig(**{"window": 5} | sizes).build().eval()
    return MindLLMConfig(**sizes).build().eval()


both = pytest.mark.parametrize("name", ["mindllm", "gpt-neo"])


@both
def test_no_token_sees_the_future(name: str) -> None:
    model = build(name)
    ids = torch.randint(0, 50, (1, 20))
    changed = ids.clone()
    changed[0, 12:] = (changed[0, 12:] + 1) % 50
    before, after = model(ids), model(changed)
    assert torch.equal(before[:, :12], after[:, :12])
    assert not torch.allclose(before[:, 12], after[:, 12])


@both
def test_documents_in_a_row_are_apart(name: str) -> None:
    """A packed row gives each document what it would give it alone."""
    model = build(name)
    a, b, c = (torch.randint(0, 50, (1, n)) for n in (7, 12, 3))
    packed = torch.cat((a, b, c), dim=1)
    documents = torch.tensor([[0] * 7 + [1] * 12 + [2] * 3])
    together = model(packed, documents=documents)
    alone = torch.cat([model(part) for part in (a, b, c)], dim=1)
    torch.testing.assert_close(together, alone, rtol=1e-5, atol=1e-5)
    assert not torch.allclose(model(packed)[:, 7:], alone[:, 7:], atol=1e-3)


@both
def test_a_window_of_documents_may_differ_in_each_row(name: str) -> None:
    model = build(name)
    ids = torch.randint(0, 50, (2, 10))
    documents = torch.tensor([[0] * 4 + [1] * 6, [0] * 10])
    rows = model(ids, documents=documents)
    torch.testing.assert_close(rows[1:], model(ids[1:]), rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(rows[:1, 4:], model(ids[:1, 4:]), rtol=1e-5, atol=1e-5)


def test_local_layers_see_exactly_256_keys() -> None:
    """With itself: the key 255 back counts, the one 256 back does not."""
    model = build("gpt-neo", layers=2, window=256, context=300, dim=16, ffn_dim=16)
    assert isinstance(model, GPTNeo)
    x = torch.randn(1, 300, 16, requires_grad=True)
    from mind_train.models.attention import AttentionContext

    scope = AttentionContext(torch.zeros(1, 300, dtype=torch.long), None, None)
    local = model.blocks[1](x, scope, 1, None)
    local[0, 280].sum().backward()
    assert x.grad is not None
    touched = x.grad[0].abs().sum(dim=1) > 0
    assert touched.nonzero().flatten().tolist() == list(range(25, 281))  # 256 keys
    x.grad = None
    model.blocks[0](x, scope, 0, None)[0, 280].sum().backward()
    assert (x.grad[0].abs().sum(dim=1) > 0).nonzero().flatten().tolist() == list(range(281))


def test_gpt_neo_equals_the_plain_formula() -> None:
    """Written out with an explicit mask, without 1/√d, as Hugging Face's eager code does."""
    model = build("gpt-neo", window=256, context=320, layers=2)
    ids = torch.randint(0, 50, (2, 300))
    with torch.no_grad():
        torch.testing.assert_close(model(ids), _plain_gpt_neo(model, ids), rtol=1e-5, atol=1e-5)


def _plain_gpt_neo(model: LanguageModel, ids: Tensor) -> Tensor:
    w = dict(model.named_parameters())
    T, D, H = ids.shape[1], 32, 2
    x = w["embedding.weight"][ids] + w["positions.weight"][:T]
    i, j = torch.arange(T)[:, None], torch.arange(T)[None]
    for layer in range(2):
        at = f"blocks.{layer}."
        n = F.layer_norm(x, (D,), w[at + "attention_norm.weight"], w[at + "attention_norm.bias"])
        q, k, v = (
            (n @ m.t()).view(-1, T, H, D // H).transpose(1, 2)
            for m in w[at + "qkv.weight"].chunk(3)
        )
        visible = (j <= i) & (j > i - 256) if layer % 2 else j <= i
        scores = (q @ k.transpose(2, 3)).masked_fill(~visible, torch.finfo(torch.float32).min)
        mixed = (scores.softmax(-1) @ v).transpose(1, 2).reshape(-1, T, D)
        x = x + mixed @ w[at + "o.weight"].t() + w[at + "o.bias"]
        n = F.layer_norm(x, (D,), w[at + "ffn_norm.weight"], w[at + "ffn_norm.bias"])
        h = n @ w[at + "up.weight"].t() + w[at + "up.bias"]
        h = 0.5 * h * (1 + torch.tanh(math.sqrt(2 / math.pi) * (h + 0.044715 * h**3)))
        x = x + h @ w[at + "down.weight"].t() + w[at + "down.bias"]
    return F.layer_norm(x, (D,), w["norm.weight"], w["norm.bias"])


def test_gpt_neo_starts_with_scores_of_unit_variance() -> None:
    """Mesh-TensorFlow's initialisation, at the real head size; N(0, 0.02) would give σ ≈ 9."""
    torch.manual_seed(0)
    block = (
        GPTNeoConfig(vocab=8, dim=1024, layers=1, heads=8, ffn_dim=8, context=8).build().blocks[0]
    )
    x = torch.randn(256, 1024)
    q, k, _ = F.linear(x, block.qkv.weight).view(256, 3, 8, 128).unbind(1)  # type: ignore[arg-type]
    scores = torch.einsum("qhd,khd->hqk", q, k)
    assert scores.std().item() == pytest.approx(1.0, abs=0.05)


def test_gpt_neo_has_biases_where_the_original_has_them() -> None:
    names = {name.split(".", 2)[-1] for name, _ in build("gpt-neo").named_parameters()}
    assert {"o.bias", "up.bias", "down.bias", "attention_norm.bias"} <= names
    assert "qkv.bias" not in names
    assert not [n for n, _ in build("mindllm").named_parameters() if n.endswith("bias")]


def test_rope_scores_depend_on_the_distance_alone() -> None:
    cos, sin = rope_table(100, 16, 10_000.0)
    q, k = torch.randn(16), torch.randn(16)

    def score(i: int, j: int) -> float:
        return float(rotate(q, cos[i], sin[i]) @ rotate(k, cos[j], sin[j]))

    assert score(9, 4) == pytest.approx(score(95, 90), abs=1e-4)
    assert score(9, 4) != pytest.approx(score(9, 5), abs=1e-4)
    torch.testing.assert_close(rotate(q, cos[70], sin[70]).norm(), q.norm())


def test_rope_turns_pairs_by_the_papers_angles() -> None:
    cos, sin = rope_table(10, 4, 10_000.0)
    x = torch.tensor([1.0, 2.0, 3.0, 4.0])  # pairs (1, 3) and (2, 4)
    a, b = 7.0, 7.0 * 10_000.0**-0.5
    expected = [
        math.cos(a) * 1 - math.sin(a) * 3,
        math.cos(b) * 2 - math.sin(b) * 4,
        math.sin(a) * 1 + math.cos(a) * 3,
        math.sin(b) * 2 + math.cos(b) * 4,
    ]
    torch.testing.assert_close(rotate(x, cos[7], sin[7]), torch.tensor(expected))


def test_beta_scales_exactly_gate_up_down_v_o() -> None:
    def draw(beta: float) -> dict[str, Tensor]:
        torch.manual_seed(5)
        model = MindLLMConfig(**SIZES, beta=beta).build()
        return {
            f"{i}.{name}": weight.detach().clone()
            for i, block in enumerate(model.blocks)
            for name, weight in block.matrices().items()  # type: ignore[operator]
        }

    plain, scaled = draw(1.0), draw(0.25)
    assert len(plain) == 4 * 7
    for name, weight in plain.items():
        factor = 0.25 if name.split(".")[1] in {"gate", "up", "down", "v", "o"} else 1.0
        torch.testing.assert_close(scaled[name], weight * factor, msg=name)
    d, f = SIZES["dim"], SIZES["ffn_dim"]
    wide = torch.cat([w.flatten() for n, w in plain.items() if n.endswith("gate")])
    assert wide.std().item() == pytest.approx(math.sqrt(2 / (d + f)), rel=0.05)


@pytest.mark.parametrize(
    ("residual", "layers", "alpha", "beta"),
    [("deepnet", 24, 2.632, 0.2686), ("deepnet", 32, 2.828, 0.25), ("glm", 32, 8.0, 0.125)],
)
def test_deepnorm_constants(residual: str, layers: int, alpha: float, beta: float) -> None:
    config = MindLLMConfig(**SIZES | {"layers": layers}, residual=residual)
    assert config.deepnorm == (pytest.approx(alpha, abs=1e-3), pytest.approx(beta, abs=1e-4))
    assert MindLLMConfig(**SIZES, alpha=1.5, beta=0.5).deepnorm == (1.5, 0.5)


@pytest.mark.parametrize("layers", [2, 16, 64])
def test_mindllm_starts_alike_at_any_depth(layers: int) -> None:
    """The output has unit variance and the loss is near ln V, shallow or deep."""
    model = build("mindllm", layers=layers, vocab=400)
    ids = torch.randint(0, 400, (2, 64))
    hidden = model(ids)
    assert hidden.pow(2).mean().item() == pytest.approx(1.0, abs=1e-3)
    loss = F.cross_entropy(model.logits(hidden[:, :-1]).flatten(0, 1), ids[:, 1:].flatten())
    assert loss.item() == pytest.approx(math.log(400), abs=0.5)


@pytest.mark.parametrize(
    ("config", "preset", "total"),
    [
        (GPTNeoConfig, "gpt-neo-1.3b", 1_315_575_808),
        (MindLLMConfig, "mindllm-3b", 3_174_082_560),
    ],
)
def test_presets_have_the_papers_size(config: Any, preset: str, total: int) -> None:
    with torch.device("meta"):
        model = config(**config.presets[preset]).build()
    assert sum(p.numel() for p in model.parameters()) == total
    assert sum(model.groups().values()) == total


@pytest.mark.parametrize("config", [GPTNeoConfig, MindLLMConfig])
def test_every_preset_builds(config: Any) -> None:
    for name, sizes in config.presets.items():
        with torch.device("meta"):
            model = config(**{"vocab": 1000} | sizes).build()
        assert isinstance(model, MindLLM | GPTNeo), name


def test_mean_keys_counts_what_a_mask_lets_through() -> None:
    for length, window in ((10, 0), (10, 4), (3, 8)):
        seen = [min(i + 1, window or length) for i in range(length)]
        assert mean_keys(length, window) == pytest.approx(sum(seen) / length)


@pytest.mark.parametrize(
    ("options", "word"),
    [
        ({"heads": 3}, "heads"),
        ({"dim": 0}, "dim"),
        ({"layers": 2.5}, "layers"),
        ({"residual": "deep"}, "residual"),
        ({"gelu": "relu"}, "gelu"),
        ({"dim": 30, "heads": 2}, "even"),
    ],
)
def test_sizes_that_make_no_model_are_refused(options: dict[str, Any], word: str) -> None:
    with pytest.raises(MindError, match=word) as caught:
        MindLLMConfig(**SIZES | options)
    assert caught.value.hint


@pytest.mark.parametrize("config", [GPTNeoConfig, MindLLMConfig])
def test_presets_have_about_the_body_that_they_are_named_after(config: Any) -> None:
    for name in ("10m", "15m", "50m", "150m", "350m", "500m"):
        with torch.device("meta"):
            groups = config(**{"vocab": 8000} | config.presets[name]).build().groups()
        body = sum(n for part, n in groups.items() if part not in ("embedding", "positions"))
        assert body == pytest.approx(int(name[:-1]) * 1e6, rel=0.07), name


def test_flops_are_those_of_published_figures() -> None:
    """8.55 and 21.06 GFLOP a token: 6 (body + head), and 12 D for each key of row or window."""
    for config, preset, sequence, wanted in (
        (GPTNeoConfig, "mindllm-1.3b", 1024, 8.55e9),
        (MindLLMConfig, "mindllm-3b", 2048, 21.06e9),
    ):
        with torch.device("meta"):
            model = config(**config.presets[preset]).build()
        counted = flops(model, sequence)
        assert counted.full == pytest.approx(wanted, rel=2e-3)
        assert counted.six_n_body < counted.weights <= counted.causal < counted.full


@pytest.mark.parametrize("gated", [False, True])
def test_what_keeps_less_gives_the_same(gated: bool) -> None:
    """Activation with the second matrix, RMSNorm, rotation: values, gradients, what stays."""
    torch.manual_seed(0)
    down = Linear(24, 16, bias=not gated)
    x = torch.randn(2, 5, 48 if gated else 24, requires_grad=True)
    gain = torch.randn(16, requires_grad=True)
    qkv = torch.randn(2, 5, 3, 2, 8, requires_grad=True)
    table = tuple(t[:, None, None] for t in rope_table(5, 8, 100.0))

    def plain() -> tuple[Tensor, Tensor]:
        y = F.linear(activate(x, gated, "tanh"), down.weight, down.bias)
        q, k = rotate(qkv[:, :, :2], *table).transpose(1, 3).unbind(2)
        mixed = F.scaled_dot_product_attention(q, k, qkv[:, :, 2].transpose(1, 2))
        return F.rms_norm(y, (16,), gain, 1e-6), mixed

    def lean() -> tuple[Tensor, Tensor]:
        y = activate_down(x, down, gated, "tanh")
        turned, values = rotated(qkv * 1.0, *table)
        assert values is None
        q, k, v = turned.transpose(1, 3).unbind(2)
        return rms_norm(y, gain, 1e-6), F.scaled_dot_product_attention(q, k, v)

    wrt = (x, gain, qkv, *down.parameters())
    weights = torch.randn(2, 5, 16), torch.randn(2, 2, 5, 8)
    found = []
    for way in (plain, lean):
        kept: dict[int, int] = {}

        def note(t: Tensor, kept: dict[int, int] = kept) -> Tensor:
            kept[t.untyped_storage().data_ptr()] = t.untyped_storage().nbytes()
            return t

        with torch.autograd.graph.saved_tensors_hooks(note, lambda t: t):
            outputs = way()
        loss = sum(((o * w).sum() for o, w in zip(outputs, weights, strict=True)), torch.zeros(()))
        found.append((outputs, torch.autograd.grad(loss, wrt), sum(kept.values())))
    (values, gradients, much), (same, also, little) = found
    torch.testing.assert_close(same, values, rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(also, gradients, rtol=1e-5, atol=1e-5)
    assert little < 0.8 * much


@pytest.mark.parametrize(
    ("vendor", "capability", "fast"),
    [
        ("AuthenticAMD", "AVX512", True),
        ("AuthenticAMD", "AVX2", False),
        ("GenuineIntel", "AVX512", False),
        (None, "AVX512", True),
    ],
)
def test_products_are_chosen_by_the_processor(
    vendor: str | None,
    capability: str,
    fast: bool,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    described = tmp_path / "cpuinfo"
    if vendor is not None:
        described.write_text(f"processor\t: 0\nvendor_id\t: {vendor}\n")
    intel = matmul.is_intel(described)
    assert intel == (vendor == "GenuineIntel")
    monkeypatch.setattr(matmul, "is_intel", lambda: intel)
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: capability)
    assert matmul.has_fast_products.__wrapped__() is fast
