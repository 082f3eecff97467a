"""Differential entropy: what a little fine-tuning changes in the entropy of an answer.

InstructDiff (arXiv:2601.23006) selects by the difference between a base model and one that was
tuned on a small part of the pool; the lowest won there, and the sign turned by domain. Its entropy
is that of the predicted distributions; here it is the mean loss of the answer, as in `entropy`, so
that both are of one unit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

from mind_core import Record
from mind_core.errors import UsageError
from mind_sft_select.scorers.entropy import Entropy
from mind_sft_select.scoring.answer_model import model_of


@dataclass(frozen=True)
class Differential:
    """Measure nats per token under the tuned model minus those under the base, in the same scope.

    `model` is the base, `tuned` a run or checkpoint that began from it. Negative: the tuned model
    expects the answer more. What is too long is treated as by `entropy`.
    """

    unscored: ClassVar[str] = "too_long"
    note: ClassVar[str] = "differential"

    model: str = ""
    tuned: str = ""
    scope: str = "answer"
    long: str = "drop"
    batch_tokens: int = 8192
    device: str = "cpu"

    def __post_init__(self) -> None:
        self._under(self.model)  # which checks the other options
        if not self.tuned:
            raise UsageError(
                "differential entropy needs a tuned model beside the base",
                hint="--set differential.tuned=RUN, a run of `mind-train sft --from BASE`",
            )

    def __call__(self, records: Sequence[Record]) -> list[float | None]:
        """Return the difference of each record; None where it is too long to be read."""
        before, after = self._both
        pairs = zip(before(records), after(records), strict=True)
        return [None if a is None or b is None else b - a for a, b in pairs]

    @cached_property
    def _both(self) -> tuple[Entropy, Entropy]:
        # Opened late: a scorer is also made only to check its options.
        first, second = (model_of(name, self.device) for name in (self.model, self.tuned))
        # Nats per token of two vocabularies are of two units.
        if first.tokenizer.sha256 != second.tokenizer.sha256:
            raise UsageError(
                f"{self.tuned} has another tokenizer than {self.model}",
                hint="the tuned model has to begin from the base: mind-train sft --from BASE",
            )
        return self._under(self.model), self._under(self.tuned)

    def _under(self, model: str) -> Entropy:
        return Entropy(model, self.scope, self.long, self.batch_tokens, self.device)
