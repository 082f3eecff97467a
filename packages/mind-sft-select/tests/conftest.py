"""A tiny checkpoint with weights drawn at random: what is tested is arithmetic, not quality."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import torch

from mind_core import Record

if TYPE_CHECKING:
    from mind_train import Checkpoint

torch.set_num_threads(1)

TOPICS = ("水", "温度", "地理", "历史", "boiling water", "the capital", "a poem", "numbers")


def instructions() -> list[Record]:
    """Make instructions in both languages and all three layouts, of different lengths."""
    made: list[Record] = []
    for number in range(24):
        topic = TOPICS[number % len(TOPICS)]
        chinese = number % 8 < 4
        question = f"请介绍{topic}。" if chinese else f"Tell me about {topic}."
        answer = (
            f"{topic}是很常见的。第{number}种说法。"
            if chinese
            else f"It is about {topic}, case {number}. "
        ) * (1 + number % 3)
        layouts: tuple[dict[str, Any], ...] = (
            {"instruction": question, "input": "", "output": answer},
            {"messages": [{"role": "user", "content": question},
                          {"role": "assistant", "content": answer}]},
            {"conversations": [{"from": "human", "value": question},
                               {"from": "gpt", "value": answer}]},
        )  # fmt: skip
        made.append({"id": f"r{number}", **layouts[number % 3], "source": "made"})
    return made


@pytest.fixture(scope="session")
def made_instructions() -> list[Record]:
    return instructions()


@pytest.fixture(scope="session")
def model_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from mind_tok.loading import make_plugins
    from mind_tok.tokenizer import HOOK
    from mind_train.checkpoint import save_checkpoint
    from mind_train.models.mindllm import MindLLMConfig

    folder = tmp_path_factory.mktemp("model")
    texts = ["".join(map(str, record.values())) for record in instructions()] * 4
    make_plugins().make(HOOK, "bpe").train(texts, 420).save(folder / "tokenizer")
    torch.manual_seed(0)
    model = MindLLMConfig(vocab=420, dim=32, layers=2, heads=2, ffn_dim=64, context=96).build()
    with torch.no_grad():
        for p in model.parameters():
            if p.ndim > 1:
                p.mul_(6.0)  # far from uniform, so that a wrong position or target shows
    save_checkpoint(folder, 1, "mindllm", model, {}, {}, folder / "tokenizer")
    return folder


@pytest.fixture(scope="session")
def checkpoint(model_folder: Path) -> Checkpoint:
    from mind_train import load_checkpoint

    return load_checkpoint(model_folder)
