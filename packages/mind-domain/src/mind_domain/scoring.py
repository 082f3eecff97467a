"""Score a checkpoint on labelled records: ask, parse, count."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mind_core import Record
from mind_core.records import annotation
from mind_domain.answers import parse_answer
from mind_domain.chats import as_chat
from mind_domain.domain import NOTES, Domain, Judge
from mind_domain.metrics import score_table
from mind_domain.predict import Ask, Note, likelihoods, written
from mind_domain.reading import no_label
from mind_train import Checkpoint


@dataclass(frozen=True)
class Item:
    """One labelled record as a question with its right answer."""

    key: str
    ask: Ask
    label: str
    cluster: str


def item_of(record: Record, domain: Domain, language: str, position: str) -> Item:
    """Make a question of a labelled record, or of a chat that `mind-domain sft` made."""
    if not isinstance(record.get("messages"), list):
        record = as_chat(record, domain, language, position)
    noted = annotation(record, NOTES)
    label, spoken = noted.get("label"), noted.get("language")
    if label not in domain.labels or spoken not in ("en", "zh"):
        raise no_label(record, position, "no label and language; `mind-domain sft` writes them")
    words = {name: domain.answer(name, spoken) for name in domain.labels}
    ask = Ask(tuple(record["messages"][:-1]), words)
    return Item(str(record.get("id")), ask, str(label), str(noted.get("cluster", position)))


@dataclass(frozen=True)
class Prediction:
    """What a model said to one item; `chances` are shares of the labels among themselves."""

    label: str | None
    answer: str
    cut: bool
    chances: dict[str, float] | None = None


def predict(model: Checkpoint, items: Sequence[Item], method: str, note: Note) -> list[Prediction]:
    """Ask a model for the label of each item, in order."""
    asks = [item.ask for item in items]
    hear = likelihoods if method == "likelihood" else written
    found = []
    for ask, heard in zip(asks, hear(model, asks, note), strict=True):
        if heard.scores is None:
            found.append(Prediction(parse_answer(heard.text, ask.words), heard.text, heard.cut))
            continue
        best = max(heard.scores, key=heard.scores.__getitem__)
        found.append(Prediction(best, ask.words[best], heard.cut, _shares(heard.scores)))
    return found


def report(
    items: Sequence[Item],
    predictions: Sequence[Prediction],
    labels: Sequence[str],
    judge: Judge,
    draws: int,
    seed: int,
) -> dict[str, Any]:
    """Count the predictions into metrics with intervals, and the judge's mean score."""
    pairs = [(item.label, guess.label) for item, guess in zip(items, predictions, strict=True)]
    scores = score_table(pairs, [item.cluster for item in items], labels, draws, seed)
    verdicts = [
        judge(item.ask.messages[-1]["content"], guess.answer, item.ask.words[item.label])
        for item, guess in zip(items, predictions, strict=True)
    ]
    reasons: dict[str, int] = {}
    for verdict in verdicts:
        reasons[verdict.reason] = reasons.get(verdict.reason, 0) + 1
    mean = math.fsum(verdict.score for verdict in verdicts) / len(verdicts)
    scores["judge"] = {"score": round(mean, 6), "verdicts": dict(sorted(reasons.items()))}
    scores["cut"] = sum(guess.cut for guess in predictions)
    return scores


def prediction_record(item: Item, guess: Prediction) -> Record:
    """Write one prediction as a record."""
    row: Record = {"id": item.key, "label": item.label, "prediction": guess.label}
    row["answer"] = guess.answer
    if guess.chances is not None:
        row["chances"] = guess.chances
    return row


def _shares(scores: Mapping[str, float]) -> dict[str, float]:
    top = max(scores.values())
    weights = {label: math.exp(score - top) for label, score in scores.items()}
    total = math.fsum(weights.values())
    return {label: round(weight / total, 6) for label, weight in weights.items()}
