"""A judge that reads nothing: who gives the reference answer the most probability."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from pathlib import Path

from mind_core import MindError, Reason
from mind_core.errors import UsageError
from mind_domain.judges.trial import Groups, Trial

SAME = 1e-9


@dataclass(frozen=True)
class NllJudge:
    """Rank models by the bits per byte of the reference answer: `models` is "a=run1,b=run2".

    Deterministic, and says something at a size at which no model can judge. It looks at the models
    and not at their replies, so conversations with a last answer will do.
    """

    models: str = ""
    _bits: dict[tuple[str, str], float] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    def __post_init__(self) -> None:
        if not self.models:
            raise UsageError("which models?", hint="--set nll.models=a=run1,b=run2")
        for name, path in self.folders.items():
            if not Path(path).exists():
                raise UsageError(f"there is no checkpoint {path} for {name}")

    @property
    def folders(self) -> dict[str, str]:
        """The folder of each model."""
        pairs = [part.partition("=") for part in self.models.split(",")]
        if not all(name and equals and path for name, equals, path in pairs):
            raise UsageError(f"models {self.models!r}", hint="a=run1,b=run2")
        return {name.strip(): path.strip() for name, _, path in pairs}

    @property
    def repeatable(self) -> bool:
        """It always says the same."""
        return False

    def prepare_all(self, trials: list[Trial]) -> None:
        """Measure all references, one model after another."""
        # Once a question: seats and repeats do not change what a reference costs.
        asked = {trial.question_id: trial for trial in trials if trial.reference}
        for name, folder in self.folders.items():
            wanted = [trial for key, trial in asked.items() if (name, key) not in self._bits]
            if wanted:
                for trial, bits in zip(wanted, bits_per_byte(folder, wanted), strict=True):
                    self._bits[name, trial.question_id] = bits

    def measured(self, trial: Trial) -> dict[str, float]:
        """Return what each model of a ranked trial needs, in bits a byte of the reference."""
        return {name: round(self._bits[name, trial.question_id], 6) for name in trial.names}

    def rank(self, trial: Trial) -> Groups | Reason:
        """Rank the seats; equal to nine digits is a tie."""
        if not trial.reference:
            return Reason("no_reference")
        if missing := sorted(set(trial.names) - set(self.folders)):
            raise UsageError(
                f"judge nll has no checkpoint of {', '.join(missing)}", hint="--set nll.models=…"
            )
        self.prepare_all([trial])
        bits = [self._bits[name, trial.question_id] for name in trial.names]
        groups: list[list[int]] = []
        for seat in sorted(range(len(bits)), key=lambda n: bits[n]):
            if groups and bits[seat] - bits[groups[-1][0]] <= SAME * max(1.0, bits[seat]):
                groups[-1].append(seat)
            else:
                groups.append([seat])
        return tuple(map(tuple, groups))


def bits_per_byte(folder: str, trials: list[Trial]) -> list[float]:
    """Measure the reference answer of each trial behind its question, in bits a UTF-8 byte.

    The end token is not counted, so that models with other tokenizers compare; a conversation
    longer than the context loses its beginning.
    """
    from mind_domain.predict import Question, encode_answer
    from mind_eval.scoring import ScoredSequence, score
    from mind_train import load_checkpoint

    model = load_checkpoint(folder)
    rows = []
    for trial in trials:
        assert trial.reference is not None
        ids, scored = encode_answer(model, Question(trial.messages, {}), trial.reference)
        fits = ids[-(model.context + 1) :]
        rows.append(ScoredSequence(tuple(fits), min(scored, len(fits) - 1)))
    found = []
    for trial, answer in zip(trials, score(model.model, rows), strict=True):
        nats = -math.fsum(answer.logprobs[:-1])
        if not math.isfinite(nats):
            raise MindError(
                f"question {trial.question_id}: {folder} gives the reference {nats} nats",
                hint="its weights are damaged or it diverged: use an earlier checkpoint",
            )
        assert trial.reference is not None
        found.append(nats / math.log(2.0) / max(1, len(trial.reference.encode())))
    return found
