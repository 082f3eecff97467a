"""The numbers, and what cannot be scored."""

from __future__ import annotations

from mind_scorer_compression import Compression

from mind_core import Record


def chat(answer: str) -> Record:
    question = {"role": "user", "content": "why?"}
    return {"id": "1", "messages": [question, {"role": "assistant", "content": answer}]}


def test_repetition_scores_low() -> None:
    plain = "Still waters run deep, and a rolling stone gathers no moss: so they say, at least."
    scores = Compression()([chat("again and " * 40), chat(plain), chat("yes")])
    assert scores[2] is None
    assert scores[0] is not None and scores[1] is not None and scores[0] < 0.2 < scores[1]
