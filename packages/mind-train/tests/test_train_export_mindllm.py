"""An exported mindllm in transformers: it writes what `mind-train sample` writes, and trains on."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import torch

from mind_tok import Tokenizer
from mind_tok.chat import encode_chat, encode_prompt
from mind_train.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from mind_train.components import load_plugins
from mind_train.export.folder import export
from mind_train.generate import generate
from mind_train.models.mindllm import MindLLMConfig

transformers = pytest.importorskip("transformers")

NEW = 64
CHAT = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": "三人行？\n\nTwo lines, <assistant>."},
    {"role": "assistant", "content": "必有我师焉。"},
    {"role": "user", "content": " Actions speak?"},
    {"role": "assistant", "content": "Louder than words.\n"},
]


@pytest.fixture(scope="module")
def checkpoint(tokenizer: Tokenizer, tmp_path_factory: pytest.TempPathFactory) -> Checkpoint:
    """Make a model whose next token depends on all of its context."""
    torch.manual_seed(3)
    config = MindLLMConfig(vocab=420, dim=48, layers=3, heads=3, ffn_dim=96, context=128)
    model = config.build()
    with torch.no_grad():
        for name, p in model.named_parameters():
            if p.ndim > 1:
                torch.nn.init.normal_(p, std=0.5 if name == "embedding.weight" else 0.4)
    folder = tmp_path_factory.mktemp("model")
    tokenizer.save(folder / "tokenizer")
    save_checkpoint(folder / "run", 1, "mindllm", model, {}, {}, folder / "tokenizer")
    return load_checkpoint(folder / "run")


@pytest.fixture(scope="module")
def folder(checkpoint: Checkpoint, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("exported") / "hf"
    export(checkpoint.folder, path, load_plugins())
    return path


def load(folder: Path, **options: Any) -> Any:
    auto = transformers.AutoModelForCausalLM
    return auto.from_pretrained(folder, trust_remote_code=True, **options)


@pytest.fixture(scope="module")
def theirs(folder: Path) -> Any:
    return load(folder).eval()


@pytest.fixture(scope="module")
def prompts(checkpoint: Checkpoint) -> list[list[int]]:
    texts = ("Still waters", "千里之行", "The early bird catches the worm. 温故")
    return [checkpoint.tokenizer.encode(text) for text in texts]


@pytest.fixture(scope="module")
def ours(checkpoint: Checkpoint, prompts: list[list[int]]) -> list[list[int]]:
    """Write on with our own `sample`; the model must not be one of the last token alone."""
    made = [generate(checkpoint, ids, NEW) for ids in prompts]
    assert all(len(ids) == NEW for ids in made), "no end token on the way"
    model = checkpoint.model
    wrong = 0
    with torch.no_grad():
        for prompt, ids in zip(prompts, made, strict=True):
            before = torch.tensor([prompt[-1:], *([token] for token in ids[:-1])])
            alone = model.logits(model(before))[:, -1].argmax(-1).tolist()
            wrong += sum(a != b for a, b in zip(alone, ids, strict=True))
    assert wrong > NEW, "the weights depend on the context"
    return made


def write(model: Any, ids: torch.Tensor, mask: torch.Tensor | None = None, **options: Any) -> Any:
    mask = torch.ones_like(ids) if mask is None else mask
    return model.generate(
        ids, attention_mask=mask, max_new_tokens=NEW, do_sample=False, **options
    )[:, ids.shape[1] :].tolist()  # fmt: skip


@pytest.mark.parametrize(
    "options", [{"use_cache": True}, {"use_cache": False},
                {"cache_implementation": "static", "disable_compile": True}],
    ids=["cached", "uncached", "static"],
)  # fmt: skip
def test_generate_writes_what_our_own_sample_writes(
    theirs: Any, prompts: list[list[int]], ours: list[list[int]], options: dict[str, Any]
) -> None:
    for prompt, expected in zip(prompts, ours, strict=True):
        assert write(theirs, torch.tensor([prompt]), **options) == [expected]


@pytest.mark.parametrize("cached", [True, False])
def test_a_left_padded_batch_writes_what_each_row_does(
    theirs: Any, folder: Path, prompts: list[list[int]], ours: list[list[int]], cached: bool
) -> None:
    words = transformers.PreTrainedTokenizerFast.from_pretrained(folder, padding_side="left")
    batch = words.pad({"input_ids": prompts}, return_tensors="pt")
    assert not batch["attention_mask"].all()
    found = write(theirs, batch["input_ids"], batch["attention_mask"], use_cache=cached)
    assert found == ours


def test_attention_mask_positions_and_embeddings_are_read(
    theirs: Any, prompts: list[list[int]], ours: list[list[int]]
) -> None:
    ids = torch.tensor([prompts[2]])
    with torch.no_grad():
        plain = theirs(ids).logits
        embedded = theirs(inputs_embeds=theirs.get_input_embeddings()(ids)).logits
        torch.testing.assert_close(embedded, plain)
        padded = torch.cat((torch.full((1, 5), 9), ids), dim=1)
        mask = torch.ones_like(padded)
        mask[:, :5] = 0
        torch.testing.assert_close(theirs(padded, mask).logits[:, 5:], plain, rtol=1e-3, atol=1e-4)
        right = torch.cat((ids, torch.full((1, 5), 9)), dim=1)
        torch.testing.assert_close(theirs(right, mask.flip(1)).logits[:, :-5], plain)
        four = torch.ones(1, 1, ids.shape[1], ids.shape[1], dtype=torch.bool).tril()
        torch.testing.assert_close(theirs(ids, four).logits, plain)
        last = theirs(ids, logits_to_keep=1).logits
        torch.testing.assert_close(last, plain[:, -1:])
        later = theirs(ids, position_ids=torch.arange(ids.shape[1])[None] + 7).logits
        torch.testing.assert_close(later, plain, rtol=1e-3, atol=1e-3)  # RoPE: distances alone
        spread = theirs(ids, position_ids=torch.arange(ids.shape[1])[None] * 3).logits
        assert not torch.allclose(spread, plain, atol=1e-2)
        states = theirs(ids, output_hidden_states=True).hidden_states
        torch.testing.assert_close(theirs.lm_head(states[-1]), plain)
    embeds = theirs.get_input_embeddings()(ids)
    assert write_embedded(theirs, embeds) == [ours[2]]
    with pytest.raises(ValueError, match="either input_ids or inputs_embeds"):
        theirs(ids, inputs_embeds=embeds)


def write_embedded(model: Any, embeds: torch.Tensor) -> Any:
    mask = torch.ones(embeds.shape[:2], dtype=torch.long)
    return model.generate(
        inputs_embeds=embeds, attention_mask=mask, max_new_tokens=NEW, do_sample=False
    ).tolist()


def test_gradient_checkpointing_changes_no_gradient(folder: Path, prompts: list[list[int]]) -> None:
    model = load(folder).train()
    ids = torch.tensor([prompts[2]])
    found = []
    for switched in (False, True):
        if switched:
            model.gradient_checkpointing_enable()
        model.zero_grad()
        out = model(ids, labels=ids, use_cache=True)
        out.loss.backward()
        found.append({name: p.grad.clone() for name, p in model.named_parameters()})
    for name, grad in found[0].items():
        torch.testing.assert_close(found[1][name], grad, msg=name)


def test_a_loss_counts_the_items_of_the_whole_batch(theirs: Any, prompts: list[list[int]]) -> None:
    """As the Trainer asks where gradients are accumulated."""
    ids = torch.tensor([prompts[2]])
    with torch.no_grad():
        mean, part = theirs(ids, labels=ids).loss, None
        part = theirs(ids, labels=ids, num_items_in_batch=1000).loss
    assert float(part) == pytest.approx(float(mean) * (ids.shape[1] - 1) / 1000, rel=1e-5)


def test_the_chat_template_is_mind_toks_format(folder: Path, checkpoint: Checkpoint) -> None:
    words = transformers.PreTrainedTokenizerFast.from_pretrained(folder)
    plain = [dict(one) for one in CHAT]
    plain[1]["content"] = "三人行？\n\nTwo lines."  # transformers makes control tokens of text
    ids, mask = encode_chat(checkpoint.tokenizer, plain)
    found = words.apply_chat_template(plain, return_dict=True, return_assistant_tokens_mask=True)
    assert found["input_ids"] == ids
    assert found["assistant_masks"] == mask
    prompt = words.apply_chat_template(plain[:2], add_generation_prompt=True, return_dict=True)
    assert prompt["input_ids"] == encode_prompt(checkpoint.tokenizer, plain[:2])
    with pytest.raises(Exception, match="roles are user, assistant and system"):
        words.apply_chat_template([{"role": "judge", "content": "?"}])


def test_the_tokenizer_is_loaded_without_the_models_code(
    folder: Path, checkpoint: Checkpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As README.md in the folder says: nothing is asked, nothing is run."""
    asked: list[str] = []
    monkeypatch.setattr("builtins.input", lambda words="": asked.append(words) or "n")
    card = (folder / "README.md").read_text("utf-8")
    call = re.search(r"AutoTokenizer.from_pretrained\(folder(.*)\)", card)
    assert call is not None and call[1] == ", trust_remote_code=False", card
    words = transformers.AutoTokenizer.from_pretrained(folder, trust_remote_code=False)
    assert not asked
    assert words("三人行 moss")["input_ids"] == checkpoint.tokenizer.encode("三人行 moss")
    assert words.model_max_length == checkpoint.context


def test_a_bfloat16_export_is_half_the_size_and_near(
    checkpoint: Checkpoint, theirs: Any, folder: Path, tmp_path: Path, prompts: list[list[int]]
) -> None:
    export(checkpoint.folder, tmp_path / "half", load_plugins(), "bfloat16")
    half = load(tmp_path / "half").eval()
    assert half.dtype == torch.bfloat16
    sizes = [(path / "model.safetensors").stat().st_size for path in (tmp_path / "half", folder)]
    assert sizes[0] < 0.55 * sizes[1]
    ids = torch.tensor([prompts[2]])
    with torch.no_grad():
        exact, rough = theirs(ids).logits, half(ids).logits.float()
    assert float((exact - rough).abs().mean()) < 0.15 * float(exact.abs().mean())


def test_peft_and_trl_train_an_exported_model(folder: Path, tmp_path: Path) -> None:
    peft, trl = pytest.importorskip("peft"), pytest.importorskip("trl")
    from datasets import Dataset

    model = peft.get_peft_model(
        load(folder),
        peft.LoraConfig(r=4, target_modules="all-linear", task_type="CAUSAL_LM"),
    )
    words = transformers.PreTrainedTokenizerFast.from_pretrained(folder)
    options = trl.SFTConfig(
        output_dir=str(tmp_path), max_steps=8, per_device_train_batch_size=2, learning_rate=0.02,
        use_cpu=True, bf16=False, assistant_only_loss=True, gradient_checkpointing=True,
        save_strategy="no", report_to=[], logging_steps=1,
    )  # fmt: skip
    trainer = trl.SFTTrainer(
        model=model, processing_class=words, args=options,
        train_dataset=Dataset.from_list([{"messages": CHAT[1:3]}] * 16),
    )  # fmt: skip
    trainer.train()
    losses = [row["loss"] for row in trainer.state.log_history if "loss" in row]
    assert float(losses[-1]) < float(losses[0]) - 0.1
