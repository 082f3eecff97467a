"""AdamW decays matrices alone; its state survives a trip through named tensors."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import orjson
import pytest
import torch

from mind_core import MindError
from mind_train.components import load_plugins
from mind_train.loss import head_loss
from mind_train.models.gpt_neo import GPTNeoConfig
from mind_train.models.mindllm import MindLLMConfig
from mind_train.optim.adamw import AdamW
from mind_train.state import pack_state, unpack_state
from mind_train.tensor_file import open_tensors, write_tensors

SIZES: dict[str, Any] = {
    "vocab": 20, "dim": 8, "layers": 1, "heads": 1, "ffn_dim": 8, "context": 8,
}  # fmt: skip


@pytest.mark.parametrize("config", [GPTNeoConfig, MindLLMConfig])
def test_norms_biases_and_embeddings_do_not_decay(config: Any) -> None:
    model = config(**SIZES).build()
    optimizer = AdamW(lr=0.5, weight_decay=0.1)(model)
    before = {name: p.detach().clone() for name, p in model.named_parameters()}
    for p in model.parameters():
        p.grad = torch.zeros_like(p)
    optimizer.step()
    for name, p in model.named_parameters():
        matrix = name.endswith(("qkv.weight", "o.weight", "up.weight", "down.weight"))
        factor = 1 - 0.5 * 0.1 if matrix else 1.0
        torch.testing.assert_close(p.detach(), before[name] * factor, msg=name)


def test_saved_state_continues_the_same_way(tmp_path: Path) -> None:
    def step(model: Any, optimizer: torch.optim.Optimizer) -> None:
        ids = torch.arange(9)[None] % 20
        head_loss(model(ids[:, :-1]), model.head, ids[:, 1:]).backward()
        optimizer.step()
        optimizer.zero_grad()

    torch.manual_seed(0)
    one = MindLLMConfig(**SIZES).build()
    first = AdamW(lr=0.01)(one)
    for _ in range(3):
        step(one, first)
    tensors, values = pack_state(dict(one.named_parameters()), first)
    other = MindLLMConfig(**SIZES).build()
    other.load_state_dict(one.state_dict())
    second = AdamW(lr=0.01)(other)
    write_tensors(tmp_path / "state", tensors)
    with open_tensors(tmp_path / "state") as file:
        unpack_state(dict(other.named_parameters()), second, file, values)
    for _ in range(2):
        step(one, first)
        step(other, second)
    for (name, a), (_, b) in zip(one.named_parameters(), other.named_parameters(), strict=True):
        assert torch.equal(a, b), name
    larger = MindLLMConfig(**SIZES | {"layers": 2}).build()
    tensors, values = pack_state_after_a_step(larger)
    write_tensors(tmp_path / "larger", tensors)
    with pytest.raises(MindError, match=r"blocks\.1"), open_tensors(tmp_path / "larger") as file:
        unpack_state(dict(one.named_parameters()), first, file, values)


def pack_state_after_a_step(model: Any) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
    optimizer = AdamW()(model)
    for p in model.parameters():
        p.grad = torch.ones_like(p)
    optimizer.step()
    return pack_state(dict(model.named_parameters()), optimizer)


@pytest.mark.parametrize("options", [{"lr": 0.0}, {"beta1": 1.0}, {"eps": 0.0}])
def test_values_out_of_range_are_refused(options: dict[str, float]) -> None:
    with pytest.raises(MindError) as caught:
        AdamW(**options)
    assert caught.value.hint


def test_adamw_is_torchs_to_the_bit_without_its_compiler() -> None:
    torch.manual_seed(0)
    one, other = (MindLLMConfig(**SIZES).build() for _ in range(2))
    other.load_state_dict(one.state_dict())
    ours = AdamW(lr=0.01, weight_decay=0.2)(one)
    groups = [{k: v for k, v in g.items() if k == "weight_decay"} for g in ours.param_groups]
    pairs = dict(zip(map(id, one.parameters()), other.parameters(), strict=True))
    for group, mine in zip(groups, ours.param_groups, strict=True):
        group["params"] = [pairs[id(p)] for p in mine["params"]]
    theirs = torch.optim.AdamW(groups, lr=0.01, betas=(0.9, 0.95), fused=True)
    for _ in range(5):
        for p, q in zip(one.parameters(), other.parameters(), strict=True):
            p.grad = torch.randn_like(p)
            q.grad = p.grad.clone()
        ours.step()
        theirs.step()
        assert all(map(torch.equal, one.parameters(), other.parameters()))


def test_no_optimizer_and_no_loading_imports_the_compiler() -> None:
    """In a process of its own: making one, stepping, saving and loading its state, and a model."""
    code = """if True:
        import sys, torch
        from mind_train.models.bare_model import bare_model
        from mind_train.models.gpt_neo import GPTNeoConfig
        from mind_train.models.mindllm import MindLLMConfig
        from mind_train.optim.adamw import AdamW
        from mind_train.optim.muon import Muon
        for kind in (AdamW, Muon):
            model = MindLLMConfig(vocab=20, dim=16, layers=1, heads=2, ffn_dim=16).build()
            optimizer = kind()(model)
            model(torch.arange(8)[None]).sum().backward()
            optimizer.step()
            optimizer.zero_grad()
            optimizer.load_state_dict(optimizer.state_dict())
        for config in (MindLLMConfig, GPTNeoConfig):
            bare_model(config(vocab=20, dim=16, layers=1, heads=2, ffn_dim=16))
        assert "torch._dynamo" not in sys.modules and "sympy" not in sys.modules
    """
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


class _AsSaved:
    """An open tensor file of a state whose own device holds nothing: as much on the CPU."""

    def __init__(self, tensors: dict[str, torch.Tensor]) -> None:
        self.tensors = {
            name: torch.zeros(t.shape, dtype=t.dtype) for name, t in tensors.items() if ":" in name
        }

    def keys(self) -> list[str]:
        return list(self.tensors)

    def get_tensor(self, name: str) -> torch.Tensor:
        return self.tensors[name]


class _Counting(torch.optim.SGD):
    """As a plugin might: a count beside its parameter, a number of its own, moments in bf16."""

    def begin(self, count_on: str | torch.device) -> None:
        for p in self.param_groups[0]["params"]:
            self.state[p] = {
                "step": torch.zeros((), device=count_on),
                "moment": torch.zeros_like(p, dtype=torch.bfloat16),
                "seen": torch.zeros(3, dtype=torch.int64, device=count_on),
                "rate": 0.5,
            }


def meta_optimizers() -> list[tuple[Any, Any]]:
    """Fresh optimizers over a model on the device "meta", which is no CPU, each with its state."""
    made: list[tuple[Any, Any]] = []
    for name, kind in load_plugins().components("register_optimizers").items():
        with torch.device("meta"):
            model = MindLLMConfig(**SIZES).build()
        optimizer = kind.factory()()(model)
        for p in model.parameters():
            p.grad = torch.zeros_like(p)
        if name == "muon":  # asks for the value of a norm's count, which meta has not: on the CPU
            for group in optimizer.param_groups:
                for p in group["params"]:
                    optimizer.state[p]["momentum" if group["parts"] else "exp_avg"] = p.grad
                    if not group["parts"]:
                        optimizer.state[p] |= {"step": torch.zeros(()), "exp_avg_sq": p.grad}
        else:
            optimizer.step()
        made.append((model, optimizer))
    for count_on in ("cpu", "meta"):
        with torch.device("meta"):
            model = MindLLMConfig(**SIZES).build()
        made.append((model, _Counting(model.parameters(), lr=0.1)))
        made[-1][1].begin(count_on)
    return made


def described(model: Any, optimizer: torch.optim.Optimizer) -> dict[str, Any]:
    return {
        f"{name}:{key}": (value.device.type, value.dtype) if torch.is_tensor(value) else value
        for name, p in model.named_parameters()
        for key, value in optimizer.state[p].items()
    }


def test_a_loaded_state_lies_where_the_fresh_one_lay() -> None:
    """On another device than the CPU: the fused kernel refuses a count that stayed behind."""
    for model, optimizer in meta_optimizers():
        before = described(model, optimizer)
        parameters = dict(model.named_parameters())
        tensors, values = pack_state(parameters, optimizer)
        optimizer.state.clear()
        unpack_state(parameters, optimizer, _AsSaved(tensors), orjson.loads(orjson.dumps(values)))
        assert described(model, optimizer) == before and before
    fresh = AdamW()(model)
    assert all(group["fused"] for group in fresh.param_groups)


def test_a_state_saved_on_a_cpu_goes_on_on_a_gpu() -> None:
    cpu = MindLLMConfig(**SIZES).build()
    optimizer = AdamW()(cpu)
    for p in cpu.parameters():
        p.grad = torch.zeros_like(p)
    optimizer.step()
    tensors, values = pack_state(dict(cpu.named_parameters()), optimizer)
    with torch.device("meta"):
        model = MindLLMConfig(**SIZES).build()
    other = AdamW()(model)
    unpack_state(dict(model.named_parameters()), other, _AsSaved(tensors), values)
    assert {device for device, _ in described(model, other).values()} == {"meta"}
    for p in model.parameters():
        p.grad = torch.zeros_like(p)
    other.step()


@pytest.mark.parametrize("value", [float("nan"), float("inf"), (1, 2), {1: 2}])
def test_a_state_that_json_would_change_is_refused(value: object) -> None:
    model = MindLLMConfig(**SIZES).build()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    optimizer.state[model.embedding.weight]["ratio"] = value
    with pytest.raises(MindError, match=r"embedding.weight:ratio") as caught:
        pack_state(dict(model.named_parameters()), optimizer)
    assert caught.value.hint
