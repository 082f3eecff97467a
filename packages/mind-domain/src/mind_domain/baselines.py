"""What needs no language model: the majority, the share alone, the time alone, a bag of words."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from mind_core import Record
from mind_core.records import annotation
from mind_core.text.scripts import HAN
from mind_domain.domain import NOTES

_WORD = re.compile(f"[{HAN}]|[^\\W{HAN}]+")
FEATURES = 50_000


@dataclass(frozen=True)
class KnownText:
    """What a baseline may know of a record: its words, share, time and class."""

    text: str
    ticker: str
    time: str
    label: str


def known_text(record: Record) -> KnownText:
    """Read a labelled record, or a chat that was made of one."""
    noted = annotation(record, NOTES)
    messages = record.get("messages")
    text = record.get("text")
    if not isinstance(text, str) and isinstance(messages, list) and messages:
        text = messages[0].get("content")
    published = noted.get("published")
    moment = datetime.fromisoformat(published) if isinstance(published, str) else None
    time = f"{moment.weekday()} {moment.hour // 3}" if moment else ""
    return KnownText(str(text or ""), str(noted.get("ticker", "")), time, str(noted.get("label")))


def baseline_predictions(
    train: Sequence[KnownText], test: Sequence[KnownText], seed: int
) -> dict[str, list[str]]:
    """Return what each baseline, fitted on training records, says to test records.

    `majority`: the most frequent class; `share` and `time`: that of the share, of the weekday and
    three hours; `bag_of_words`: logistic regression on TF-IDF of words and pairs of words.
    """
    majority = _most_frequent(one.label for one in train)
    return {
        "majority": [majority] * len(test),
        "share": _by_key(train, test, "ticker", majority),
        "time": _by_key(train, test, "time", majority),
        "bag_of_words": _bag_of_words(train, test, seed),
    }


def _most_frequent(labels: Iterable[str]) -> str:
    counts = Counter(labels)
    # By name where two are equally frequent, so that the order of the records does not decide.
    return min(counts, key=lambda label: (-counts[label], label))


def _by_key(
    train: Sequence[KnownText], test: Sequence[KnownText], key: str, otherwise: str
) -> list[str]:
    groups: dict[str, list[str]] = defaultdict(list)
    for one in train:
        groups[getattr(one, key)].append(one.label)
    best = {name: _most_frequent(labels) for name, labels in groups.items()}
    # A share or an hour that training did not see gets the majority.
    return [best.get(getattr(one, key), otherwise) for one in test]


def _bag_of_words(train: Sequence[KnownText], test: Sequence[KnownText], seed: int) -> list[str]:
    # A regression needs two classes.
    if len({one.label for one in train}) < 2:
        return [train[0].label] * len(test)
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression

    words = TfidfVectorizer(
        tokenizer=lambda text: _WORD.findall(text.lower()),
        token_pattern=None,
        ngram_range=(1, 2),
        min_df=2 if len(train) > 200 else 1,
        max_features=FEATURES,
        sublinear_tf=True,
    )
    table = words.fit_transform([one.text for one in train])
    model = LogisticRegression(max_iter=300, random_state=seed)
    model.fit(table, [one.label for one in train])
    return [str(label) for label in model.predict(words.transform([one.text for one in test]))]
