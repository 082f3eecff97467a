"""Data entropy (数据熵): the mean loss of an instruction's answer under the pre-trained model.

The paper leaves the scope, the unit and the reference open. Here: nats per token over the answers
with their end tokens, the prompt masked, in the chat format that fine-tuning will use.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import ClassVar

from mind_core import Record
from mind_core.languages import language_of
from mind_core.records import text_of
from mind_sft_select.scorers.conversations import check_scope, checkpoint_of, encoded

LONG = ("drop", "cut")
TEXTS_AT_ONCE = 256
BATCH_TOKENS = (1024, 8192)
"""Tokens of a pass on a CPU and on a GPU: of 8,192, what lies between two matrix products leaves a
CPU's cache, which costs a quarter of the time."""


@dataclass(frozen=True)
class Entropy:
    """Measure the mean nats per token of the answers (`answer`) or of everything (`all`).

    A record longer than the model's context is dropped as `too_long`, or (`long = "cut"`) scored on
    what fits. `batch_tokens` are read in one pass, padding included; 0 is 1,024 on a CPU, whose
    caches hold no more, and 8,192 on a GPU.
    """

    unscored: ClassVar[str] = "too_long"
    metric: ClassVar[str] = "nats_per_token"

    model: str = ""
    scope: str = "answer"
    long: str = "drop"
    batch_tokens: int = 0
    device: str = "cpu"

    def __post_init__(self) -> None:
        check_scope(self.scope)
        if self.long not in LONG:
            raise ValueError(f"long is one of {', '.join(LONG)}, not {self.long!r}")
        if self.batch_tokens < 0:
            raise ValueError(f"batch_tokens must not be negative, as {self.batch_tokens} is")

    def __call__(self, records: Sequence[Record]) -> list[float | None]:
        """Return the entropy of each record; None where it is too long to be read."""
        checkpoint = checkpoint_of(self.model, self.device)
        most = checkpoint.context + 1  # the last token is predicted, not read
        scores: list[float | None] = [None] * len(records)
        places, sequences = [], []
        for place, record in enumerate(records):
            ids, mask = encoded(checkpoint.tokenizer, record, self.scope)
            if len(ids) > most and self.long == "cut":
                ids, mask = ids[:most], mask[:most]
            if len(ids) <= most and any(mask):
                places.append(place)
                sequences.append((ids, mask))
        for place, mean in zip(places, self._means(sequences), strict=True):
            scores[place] = mean
        return scores

    @property
    def fingerprint(self) -> str:
        """Identify the weights that score."""
        return checkpoint_of(self.model, self.device).fingerprint

    def own(self, records: Iterable[Record]) -> dict[str, float]:
        """Measure the model's own entropy on held-out texts: nats per token, by language.

        "all" is over every text. Each text is read after an end token in windows of the context,
        half of it read again; its end counts as a token.
        """
        checkpoint = checkpoint_of(self.model, self.device)
        sums: dict[str, list[float]] = {}
        waiting: list[tuple[str, list[int], list[int]]] = []

        def settle() -> None:
            windows = [(ids, mask) for _, ids, mask in waiting]
            for (language, _, mask), mean in zip(waiting, self._means(windows), strict=True):
                for key in (language, "all"):
                    nats, tokens = sums.setdefault(key, [0.0, 0.0])
                    sums[key] = [nats + mean * sum(mask), tokens + sum(mask)]
            waiting.clear()

        end = checkpoint.tokenizer.end_id
        for number, record in enumerate(records, 1):
            text = text_of(record, f"reference record {number}")
            tokens = [end, *checkpoint.tokenizer.encode(text), end]
            language = language_of(record)
            for ids, mask in windows_of(tokens, checkpoint.context):
                waiting.append((language, ids, mask))
                if len(waiting) >= TEXTS_AT_ONCE:
                    settle()
        settle()
        return {language: nats / tokens for language, (nats, tokens) in sorted(sums.items())}

    def _means(self, sequences: list[tuple[list[int], list[int]]]) -> list[float]:
        # torch is loaded here, so that a list of scorers can be shown without it.
        from mind_sft_select.scorers.losses import mean_losses

        model = checkpoint_of(self.model, self.device).model
        batch_tokens = self.batch_tokens or BATCH_TOKENS[model.device.type != "cpu"]
        return mean_losses(model, sequences, batch_tokens)


def windows_of(tokens: list[int], context: int) -> Iterable[tuple[list[int], list[int]]]:
    """Cut tokens into windows of which each token but the first is masked in exactly one.

    Past the first window a masked token has at least half of the context before it.
    """
    overlap, done = max(1, context // 2), 1
    while done < len(tokens):
        stop = min(len(tokens), done + (context if done == 1 else context - overlap + 1))
        start = max(0, stop - 1 - context)
        yield tokens[start:stop], [0] * (done - start) + [1] * (stop - done)
        done = stop
