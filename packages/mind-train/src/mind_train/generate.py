"""Write text: one token at a time from a key-value cache, greedy or sampled, repeatable by seed."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Sequence
from typing import Protocol

import torch
from torch import Tensor

from mind_core import MindError
from mind_train.finite import require_finite
from mind_train.models.language_model import LanguageModel

DAMAGED = "the model's weights overflowed or are damaged: take another checkpoint"


class _Tokenizer(Protocol):
    @property
    def end_id(self) -> int: ...


class _Checkpoint(Protocol):
    """The part of a checkpoint that generation reads."""

    @property
    def model(self) -> LanguageModel: ...

    @property
    def tokenizer(self) -> _Tokenizer: ...


def generate(
    checkpoint: _Checkpoint,
    prompt_ids: Sequence[int],
    max_new: int = 128,
    temperature: float = 0.0,
    top_p: float = 1.0,
    seed: int = 0,
    end_ids: Collection[int] = (),
) -> list[int]:
    """Continue a prompt; give the new ids only, without the end token that stopped it.

    Temperature 0 is greedy; ``top_p`` keeps the smallest set of tokens with that much probability.
    An empty prompt begins a document. ``end_ids`` end a text as the tokenizer's end token does.
    """
    end = checkpoint.tokenizer.end_id
    stream = continue_ids(
        checkpoint.model, list(prompt_ids) or [end], {end, *end_ids}, temperature, top_p, seed
    )
    # The stream stops where a text ends, the range where enough was written.
    return [token for token, _ in zip(stream, range(max_new), strict=False)]


def continue_ids(
    model: LanguageModel,
    prompt: Sequence[int],
    end_ids: Collection[int],
    temperature: float,
    top_p: float,
    seed: int,
) -> Iterator[int]:
    """Yield new token ids until one that ends a text, for as long as the caller asks.

    When the context is full the second half of it is read again and generation goes on.
    """
    check_sampling(temperature, top_p)
    context = model.config.context
    chooser = torch.Generator(device="cpu").manual_seed(seed)
    # Of a prompt that is too long the end.
    tokens = list(prompt)[-context:]
    cache = model.new_cache(1, context)
    fresh = tokens
    while True:
        # Keys are of positions, which cannot be moved: the half that stays is read anew from
        # position 0.
        if cache.length + len(fresh) > context:
            tokens = tokens[-max(1, context // 2) :]
            cache = model.new_cache(1, context)
            fresh = tokens
        with torch.no_grad():
            # Behind the cache only what is new is read: the prompt first, then one token at a time.
            ids = torch.tensor([fresh], device=model.device)
            logits = model.logits(model(ids, cache=cache)[0, -1]).float().cpu()  # (V,)
        require_finite(logits, f"a score of token {len(tokens):,}", DAMAGED)
        token = choose(logits, temperature, top_p, chooser)
        if token in end_ids:
            return
        yield token
        tokens.append(token)
        fresh = [token]


def choose(logits: Tensor, temperature: float, top_p: float, chooser: torch.Generator) -> int:
    """Choose an id from logits [V]: the best one at temperature 0, else by nucleus sampling.

    Nucleus: Holtzman et al. 2020; the best token is always kept.
    """
    if temperature == 0.0:
        return int(logits.argmax())
    scaled = logits / temperature
    # So cold that scores overflow, or that the temperature is 0 in fp32: nothing but the best one
    # has a share.
    if not bool(scaled.max().isfinite()):
        return int(logits.argmax())
    # A stable sort, so that the choice among tokens of one probability can be repeated.
    p, order = scaled.softmax(dim=0).sort(descending=True, stable=True)
    # What stands before a token: below top-p it stays, and the best one always, also where top-p is
    # 0 in fp32.
    kept = p.cumsum(dim=0) - p < top_p
    kept[0] = True
    p = torch.where(kept, p, torch.zeros_like(p))
    return int(order[torch.multinomial(p, 1, generator=chooser)])


def check_sampling(temperature: float, top_p: float) -> None:
    """Refuse values that have no meaning."""
    if not 0.0 <= temperature < math.inf:
        raise MindError(
            f"temperature {temperature} is no number from 0 on",
            hint="0 is greedy, 0.8 is lively, 1 is plain",
        )
    if not 0.0 < top_p <= 1.0:
        raise MindError(f"top-p {top_p} is not in (0, 1]", hint="1 keeps every token; 0.9 is usual")
