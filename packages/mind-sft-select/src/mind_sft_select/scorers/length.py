"""Length in tokens: what entropy has to be seen beside, because it falls with length."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from mind_core import Record
from mind_sft_select.scorers.conversations import check_scope
from mind_sft_select.scorers.entropy import answer_model


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
