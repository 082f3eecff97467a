"""Hugging Face folders: our logits are theirs, and weights go there and back bit for bit."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from mind_core import MindError, cli
from mind_tok import Tokenizer
from mind_train.checkpoint import find_checkpoint, load_checkpoint
from mind_train.cli import app
from mind_train.components import load_plugins
from mind_train.export import gpt_neo
from mind_train.export.extension import extended, read_table
from mind_train.export.folder import export, import_folder
from mind_train.models.gpt_neo import GPTNeoConfig

transformers = pytest.importorskip("transformers")


@pytest.mark.parametrize("layers", [4, 3])
def test_gpt_neo_gives_transformers_eager_logits_beyond_the_window(layers: int) -> None:
    """At 600 tokens, so that local layers have long lost sight of the first ones."""
    torch.manual_seed(0)
    ours = GPTNeoConfig(vocab=130, dim=64, layers=layers, heads=4, ffn_dim=128, context=640).build()
    for p in ours.parameters():
        torch.nn.init.normal_(p, std=0.1)  # far from the start, where biases and gains are real
    theirs = transformers.GPTNeoForCausalLM(
        transformers.GPTNeoConfig(**gpt_neo.describe(ours.config), attn_implementation="eager")
    ).eval()
    weights = gpt_neo.to_hugging_face(ours.config, ours.state_dict())
    missing, unexpected = theirs.load_state_dict(weights, strict=False)
    assert set(missing) <= {"lm_head.weight"} and not unexpected
    theirs.tie_weights()
    ids = torch.randint(0, 130, (2, 600))
    with torch.no_grad():
        mine, other = ours.eval().logits(ours(ids)), theirs(ids).logits
    scale = float(other.abs().max())
    torch.testing.assert_close(mine, other, rtol=1e-5, atol=1e-5 * max(1.0, scale))
    with torch.no_grad():  # and the test can fail: one key more or less is seen
        wider = dataclasses.replace(ours.config, window=257).build().eval()
        wider.load_state_dict(ours.state_dict())
        assert not torch.allclose(wider.logits(wider(ids)), other, rtol=1e-5, atol=1e-5 * scale)


@pytest.mark.parametrize("architecture", ["gpt-neo", "mindllm"])
def test_export_loads_in_transformers_and_comes_back(
    architecture: str,
    shards: Path,
    small_run: Callable[..., list[str]],
    pretrain: Callable[..., Path],
    tmp_path: Path,
) -> None:
    run = pretrain(shards, tmp_path / "run", small_run(architecture, steps=4))
    export(run, tmp_path / "hf", load_plugins())
    theirs = transformers.AutoModelForCausalLM.from_pretrained(
        tmp_path / "hf", trust_remote_code=architecture == "mindllm"
    ).eval()
    origin = json.loads((tmp_path / "hf" / "mind_export.json").read_text())
    kept = json.loads((find_checkpoint(run)[0] / "manifest.json").read_text())
    assert origin["fingerprint"] == kept["fingerprint"], "a folder says which checkpoint it is"
    checkpoint = load_checkpoint(run)
    ids = torch.randint(0, checkpoint.config.vocab, (2, 30))
    with torch.no_grad():
        ours = checkpoint.model.logits(checkpoint.model(ids))
        torch.testing.assert_close(theirs(ids).logits, ours, rtol=1e-5, atol=1e-5)
    words = transformers.AutoTokenizer.from_pretrained(tmp_path / "hf")
    for text in ("Still waters run deep.", "三人行，必有我师焉。", " two  spaces\n"):
        ours_ids = checkpoint.tokenizer.encode(text)
        assert words(text, add_special_tokens=False)["input_ids"] == ours_ids
        assert words.decode(ours_ids) == text
    assert words.eos_token_id == checkpoint.tokenizer.end_id
    new = theirs.generate(ids[:1, :5], max_new_tokens=12, do_sample=False, eos_token_id=-1)
    want = ids[:1, :5]
    for _ in range(12):
        best = checkpoint.model.logits(checkpoint.model(want)[:, -1:]).argmax(-1)
        want = torch.cat((want, best), dim=1)
    assert torch.equal(new, want)
    import_folder(tmp_path / "hf", checkpoint.folder / "tokenizer", tmp_path / "back", None,
                  load_plugins())  # fmt: skip
    back = load_checkpoint(tmp_path / "back")
    for (name, a), (_, b) in zip(
        checkpoint.model.state_dict().items(), back.model.state_dict().items(), strict=True
    ):
        assert torch.equal(a, b), name
    # transformers' own saving is read as well
    theirs.save_pretrained(tmp_path / "saved", safe_serialization=True)
    import_folder(tmp_path / "saved", checkpoint.folder / "tokenizer", tmp_path / "again", None,
                  load_plugins())  # fmt: skip
    assert load_checkpoint(tmp_path / "again").fingerprint == back.fingerprint


def small_folder(folder: Path, **changes: Any) -> GPTNeoConfig:
    torch.manual_seed(1)
    config = GPTNeoConfig(vocab=400, dim=32, layers=2, heads=2, ffn_dim=64, context=32, window=8)
    folder.mkdir()
    weights = gpt_neo.to_hugging_face(config, config.build().state_dict())
    save_file(weights, folder / "model.safetensors")
    (folder / "config.json").write_text(json.dumps(gpt_neo.describe(config) | changes))
    return config


def test_new_tokens_start_as_the_mean_of_their_pieces(tokenizer: Tokenizer, tmp_path: Path) -> None:
    """The tokenizer has 420 entries, the model 400; what is old gives the same scores."""
    config = small_folder(tmp_path / "hf")
    tokenizer.save(tmp_path / "tok")
    table = tmp_path / "table.jsonl"
    table.write_text('{"id": 400, "replaced": [7, 9]}\n{"id": 401, "replaced": []}\n')
    import_folder(tmp_path / "hf", tmp_path / "tok", tmp_path / "run", table, load_plugins())
    new = load_checkpoint(tmp_path / "run").model
    old = config.build().eval()
    old.load_state_dict(
        gpt_neo.from_hugging_face(config, load_file(tmp_path / "hf" / "model.safetensors"))
    )
    rows = new.embedding.weight
    torch.testing.assert_close(rows[400], (rows[7] + rows[9]) / 2)
    torch.testing.assert_close(rows[401], rows[:400].mean(0))
    ids = torch.randint(0, 400, (1, 30))
    with torch.no_grad():
        before, after = old.logits(old(ids)), new.logits(new(ids))
    assert after.shape[-1] == 420
    torch.testing.assert_close(after[..., :400], before, rtol=0, atol=1e-6)
    both = [x[0, :-1, :400].log_softmax(-1).gather(1, ids[0, 1:, None]) for x in (before, after)]
    torch.testing.assert_close(both[1], both[0], rtol=0, atol=1e-6)


@pytest.mark.parametrize(
    ("line", "word"),
    [('{"id": 3, "replaced": [1]}', "out of range"), ('{"id": 401}', "no line"), ("{", "no line"),
     ('{"id": 401, "replaced": [400]}', "out of range")],
)  # fmt: skip
def test_a_table_of_others_is_refused(line: str, word: str, tmp_path: Path) -> None:
    path = tmp_path / "table.jsonl"
    path.write_text(line + "\n")
    with pytest.raises(MindError, match=word) as caught:
        read_table(path, 400, 420)
    assert caught.value.hint


def test_extension_leaves_other_weights_alone() -> None:
    config = GPTNeoConfig(vocab=10, dim=8, layers=1, heads=2, ffn_dim=8, context=8)
    weights = config.build().state_dict()
    larger, new = extended(config, weights, 12, {})
    assert larger.vocab == 12
    assert all(new[name] is weights[name] for name in weights if name != "embedding.weight")


@pytest.mark.parametrize(
    ("changes", "word"),
    [({"model_type": "mamba"}, "mamba"), ({"num_layers": None}, "does not describe"),
     ({"attention_types": [[["global"], 2]]}, "attend"), ({"hidden_size": 64}, "shape")],
)  # fmt: skip
def test_folders_that_cannot_be_read(
    changes: dict[str, Any], word: str, tokenizer: Tokenizer, tmp_path: Path
) -> None:
    small_folder(tmp_path / "hf", **changes)
    tokenizer.save(tmp_path / "tok")
    with pytest.raises(MindError, match=word):
        import_folder(tmp_path / "hf", tmp_path / "tok", tmp_path / "run", None, load_plugins())
    assert not (tmp_path / "run").exists()


def test_a_pickle_is_never_opened(tokenizer: Tokenizer, tmp_path: Path) -> None:
    small_folder(tmp_path / "hf")
    (tmp_path / "hf" / "model.safetensors").rename(tmp_path / "hf" / "pytorch_model.bin")
    tokenizer.save(tmp_path / "tok")
    with pytest.raises(MindError, match="is missing") as caught:
        import_folder(tmp_path / "hf", tmp_path / "tok", tmp_path / "run", None, load_plugins())
    assert "pickle" in str(caught.value.cause) and "safetensors" in str(caught.value.hint)


def test_a_gguf_is_refused_with_the_reason(
    trained: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "model.gguf"
    with pytest.raises(SystemExit) as ended:
        cli.run(app, "mind-train", ["export", str(trained), "-o", str(target)])
    assert ended.value.code == 2 and not target.exists()
    said = capfd.readouterr().err
    assert "llama.cpp knows no such model" in said and "mind-train serve" in said
