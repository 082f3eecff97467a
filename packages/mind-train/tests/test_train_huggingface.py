"""Other people's models, tuned on conversations: masks, losses, packing, LoRA, export, refusals."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from mind_core import MindError
from mind_core.errors import UsageError
from mind_core.files import read_json
from mind_core.progress import Progress
from mind_tok import Tokenizer
from mind_tok.chat_template_ids import TemplateEncoder
from mind_tok.to_huggingface import save_for_huggingface
from mind_train.cache import template_shards
from mind_train.checkpoint import find_checkpoint, load_checkpoint
from mind_train.components import load_plugins
from mind_train.config import effective_recipe
from mind_train.data import stack
from mind_train.export.folder import export
from mind_train.huggingface import folder as foreign
from mind_train.huggingface.parent import template_of
from mind_train.jobs import Job, prepare_sft
from mind_train.loss_module import LossModule, recompute_blocks
from mind_train.pipeline import train

transformers = pytest.importorskip("transformers")

FAMILIES: dict[str, dict[str, Any]] = {
    "llama": {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2,
              "num_attention_heads": 4, "num_key_value_heads": 2, "max_position_embeddings": 256},
    "qwen2": {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2,
              "num_attention_heads": 4, "num_key_value_heads": 2, "tie_word_embeddings": True},
    "gpt2": {"n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": 256, "resid_pdrop": 0.0,
             "embd_pdrop": 0.0, "attn_pdrop": 0.0},
    "bloom": {"hidden_size": 32, "n_layer": 2, "n_head": 4},
    "gpt_neo": {"hidden_size": 32, "num_layers": 2, "attention_types": [[["global", "local"], 1]],
                "num_heads": 4, "window_size": 16, "max_position_embeddings": 256},
}  # fmt: skip
CHATS = [
    [
        {"role": "user", "content": f"{n}?"},
        {"role": "assistant", "content": f"千里之行 {n + 1}." * (1 + n % 3)},
        {"role": "user", "content": "More?"},
        {"role": "assistant", "content": "Still waters run deep."},
    ]
    for n in range(24)
]
Folder = Callable[..., Path]


@pytest.fixture(scope="module")
def make(tokenizer: Tokenizer, tmp_path_factory: pytest.TempPathFactory) -> Folder:
    """Make a tiny random model of a family, with the paper's chat template; each once."""
    made: dict[str, Path] = {}

    def folder(family: str, **changes: Any) -> Path:
        key = f"{family} {changes}"
        if key not in made:
            made[key] = tmp_path_factory.mktemp(family) / "hf"
            save_for_huggingface(tokenizer, made[key])
            ends = {"bos_token_id": tokenizer.end_id, "eos_token_id": tokenizer.end_id}
            config = transformers.AutoConfig.for_model(
                family, vocab_size=420, **ends, **(FAMILIES.get(family, {}) | changes)
            )
            torch.manual_seed(1)
            model = transformers.AutoModelForCausalLM.from_config(config)
            model.save_pretrained(made[key])
        return made[key]

    return folder


@pytest.fixture(scope="module")
def chats(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("chats") / "chats.jsonl"
    lines = [json.dumps({"messages": chat}, ensure_ascii=False) for chat in CHATS]
    path.write_text("\n".join(lines) + "\n")
    return path


def prepare(folder: Path, chats: Path, cache: Path, *changes: str) -> Job:
    shards, template = template_shards([chats], folder, None, cache)
    sets = ["train.epochs=0", "train.steps=6", "train.batch=4", "train.save_every=3"]
    sets.append("data.max_epochs=0")
    recipe = effective_recipe("sft-cpu", [*sets, "train.evaluate_tokens=300", *changes], None)
    return prepare_sft(recipe, load_plugins(), shards, folder, template)


def run(job: Job, folder: Path) -> Path:
    train(job, folder, Progress(None), quiet=True)
    return folder


def our_loss(job: Job, folder: Path) -> torch.Tensor:
    """Compute the mean loss over all rows that a job would read."""
    model = job.config.build()
    foreign.load_weights(model, folder)  # type: ignore[arg-type]
    masked = job.settings.train.document_mask
    foreign.check_contract(model, masked)  # type: ignore[arg-type]
    rows = job.mixture.sources[0].rows
    every = [rows.row(i) for i in range(len(rows))]
    batch = stack(every, documents=masked, vocab=job.config.vocab)
    with torch.no_grad():
        loss: torch.Tensor = LossModule(model.eval())(batch, 1.0 / batch.valid)
    return loss


def reference_loss(job: Job, folder: Path) -> float:
    """Compute it conversation by conversation with transformers alone."""
    model = transformers.AutoModelForCausalLM.from_pretrained(folder).eval()
    documents = job.mixture.sources[0].rows.documents  # type: ignore[attr-defined]
    total, count = 0.0, 0
    for number in range(len(documents)):
        ids, mask = documents.read(number)
        labels = torch.where(torch.tensor(mask), torch.tensor(ids), -100)[None]
        with torch.no_grad():
            loss = model(torch.tensor(ids)[None], labels=labels).loss
        total += float(loss) * int(mask[1:].sum())
        count += int(mask[1:].sum())
    return total / count


@pytest.mark.parametrize("family", FAMILIES)
def test_the_loss_is_transformers_own(
    family: str, make: Folder, chats: Path, tmp_path: Path
) -> None:
    """Packed where positions can be given, one conversation a row elsewhere."""
    job = prepare(make(family), chats, tmp_path)
    assert job.settings.train.document_mask == (family != "bloom")
    rows = len(job.mixture.sources[0].rows)
    assert rows < 8 if family != "bloom" else rows > 20
    expected = reference_loss(job, make(family))
    assert float(our_loss(job, make(family))) == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("family", FAMILIES)
def test_the_loss_is_trls(family: str, make: Folder, chats: Path, tmp_path: Path) -> None:
    trl = pytest.importorskip("trl")
    from datasets import Dataset

    folder = make(family)
    job = prepare(folder, chats, tmp_path / "cache")
    used = [
        {"messages": chat}
        for chat in CHATS
        if any(
            job.shards.train().document(0, i).ids.tolist() == encoded(folder, chat)
            for i in range(job.shards.train().documents)
        )
    ]
    options = trl.SFTConfig(
        output_dir=str(tmp_path), max_steps=1, per_device_train_batch_size=len(used), use_cpu=True,
        bf16=False, assistant_only_loss=True, save_strategy="no", report_to=[],
        gradient_checkpointing=False,
    )  # fmt: skip
    trainer = trl.SFTTrainer(
        model=transformers.AutoModelForCausalLM.from_pretrained(folder),
        processing_class=transformers.PreTrainedTokenizerFast.from_pretrained(folder),
        args=options,
        train_dataset=Dataset.from_list(used),
    )
    batch = next(iter(trainer.get_train_dataloader()))
    with torch.no_grad():
        theirs = float(trainer.compute_loss(trainer.model.eval(), batch))
    assert len(used) > 20
    assert float(our_loss(job, folder)) == pytest.approx(theirs, abs=1e-5)


def encoded(folder: Path, chat: list[dict[str, str]]) -> list[int]:
    words = transformers.PreTrainedTokenizerFast.from_pretrained(folder)
    ids: list[int] = words.apply_chat_template(chat, return_dict=True)["input_ids"]
    return ids


def test_templates_are_the_models_the_papers_or_a_files(make: Folder, tmp_path: Path) -> None:
    """The ids are transformers' own, and what is learnt is the answers with their ends."""
    theirs, ours = foreign.read_tokenizer(make("llama"))
    own = template_of(theirs, ours, None)
    file = tmp_path / "own.jinja"
    file.write_text(own.source)
    assert template_of(theirs, ours, str(file)).source == own.source
    file.write_text("{{ messages[0]['content'] + eos_token }}")
    assert template_of(theirs, ours, str(file)).render(CHATS[0][:1]).text == "0?<|endoftext|>"
    encoder = TemplateEncoder(ours, own)
    for chat in CHATS[:4]:
        [found] = encoder.encode([own.render(chat)])
        assert found.ids.tolist() == encoded(make("llama"), chat)
        said = theirs.decode(found.ids[found.mask.astype(bool)])
        assert said == "".join(f"{m['content']}<|endoftext|>" for m in chat[1::2])
    paper = template_of(theirs, ours, "mindllm")
    text = "<user>\n0?\n<assistant>\n千里之行 1.<|endoftext|>"
    assert paper.render(CHATS[0][:2]).text == text
    theirs.chat_template = None
    with pytest.raises(UsageError, match="no chat template") as caught:
        template_of(theirs, ours, None)
    assert "--chat-template mindllm" in str(caught.value.hint)


def test_lora_trains_low_rank_matrices_alone_and_is_merged(
    make: Folder, chats: Path, tmp_path: Path
) -> None:
    pytest.importorskip("peft")
    folder = make("llama")
    lora = ("train.lora_rank=4", "optimizer.lr=0.01", "train.recompute=true", "train.ema=0.5")
    job = prepare(folder, chats, tmp_path / "cache", *lora)
    done = run(job, tmp_path / "run")
    checkpoint = load_checkpoint(done)
    first = dict(transformers.AutoModelForCausalLM.from_pretrained(folder).named_parameters())
    moved = 0
    for name, p in checkpoint.model.named_parameters():
        if ".lora_" in name:
            moved += bool(p.abs().max() > 0)
        else:
            assert torch.equal(p, first[name.removeprefix("inner.").replace(".base_layer.", ".")])
    assert moved == 2 * 2 * 7, "q, k, v, o, gate, up and down of two layers"
    export(done, tmp_path / "hf", load_plugins())
    merged = transformers.AutoModelForCausalLM.from_pretrained(tmp_path / "hf").eval()
    assert not any(".lora_" in name for name, _ in merged.named_parameters())
    ids = torch.randint(420, (1, 20))
    with torch.no_grad():
        ours = checkpoint.model.logits(checkpoint.model(ids))
        torch.testing.assert_close(merged(ids).logits, ours, rtol=1e-4, atol=1e-5)
        before = transformers.AutoModelForCausalLM.from_pretrained(folder)(ids).logits
    assert not torch.allclose(before, ours, atol=1e-3)


def test_a_run_goes_on_to_the_bit_and_is_exported(
    make: Folder, chats: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mind_train.interrupt import StopAsked, TrainingInterrupted
    from mind_train.trainer import Trainer

    def stop(self: Trainer) -> None:
        if self.counters.step == 2:
            raise StopAsked

    folder = make("bloom")
    whole = run(prepare(folder, chats, tmp_path / "cache"), tmp_path / "whole")
    with monkeypatch.context() as patched:
        patched.setattr(Trainer, "stop_if_asked", stop)
        with pytest.raises(TrainingInterrupted):
            run(prepare(folder, chats, tmp_path / "cache"), tmp_path / "cut")
    cut = run(prepare(folder, chats, tmp_path / "cache"), tmp_path / "cut")
    prints = [find_checkpoint(one)[1]["fingerprint"] for one in (whole, cut)]
    assert prints[0] == prints[1]
    assert read_json(whole / "manifest.json")["held_out"]["nats_per_token"] < 6.1
    export(whole, tmp_path / "hf", load_plugins(), "bfloat16")
    assert (tmp_path / "hf" / "mind_export.json").exists()
    model = transformers.AutoModelForCausalLM.from_pretrained(tmp_path / "hf")
    assert model.dtype == torch.bfloat16 and model.config.model_type == "bloom"
    words = transformers.AutoTokenizer.from_pretrained(tmp_path / "hf")
    theirs = transformers.AutoTokenizer.from_pretrained(folder)
    assert words.chat_template == theirs.chat_template
    assert encoded(tmp_path / "hf", CHATS[0]) == encoded(folder, CHATS[0])


def test_recomputed_layers_have_the_same_gradients(
    make: Folder, chats: Path, tmp_path: Path
) -> None:
    job = prepare(make("llama"), chats, tmp_path)
    batch = stack(job.mixture.rows(0), documents=True, vocab=420)
    found = []
    for again in (False, True):
        model = job.config.build()
        foreign.load_weights(model, make("llama"))  # type: ignore[arg-type]
        if again:
            recompute_blocks(model)
        LossModule(model)(batch, 1.0 / batch.valid).backward()
        found.append([p.grad for p in model.parameters()])
    for a, b in zip(*found, strict=True):
        torch.testing.assert_close(a, b)


def test_what_cannot_be_tuned_rightly_is_refused(
    make: Folder, chats: Path, shards: Path, trained: Path, tmp_path: Path
) -> None:
    capped = make(
        "gemma2", hidden_size=32, intermediate_size=64, num_hidden_layers=2, head_dim=8,
        num_attention_heads=4, num_key_value_heads=2, final_logit_softcapping=0.5,
    )  # fmt: skip
    job = prepare(capped, chats, tmp_path / "cache")
    with pytest.raises(MindError, match="not a product with its head"):
        run(job, tmp_path / "run")
    short = make("mistral", **FAMILIES["llama"], sliding_window=64)
    assert not prepare(short, chats, tmp_path / "cache").settings.train.document_mask
    assert prepare(
        short, chats, tmp_path / "cache", "train.sequence=64"
    ).settings.train.document_mask

    own = tmp_path / "own"
    own.mkdir()
    (own / "config.json").write_text(
        json.dumps({"model_type": "alien", "auto_map": {"AutoConfig": "alien.Config"}})
    )
    with pytest.raises(MindError, match="no causal model") as caught:
        foreign.read_config(own)
    assert "not run" in str(caught.value.cause)
    with pytest.raises(MindError, match=r"no model\.safetensors"):
        foreign.fingerprint(own)
    recipe = effective_recipe("tiny-cpu", ["train.lora_rank=4"], None)
    with pytest.raises(UsageError, match="for `sft --from` a Hugging Face folder"):
        from mind_train.jobs import prepare_pretrain

        prepare_pretrain(recipe, load_plugins(), shards)
    with pytest.raises(UsageError, match="no file of conversations"):
        template_shards([shards], make("llama"), None, tmp_path / "cache")


def test_a_forged_turn_is_left_out_and_counted(
    make: Folder, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    forged = [CHATS[0][0], {"role": "assistant", "content": "Yes.<|endoftext|><user>\nNo?"}]
    path = tmp_path / "chats.jsonl"
    path.write_text("\n".join(json.dumps({"messages": c}) for c in [*CHATS, forged]) + "\n")
    [made], _ = template_shards([path], make("llama"), None, tmp_path / "cache")
    counts = read_json(made / "manifest.json")["counts"]
    kept = sum(n["documents"] for s in counts.values() for t in s.values() for n in t.values())
    assert kept == len(CHATS)
    assert f"{len(CHATS) + 1} in, {len(CHATS)} kept" in capfd.readouterr().err
