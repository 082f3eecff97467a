"""A tiny checkpoint with weights drawn at random: what is tested is arithmetic, not quality."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import torch

from mind_eval.benchmarks.rows import read_rows
from mind_eval.builtins import FOLDER
from mind_eval.offline import stay_offline

if TYPE_CHECKING:
    from mind_train import Checkpoint

stay_offline()
torch.set_num_threads(1)


def shipped_texts() -> list[str]:
    """Return texts in both languages to make a vocabulary of."""
    rows = [
        row for name in ("piqa", "gaokao") for row in read_rows(FOLDER / name / "test.jsonl.zst")
    ]
    return [f"{row.get('goal') or row['question']}\n" + "\n".join(row["choices"]) for row in rows]


@pytest.fixture(scope="session")
def texts() -> list[str]:
    return shipped_texts()


@pytest.fixture(scope="session")
def tokenizer_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from mind_tok.loading import make_plugins
    from mind_tok.tokenizer import HOOK

    folder = tmp_path_factory.mktemp("tokenizer") / "tokenizer"
    make_plugins().make(HOOK, "bpe").train(shipped_texts(), 2400).save(folder)
    return folder


@pytest.fixture(scope="session")
def model_folder(tokenizer_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    from mind_train.checkpoint import save_checkpoint
    from mind_train.models.mindllm import MindLLMConfig

    torch.manual_seed(0)
    config = MindLLMConfig(vocab=2400, dim=32, layers=2, heads=2, ffn_dim=64, context=96)
    model = config.build()
    with torch.no_grad():
        for p in model.parameters():
            if p.ndim > 1:
                p.mul_(6.0)  # far from uniform, so that a wrong position or target shows
    folder = tmp_path_factory.mktemp("model")
    save_checkpoint(folder, 1, "mindllm", model, {}, {}, tokenizer_folder)
    return folder


@pytest.fixture(scope="session")
def nan_folder(
    model_folder: Path, tokenizer_folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """Make the same checkpoint with one weight that is NaN, as a fault on the way may leave it.

    mind-train itself refuses to write one, so its check is put aside here.
    """
    from mind_train import load_checkpoint, tensor_file
    from mind_train.checkpoint import save_checkpoint

    model = load_checkpoint(model_folder).model
    with torch.no_grad():
        next(p for p in model.parameters() if p.ndim > 1).view(-1)[-1] = float("nan")
    folder = tmp_path_factory.mktemp("nan")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tensor_file, "require_finite", lambda *_: None)
        save_checkpoint(folder, 1, "mindllm", model, {}, {}, tokenizer_folder)
    return folder


@pytest.fixture(scope="session")
def checkpoint(model_folder: Path) -> Checkpoint:
    from mind_train import load_checkpoint

    return load_checkpoint(model_folder)


@pytest.fixture(scope="session")
def gpt_neo_folder(tmp_path_factory: pytest.TempPathFactory, texts: list[str]) -> Path:
    """Make a GPT-Neo with random weights, far from uniform, and a byte-level tokenizer."""
    pytest.importorskip("transformers")
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import GPTNeoConfig, GPTNeoForCausalLM, PreTrainedTokenizerFast

    raw = Tokenizer(models.BPE())
    raw.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    raw.decoder = decoders.ByteLevel()
    raw.train_from_iterator(
        texts,
        trainers.BpeTrainer(
            vocab_size=1500,
            special_tokens=["<eos>"],
            show_progress=False,
            initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        ),
    )
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=raw, eos_token="<eos>", bos_token="<eos>")
    torch.manual_seed(0)
    config = GPTNeoConfig(
        vocab_size=1500, hidden_size=64, num_layers=4, num_heads=4, intermediate_size=128,
        attention_types=[[["global", "local"], 2]], window_size=64,
        max_position_embeddings=512, bos_token_id=0, eos_token_id=0,
    )  # fmt: skip
    model = GPTNeoForCausalLM(config)
    with torch.no_grad():
        for p in model.parameters():
            if p.ndim > 1:
                p.mul_(3.0)
    folder = tmp_path_factory.mktemp("gpt-neo")
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder
