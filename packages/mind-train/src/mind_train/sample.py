"""The `sample` verb: continue prompts with a checkpoint."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from mind_core import Record
from mind_core.plugins import Plugins
from mind_tok.chat import encode_prompt
from mind_train.checkpoint import Checkpoint, load_checkpoint
from mind_train.generate import check_sampling, generate


@dataclass(frozen=True)
class Sampling:
    """How to choose tokens, and how many."""

    max_new: int
    temperature: float
    top_p: float
    seed: int
    chat: bool

    def __post_init__(self) -> None:
        check_sampling(self.temperature, self.top_p)


def sample(
    folder: Path, prompts: Sequence[str], how: Sampling, count: int, plugins: Plugins
) -> Iterator[Record]:
    """Yield {"prompt", "text", "tokens", "step"} for each prompt, ``count`` times each.

    Sample i of a prompt is drawn with seed + i.
    """
    checkpoint = load_checkpoint(folder, plugins=plugins)
    for prompt in prompts:
        ids = prompt_ids(checkpoint, prompt, how.chat)
        for turn in range(count):
            new = generate(
                checkpoint, ids, how.max_new, how.temperature, how.top_p, how.seed + turn
            )
            yield {
                "prompt": prompt,
                "text": checkpoint.tokenizer.decode(new),
                "tokens": len(new),
                "step": checkpoint.step,
            }


def as_text(record: Record, chat: bool) -> str:
    """Lay a sample out for people: the answer alone, or the prompt with what follows it."""
    return f"{record['text']}\n" if chat else f"{record['prompt']}{record['text']}\n"


def prompt_ids(checkpoint: Checkpoint, prompt: str, chat: bool) -> list[int]:
    """Encode a prompt: the beginning of a document, or a user's turn and the assistant's mark."""
    tokenizer = checkpoint.tokenizer
    if not chat:
        return [tokenizer.end_id, *tokenizer.encode(prompt)]
    return encode_prompt(tokenizer, [{"role": "user", "content": prompt}])
