"""Labelled texts, the chats that a tiny model learns from them, and that model."""

from pathlib import Path

import torch

from mind_core import Record
from mind_domain.chat_format import build_chat, cot_question
from mind_domain.domains.finance.finance import Finance
from mind_tok.chat import encode_chat
from mind_tok.sentencepiece import Bpe
from mind_train.checkpoint import save_checkpoint
from mind_train.models.mindllm import MindLLMConfig

TEXTS = {
    "rise": ("the dividend grows", "More is paid out."),
    "flat": ("the meeting is on tuesday", "Nothing is new."),
    "fall": ("the plant burned down", "Less is made."),
}


def labelled(number: int, label: str) -> Record:
    noted = {
        "label": label, "labels": ["rise", "flat", "fall"], "cluster": f"KO {number}",
        "ticker": "KO", "horizon": 1, "published": "2015-07-02T10:00:00-04:00", "change": 0.0123,
    }  # fmt: skip
    text = f"{TEXTS[label][0]} {number // 3}"
    return {"id": f"r{number}", "text": text, "metadata": {"mind": {"domain": noted}}}


RECORDS = [labelled(n, ("rise", "flat", "fall")[n % 3]) for n in range(9)]


def taught(record: Record) -> list[dict[str, str]]:
    """Make the conversation that the teacher learns: reasons, then the label alone."""
    label = record["metadata"]["mind"]["domain"]["label"]
    chat = build_chat(record, Finance(), "en", "x")
    asked = cot_question(chat["messages"][0]["content"], "en")
    return [{"role": "user", "content": asked},
            {"role": "assistant", "content": f"{TEXTS[label][1]}\nAnswer: {label}"}]  # fmt: skip


def train(folder: Path, steps: int, seed: int) -> Path:
    """Train a tiny model for so many steps."""
    torch.manual_seed(seed)
    chats = [taught(record) for record in RECORDS]
    tokenizer = Bpe().train([m["content"] for chat in chats for m in chat] * 3, 400)
    tokenizer.save(folder / "tokenizer")
    config = MindLLMConfig(
        vocab=tokenizer.vocab_size, dim=48, layers=2, heads=2, ffn_dim=96, context=192
    )
    model = config.build()
    optimizer = torch.optim.AdamW(model.parameters(), lr=5e-3)
    encoded = [encode_chat(tokenizer, chat) for chat in chats]
    longest = max(len(ids) for ids, _ in encoded)
    ids = torch.tensor([row + [0] * (longest - len(row)) for row, _ in encoded])
    mask = torch.tensor([row + [0] * (longest - len(row)) for _, row in encoded])[:, 1:].bool()
    for _ in range(steps):
        logits = model.logits(model(ids[:, :-1]))
        loss = torch.nn.functional.cross_entropy(logits[mask], ids[:, 1:][mask])
        optimizer.zero_grad()
        torch.autograd.backward(loss)
        optimizer.step()
    state = {"x": torch.zeros(1)}
    save_checkpoint(folder / "run", steps + 1, "mindllm", model, state, {}, folder / "tokenizer")
    return folder / "run"


def questions() -> list[Record]:
    return [{"id": record["id"], "messages": taught(record)} for record in RECORDS]


def replies(models: list[str], count: int = 30) -> list[Record]:
    return [
        {"question_id": f"q{n}", "messages": [{"role": "user", "content": f"question {n}?"}],
         "reference": "Nothing is new.", "replies": {name: f"{name} says {n}" for name in models}}
        for n in range(count)
    ]  # fmt: skip
