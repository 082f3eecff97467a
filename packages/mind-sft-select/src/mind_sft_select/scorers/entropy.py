"""Data entropy (数据熵): the mean loss of an instruction's answer under the pre-trained model.

The paper leaves the scope, the unit and the reference open. Here: nats per token over the answers
with their end tokens, the prompt masked, in the chat format that fine-tuning will use.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from typing import ClassVar

from mind_core import Record
from mind_core.records import text_of
from mind_core.text.languages import language_of
from mind_sft_select.scorers.conversations import check_scope
from mind_sft_select.scoring.answer_model import LONG, AnswerModel, model_of
from mind_sft_select.scoring.sums import AnswerSums
from mind_sft_select.scoring.templates import ConversationTemplate

TEXTS_AT_ONCE = 256
ALL = "all"


@lru_cache(maxsize=4)
def answer_model(
    model: str, device: str, long: str = "drop", scope: str = "answer", batch_tokens: int = 8192
) -> AnswerModel:
    """Return a model that scores answers; what was loaded once is shared."""
    opened = model_of(model, device)
    return AnswerModel(
        opened, ConversationTemplate(opened.tokenizer), long, scope, batch_tokens=batch_tokens
    )


@dataclass(frozen=True)
class Entropy:
    """Measure the mean nats per token of the answers (`answer`), the last one (`last`), of each
    answer by itself (`turn`, their mean counts) or of everything (`all`).

    A record longer than the model's context is dropped as `too_long`, scored on what fits (`long =
    "cut"`) or in windows (`long = "window"`). `batch_tokens` bounds what is read together.
    """

    unscored: ClassVar[str] = "too_long"
    metric: ClassVar[str] = "nats_per_token"

    model: str = ""
    scope: str = "answer"
    long: str = "drop"
    batch_tokens: int = 8192
    device: str = "cpu"

    def __post_init__(self) -> None:
        check_scope(self.scope)
        if self.long not in LONG:
            raise ValueError(f"long is one of {', '.join(LONG)}, not {self.long!r}")
        if self.batch_tokens < 1:
            raise ValueError(f"batch_tokens must be 1 or more, not {self.batch_tokens}")

    def __call__(self, records: Sequence[Record]) -> list[float | None]:
        """Return the entropy of each record; None where it is too long to be read."""
        found = self._scorer(self.long)([record["messages"] for record in records])
        return [None if sums is None else sums.entropy(self.scope) for sums in found]

    @property
    def fingerprint(self) -> str:
        """Identify the weights that score."""
        return model_of(self.model, self.device).fingerprint

    def own(self, records: Iterable[Record]) -> dict[str, float]:
        """Measure the model's own entropy on held-out texts: nats per token, by language.

        "all" is over every text. Each text is read after an end token in windows of the context,
        half of it read again; its end counts as a token.
        """
        scorer, sums = self._scorer("window"), dict[str, AnswerSums]()
        rest, number = iter(records), 0
        while batch := list(islice(rest, TEXTS_AT_ONCE)):
            texts = [text_of(r, f"reference record {number + i}") for i, r in enumerate(batch, 1)]
            number += len(batch)
            for record, found in zip(batch, scorer.texts(texts), strict=True):
                for key in (language_of(record), ALL):
                    sums[key] = sums.get(key, AnswerSums()) + found
        return {key: found.entropy() or math.nan for key, found in sorted(sums.items())}

    def _scorer(self, long: str) -> AnswerModel:
        return answer_model(self.model, self.device, long, self.scope, self.batch_tokens)


@dataclass(frozen=True)
class Length:
    """Count the tokens that entropy is a mean over: the answers with their ends, or all."""

    note: ClassVar[str] = "tokens"

    model: str = ""
    scope: str = "answer"
    device: str = "cpu"

    def __post_init__(self) -> None:
        check_scope(self.scope)

    def __call__(self, records: Sequence[Record]) -> list[float]:
        """Return the number of tokens of each record."""
        template = answer_model(self.model, self.device).template
        counts = []
        for chat in template.encode([record["messages"] for record in records]):
            answers = chat.answers[-1:] if self.scope == "last" else chat.answers
            counted = sum(a.stop - a.start + 1 for a in answers)
            counts.append(float(len(chat.ids) - 1 if self.scope == "all" else counted))
        return counts
