"""Sound folders of every kind, for tests that spoil them."""

from __future__ import annotations

import random
import shutil
from pathlib import Path

import pytest
from hostile_making import Spoil

from mind_core.records import encode
from mind_core.testing import run_tool


def sentences(count: int) -> list[str]:
    """Make texts in two languages that no two are the same of."""
    chance = random.Random(1)
    words = ("模型", "需要", "很多", "文字", "才能", "理解", "意思", "春天", "河水", "村庄")
    english = ("models", "need", "much", "writing", "before", "they", "understand", "meaning")
    return [
        f"{n} " + ("".join(chance.choices(words, k=12)) if n % 2 else
                   " ".join(chance.choices(english, k=12)))
        for n in range(count)
    ]  # fmt: skip


@pytest.fixture(scope="session")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tokenizer, shards, an index and a checkpoint that the tools made."""
    import torch

    from mind_tok.loading import make_plugins
    from mind_tok.shards import ShardWriter
    from mind_train.checkpoint import save_checkpoint
    from mind_train.components import load_plugins

    folder = tmp_path_factory.mktemp("sound")
    texts = sentences(200)
    tokenizer = make_plugins().make("register_tokenizers", "bpe").train(texts, 400)
    tokenizer.save(folder / "tokenizer")
    with ShardWriter(folder / "shards", tokenizer) as writer:
        for text in texts:
            ids = [*tokenizer.encode(text), tokenizer.end_id]
            writer.add(ids, size=len(text.encode()), split="train", source="a", language="en")
    data = b"".join(encode({"id": str(n), "text": text}) for n, text in enumerate(texts))
    made = run_tool("mind-dedup", ["-q", "--index", folder / "index"], data)
    assert made.code == 0, made.stderr
    torch.manual_seed(0)
    fields = {"dim": 16, "layers": 2, "heads": 2, "ffn_dim": 32, "context": 16, "vocab": 400}
    model = load_plugins().make("register_architectures", "gpt-neo", fields).build()
    save_checkpoint(folder / "run", 1, "gpt-neo", model, {}, {}, folder / "tokenizer")
    (folder / "run" / "checkpoints" / "step-00000001").rename(folder / "checkpoint")
    return folder


@pytest.fixture
def copy_of(sound: Path, tmp_path: Path) -> Spoil:
    """Copy one of the sound folders, to be spoiled; a secret lies beside it."""
    (tmp_path / "secret").write_text("a private key")

    def make(name: str) -> Path:
        return Path(shutil.copytree(sound / name, tmp_path / name))

    return make
