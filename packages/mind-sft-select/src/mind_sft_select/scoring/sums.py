"""Sums over the answers of a conversation, from which every choice of unit can be derived."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

DIGITS = 6


@dataclass(frozen=True)
class AnswerSums:
    """Nats and tokens of answers without their end tokens, nats and number of these, and bytes."""

    nats: float = 0.0
    tokens: int = 0
    end_nats: float = 0.0
    ends: int = 0
    bytes: int = 0

    def __add__(self, other: AnswerSums) -> AnswerSums:
        return AnswerSums(
            self.nats + other.nats,
            self.tokens + other.tokens,
            self.end_nats + other.end_nats,
            self.ends + other.ends,
            self.bytes + other.bytes,
        )

    def entropy(self, end: bool = True) -> float | None:
        """Return nats per token, with or without end tokens; None over no token."""
        nats = self.nats + (self.end_nats if end else 0.0)
        tokens = self.tokens + (self.ends if end else 0)
        return nats / tokens if tokens else None

    def bits_per_byte(self, end: bool = False) -> float | None:
        """Return bits per UTF-8 byte of the answers; None over no byte."""
        nats = self.nats + (self.end_nats if end else 0.0)
        return nats / math.log(2) / self.bytes if self.bytes else None

    def is_finite(self) -> bool:
        """Tell whether both sums are numbers."""
        return math.isfinite(self.nats) and math.isfinite(self.end_nats)


@dataclass(frozen=True)
class ChatSums:
    """What one forward pass says about a conversation.

    `turns` are its answers in order; `inside` is what lies within the first context of a
    conversation that was read in windows; `cut` counts answer tokens that were not scored. `alone`
    is the answers without their questions, `plain` the conversation without marks, `everything` all
    tokens, questions too; each is there only if it was asked for.
    """

    turns: tuple[AnswerSums, ...]
    prompt_tokens: int
    cut: int = 0
    inside: AnswerSums | None = None
    alone: AnswerSums | None = None
    plain: AnswerSums | None = None
    everything: AnswerSums | None = None

    @property
    def total(self) -> AnswerSums:
        """Return the sums over all answers."""
        return sum(self.turns, AnswerSums())

    def is_finite(self) -> bool:
        """Tell whether all sums are numbers."""
        parts = (*self.turns, self.inside, self.alone, self.plain, self.everything)
        return all(part is None or part.is_finite() for part in parts)

    def scope(self, scope: str) -> AnswerSums:
        """Return the sums that a scope counts: `answer`, `last` or `all`."""
        if scope == "last":
            # The answers before it are context then.
            return self.turns[-1]
        if scope == "all":
            if self.everything is None:
                raise ValueError("the scope 'all' was not scored: score again with --scope all")
            return self.everything
        return self.total

    def entropy(self, scope: str = "answer", end: bool = True) -> float | None:
        """Return nats per token over a scope; `turn` is the mean of the answers' entropies."""
        if scope != "turn":
            return self.scope(scope).entropy(end)
        found = [value for turn in self.turns if (value := turn.entropy(end)) is not None]
        return math.fsum(found) / len(found) if found else None

    def ifd(self) -> float | None:
        """Return the instruction-following difficulty of the answers (Li et al. 2023): their mean
        loss after the question over that without it; above 1 the question misleads.
        """
        if self.alone is None:
            return None
        with_question, without = self.total.entropy(), self.alone.entropy()
        return with_question / without if with_question is not None and without else None

    def as_dict(self) -> dict[str, Any]:
        """Return the sums as JSON, rounded to a millionth of a nat; empty parts are left out."""
        values: dict[str, Any] = {
            "turns": [_row(turn) for turn in self.turns],
            "prompt_tokens": self.prompt_tokens,
        }
        if self.cut:
            values["cut"] = self.cut
        for name in ("inside", "alone", "plain", "everything"):
            part: AnswerSums | None = getattr(self, name)
            # Left out rather than null: a part that was not asked for is not one without a value.
            if part is not None:
                values[name] = _row(part)
        return values


FIELDS = ("nats", "tokens", "end_nats", "ends", "bytes")


def _row(sums: AnswerSums) -> list[float | int]:
    values = asdict(sums)
    return [round(values[f], DIGITS) if f.endswith("nats") else values[f] for f in FIELDS]


def sums_of(values: Mapping[str, Any]) -> ChatSums:
    """Read what `ChatSums.as_dict` wrote."""
    parts = {
        name: AnswerSums(*values[name])
        for name in ("inside", "alone", "plain", "everything")
        if name in values
    }
    return ChatSums(
        tuple(AnswerSums(*row) for row in values["turns"]),
        int(values["prompt_tokens"]),
        int(values.get("cut", 0)),
        **parts,
    )


def check_row(row: Mapping[str, Any]) -> None:
    """Raise what Python raises (`ValueError`, `LookupError` …) for a row that no scoring made."""
    _check_count(row["answer_bytes"])
    if (reason := row.get("reason")) is not None:
        if not isinstance(reason, str):
            raise TypeError("reason is no text")
        return
    for name in ("language", "question_language"):
        if not isinstance(row[name], str):
            raise TypeError(f"{name} is no text")
    sums = sums_of(row)
    named = (sums.inside, sums.alone, sums.plain, sums.everything)
    for part in (*sums.turns, *(one for one in named if one is not None)):
        for count in (part.tokens, part.ends, part.bytes):
            _check_count(count)
        if part.nats < 0 or part.end_nats < 0 or not part.is_finite():
            raise ValueError("nats are no sum of losses")
    _check_count(sums.prompt_tokens)
    _check_count(sums.cut)
    entropy = sums.total.entropy()
    if entropy is None or not math.isfinite(entropy):
        raise ValueError("its answers have no token, or more nats than a number holds")


def _check_count(value: object) -> None:
    if type(value) is not int or not 0 <= value < 1 << 53:
        raise ValueError(f"{value!r:.40} is no count")


@dataclass(frozen=True)
class Choice:
    """One way to turn sums into a score; the paper leaves all four open."""

    unit: str = "nats"
    template: str = "chat"
    end: bool = True
    long: str = "as scored"

    @property
    def name(self) -> str:
        """Name the choice for a table."""
        return " · ".join(
            (
                {"nats": "nats/token", "bits": "bits/byte"}[self.unit],
                "chat template" if self.template == "chat" else "no template",
                "with end" if self.end else "without end",
                self.long,
            )
        )

    def score(self, sums: ChatSums) -> float | None:
        """Return the score of a conversation under the choice; None where it has none."""
        part: AnswerSums | None = sums.total
        if self.template == "plain":
            part = sums.plain
        # A conversation that was cut or read in windows is one that `drop` would not have scored.
        elif self.long == "drop" and (sums.cut or sums.inside is not None):
            return None
        elif self.long == "cut" and sums.inside is not None:
            part = sums.inside
        if part is None:
            return None
        return part.entropy(self.end) if self.unit == "nats" else part.bits_per_byte(self.end)


def choices(scored: Sequence[ChatSums]) -> list[Choice]:
    """List the choices that differ for these records: every unit and end; the template and the
    truncation where records hold what they need.
    """
    # These need nothing that every scoring does not give.
    made = [Choice(unit, "chat", end) for unit in ("nats", "bits") for end in (True, False)]
    if any(sums.plain is not None for sums in scored):
        made += [Choice(unit, "plain", True) for unit in ("nats", "bits")]
    if any(sums.inside is not None or sums.cut for sums in scored):
        made.append(Choice("nats", "chat", True, "drop"))
    if any(sums.inside is not None for sums in scored):
        made.append(Choice("nats", "chat", True, "cut"))
    return made
