"""Score a checkpoint on labelled records: ask, parse, count."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from mind_core import MindError, Record
from mind_core.records import annotation
from mind_domain.answers import parse_answer
from mind_domain.chat_format import build_chat
from mind_domain.domain import NOTES, Domain, Judge, Verdict
from mind_domain.metrics import score_table
from mind_domain.predict import MAX_NEW, ProgressCallback, Question, generate_answers, score_labels
from mind_domain.reading import no_label
from mind_train import Checkpoint


@dataclass(frozen=True)
class Item:
    """One labelled record as a question with its right answer."""

    key: str
    question: Question
    label: str
    cluster: str
    day: str = ""
    horizon: int = 1

    def cluster_of(self, kind: str) -> str:
        """Return what is drawn together with this item: its day, its answer, or itself."""
        return {"day": self.day, "answer": self.cluster, "record": self.key}[kind]


def item_of(record: Record, domain: Domain, language: str, position: str) -> Item:
    """Make a question of a labelled record, or of a chat that `mind-domain sft` made."""
    if not isinstance(record.get("messages"), list):
        record = build_chat(record, domain, language, position)
    noted = annotation(record, NOTES)
    label, spoken = noted.get("label"), noted.get("language")
    if label not in domain.labels or spoken not in ("en", "zh"):
        raise no_label(record, position, "no label and language; `mind-domain sft` writes them")
    # In the language of the question: the model is asked for these very words.
    words = {name: domain.answer(name, spoken) for name in domain.labels}
    other_words = getattr(domain, "other_words", None)
    more = {name: tuple(other_words(name)) for name in domain.labels} if other_words else {}
    question = Question(tuple(record["messages"][:-1]), words, more)
    cluster, horizon = str(noted.get("cluster", position)), noted.get("horizon")
    return Item(
        str(record.get("id")),
        question,
        str(label),
        cluster,
        str(noted.get("day", cluster)),
        horizon if isinstance(horizon, int) else 1,
    )


@dataclass(frozen=True)
class Prediction:
    """What a model said to one item; `chances` are shares of the labels among themselves."""

    label: str | None
    answer: str
    cut: bool
    chances: dict[str, float] | None = None
    scores: Mapping[str, float] | None = None


def predict(
    model: Checkpoint,
    items: Sequence[Item],
    method: str,
    note: ProgressCallback,
    *,
    first: bool = False,
    max_new: int = MAX_NEW,
) -> list[Prediction]:
    """Ask a model for the label of each item, in order."""
    questions = [item.question for item in items]
    if method == "likelihood":
        answers = score_labels(model, questions, note)
    else:
        answers = generate_answers(model, questions, note, max_new)
    found = []
    for item, heard in zip(items, answers, strict=True):
        question = item.question
        # A written answer, in which a label has to be found.
        if heard.scores is None:
            found.append(
                Prediction(
                    parse_answer(heard.text, question.words, question.more, first=first),
                    heard.text,
                    heard.cut,
                )
            )
            continue
        _require_finite_scores(heard.scores, item, model)
        best = max(heard.scores, key=heard.scores.__getitem__)
        found.append(
            Prediction(best, question.words[best], heard.cut, _shares(heard.scores), heard.scores)
        )
    return found


def report(
    items: Sequence[Item],
    predictions: Sequence[Prediction],
    labels: Sequence[str],
    judge: Judge,
    draws: int,
    seed: int,
    clusters: Sequence[str] | None = None,
    block: int = 1,
) -> dict[str, Any]:
    """Count the predictions into metrics with intervals, and the judge's mean score."""
    pairs = [(item.label, guess.label) for item, guess in zip(items, predictions, strict=True)]
    together = [item.cluster for item in items] if clusters is None else clusters
    scores = score_table(pairs, together, labels, draws, seed, block)
    verdicts = [
        _require_verdict(
            judge(
                item.question.messages[-1]["content"], guess.answer, item.question.words[item.label]
            ),
            item,
            judge,
        )
        for item, guess in zip(items, predictions, strict=True)
    ]
    reasons: dict[str, int] = {}
    for verdict in verdicts:
        reasons[verdict.reason] = reasons.get(verdict.reason, 0) + 1
    # `score` refuses an empty input, so there is a verdict.
    mean = math.fsum(verdict.score for verdict in verdicts) / len(verdicts)
    scores["judge"] = {"score": round(mean, 6), "verdicts": dict(sorted(reasons.items()))}
    scores["cut"] = sum(guess.cut for guess in predictions)
    return scores


def calibrate(
    model: Checkpoint,
    items: Sequence[Item],
    predictions: Sequence[Prediction],
    known: Sequence[Item],
) -> list[Prediction]:
    """Take from each label's score what the model gives it before it has read a text.

    With `known` training items that is their mean chance of the label over its share among them;
    without, the chances where the text is "N/A" (content-free: Zhao et al. 2021).
    """
    found = []
    bias: Mapping[str, float] = {}
    if known:
        answers = predict(model, known, "likelihood", lambda _: None)
        bias = {
            label: _log_sum([_log_shares(one.scores)[label] for one in answers if one.scores])
            # Half an item for a class that the sample lacks: its logarithm would not be finite.
            - math.log(max(0.5, sum(one.label == label for one in known)))
            for label in known[0].question.words
        }
    free: dict[str, Mapping[str, float]] = {}
    for item, guess in zip(items, predictions, strict=True):
        assert guess.scores is not None, "calibration works on likelihoods"
        if not known:
            question = _without_text(item.question)
            asked = question.messages[-1]["content"]
            # Questions that differ in their text alone are one question without it.
            if asked not in free:
                empty = replace(item, question=question)
                (answer,) = predict(model, [empty], "likelihood", lambda _: None)
                free[asked] = answer.scores or {}
            bias = free[asked]
        scores = {label: score - bias[label] for label, score in guess.scores.items()}
        best = max(scores, key=scores.__getitem__)
        found.append(
            Prediction(best, item.question.words[best], guess.cut, _shares(scores), scores)
        )
    return found


def _without_text(question: Question) -> Question:
    """Return a question with "N/A" in place of the text, which stands behind an empty line."""
    *before, last = question.messages
    # Domains put the text behind an empty line: see `cot_question`.
    asked = str(last["content"]).partition("\n\n")[0]
    return replace(question, messages=(*before, {**last, "content": f"{asked}\n\nN/A"}))


def prediction_record(item: Item, guess: Prediction) -> Record:
    """Write one prediction as a record."""
    row: Record = {"id": item.key, "label": item.label, "prediction": guess.label}
    row["answer"] = guess.answer
    if guess.chances is not None:
        row["chances"] = guess.chances
    return row


def _require_finite_scores(scores: Mapping[str, float], item: Item, model: Checkpoint) -> None:
    """Refuse log-probabilities that are no numbers: a comparison with NaN picks the first label."""
    for label, value in scores.items():
        if not math.isfinite(value):
            raise MindError(
                f"item {item.key}: the model gives {label!r} a log-probability of {value}",
                cause=f"checkpoint {model.fingerprint} at step {model.step}",
                hint="its weights are damaged or it diverged: score an earlier checkpoint",
            )


def _require_verdict(verdict: Verdict, item: Item, judge: Judge) -> Verdict:
    """Refuse a score outside 0 to 1, NaN included."""
    score = verdict.score
    if isinstance(score, (int, float)) and 0.0 <= score <= 1.0:
        return verdict
    raise MindError(
        f"item {item.key}: the judge {type(judge).__name__} gives a score of {score}",
        hint="a judge gives a number from 0 to 1; this is a fault of its plugin",
    )


def _shares(scores: Mapping[str, float]) -> dict[str, float]:
    return {label: round(math.exp(share), 6) for label, share in _log_shares(scores).items()}


def _log_shares(scores: Mapping[str, float]) -> dict[str, float]:
    """Return the logarithms of the shares, finite also where a share itself rounds to 0."""
    total = _log_sum(list(scores.values()))
    return {label: score - total for label, score in scores.items()}


def _log_sum(logs: Sequence[float]) -> float:
    """Return the logarithm of the sum of numbers that are given as logarithms."""
    # Taken off before `exp`, which would be 0 for all of several unlikely words.
    top = max(logs)
    return top + math.log(math.fsum(math.exp(one - top) for one in logs))
