"""A judge that reads: the answer is right if its last line is the reference."""

from __future__ import annotations

from dataclasses import dataclass

from mind_domain.answers import normalize_answer
from mind_domain.domain import Verdict


@dataclass(frozen=True)
class Exact:
    """Give 1 for an answer whose last line is that of the reference, else 0."""

    def __call__(self, question: str, answer: str, reference: str) -> Verdict:  # noqa: ARG002 - part of a judge
        """Compare without case, width and surrounding marks."""
        given = normalize_answer(answer)
        if not given:
            return Verdict(0.0, "empty")
        same = given == normalize_answer(reference)
        return Verdict(1.0, "right") if same else Verdict(0.0, "wrong")
