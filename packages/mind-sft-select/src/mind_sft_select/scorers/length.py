"""Length in tokens: what entropy has to be seen beside, because it falls with length."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from mind_core import Record
from mind_sft_select.scorers.conversations import check_scope, checkpoint_of, encoded


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
        tokenizer = checkpoint_of(self.model, self.device).tokenizer
        return [float(sum(encoded(tokenizer, record, self.scope)[1])) for record in records]
