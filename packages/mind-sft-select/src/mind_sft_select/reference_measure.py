"""The model's own entropy, measured three ways, each with its interval over documents."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np

from mind_core import MindError, Record
from mind_core.records import text_of
from mind_core.text.languages import language_of
from mind_sft_select.score_stream import scored_sums
from mind_sft_select.scorers.conversations import languages_of
from mind_sft_select.scoring.answer_model import AnswerModel
from mind_sft_select.scoring.sums import DIGITS, AnswerSums

FORMAT = "mind-sft-reference"
KINDS = ("text", "chat", "pool")
NEUTRAL = {"zh": "请写一段文字。", "en": "Write a text."}
"""The question of `chat`: it asks for a text and says nothing about it."""
DRAWS = 1000
AT_ONCE = 256
ALL = "all"


@dataclass(frozen=True)
class DocumentLosses:
    """Nats and tokens of each document, by language; `all` holds every one."""

    nats: dict[str, list[float]]
    tokens: dict[str, list[float]]

    def add(self, language: str, sums: AnswerSums) -> None:
        """Take the loss of one held-out document into its language's mean."""
        for key in (language, ALL):
            # With end tokens, as the entropy of answers that is measured against it.
            self.nats.setdefault(key, []).append(sums.nats + sums.end_nats)
            self.tokens.setdefault(key, []).append(float(sums.tokens + sums.ends))

    def ratios(self, seed: int) -> dict[str, dict[str, Any]]:
        """Return nats per token with a 95 % interval: documents are drawn, not tokens."""
        return {
            language: interval_of(
                np.array(self.nats[language]), np.array(self.tokens[language]), seed
            )
            for language in sorted(self.nats)
        }


def interval_of(nats: Any, tokens: Any, seed: int) -> dict[str, Any]:
    """Return a ratio of sums over float64 [N] with its interval over 1,000 draws of documents.

    Raises `MindError` for nats that are no finite numbers.
    """
    if not np.isfinite(nats).all():
        raise MindError(
            f"the nats of {int((~np.isfinite(nats)).sum()):,} texts are no finite numbers",
            hint="check the checkpoint: a model with NaN weights, or one that overflows, has no "
            "entropy",
        )
    rng, count = np.random.default_rng(seed), len(nats)
    drawn = []
    # A hundred draws at a time: weights are [draws, N].
    for _ in range(0, DRAWS, 100):
        weights = rng.multinomial(count, np.full(count, 1 / count), size=100)
        drawn.append((weights @ nats) / (weights @ tokens))
    low, high = np.quantile(np.concatenate(drawn), [0.025, 0.975])
    return {
        "value": round(float(nats.sum() / tokens.sum()), DIGITS),
        "low": round(float(low), DIGITS),
        "high": round(float(high), DIGITS),
        "documents": count,
    }


def measure_texts(
    model: AnswerModel, records: Iterable[Record], seed: int = 0
) -> dict[str, dict[str, dict[str, Any]]]:
    """Measure held-out texts as plain text (`text`) and as the answer to a neutral question in the
    model's template and by its rule for what is too long (`chat`), by language.
    """
    plain, chat = DocumentLosses({}, {}), DocumentLosses({}, {})
    rest, number = iter(records), 0
    while batch := list(islice(rest, AT_ONCE)):
        texts = [text_of(r, f"reference record {number + i}") for i, r in enumerate(batch, 1)]
        number += len(batch)
        languages = [language_of(record) for record in batch]
        chats = [
            [{"role": "user", "content": NEUTRAL.get(language, NEUTRAL["en"])},
             {"role": "assistant", "content": text}]
            for language, text in zip(languages, texts, strict=True)
        ]  # fmt: skip
        for language, sums in zip(languages, model.texts(texts), strict=True):
            plain.add(language, sums)
        for language, answer in zip(languages, model(chats), strict=True):
            if answer is not None:
                chat.add(language, answer.total)
    return {"text": plain.ratios(seed), "chat": chat.ratios(seed)}


def measure_pool(records: Iterable[Record]) -> dict[str, dict[str, Any]]:
    """Return the median entropy of scored records with its interval over records, by language."""
    values: dict[str, list[float]] = {}
    for record in records:
        if (sums := scored_sums(record)) is None:
            continue
        entropy = sums.total.entropy()
        if entropy is not None:
            for key in (languages_of([record])[0], ALL):
                values.setdefault(key, []).append(entropy)
    return {language: _median(found) for language, found in sorted(values.items())}


def _median(values: Sequence[float]) -> dict[str, Any]:
    """Return the median with its 95 % interval between two order statistics, free of any shape."""
    ordered = sorted(values)
    count = len(ordered)
    # The number of values below the median is binomial (N, ½): √N / 2 is its standard deviation.
    reach = 1.96 * math.sqrt(count) / 2
    low = max(0, math.floor(count / 2 - reach))
    high = min(count - 1, math.ceil(count / 2 + reach))
    return {
        "value": round(statistics.median(ordered), DIGITS),
        "low": round(ordered[low], DIGITS),
        "high": round(ordered[high], DIGITS),
        "documents": count,
    }


def reference_lines(found: dict[str, Any]) -> list[str]:
    """Return a table of the three references for people."""
    lines = [f"{'reference':>10} {'language':>9} {'nats/token':>11} {'95 % interval':>19} {'n':>7}"]
    for kind in KINDS:
        for language, row in found.get(kind, {}).items():
            lines.append(
                f"{kind + ('*' if kind == found['uses'] else ''):>10} {language:>9} "
                f"{row['value']:11.4f} {row['low']:9.4f} {row['high']:9.4f} {row['documents']:7,}"
            )
    return [*lines, "* the band is measured from this one"]
