"""Verdicts in every form that judges and leaderboards write, as rankings with ties."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from mind_core import Reason, Record
from mind_core.errors import BadRecord
from mind_core.records import encode

TIES = {"tie", "tie (bothbad)", "both", "draw", "0.5"}
QUESTIONS = ("question_id", "question", "id", "instruction_id")


@dataclass(frozen=True)
class Ballot:
    """One verdict on the replies to one question: groups of models, the best first.

    Models of one group are tied. `seats` is the order in which the judge saw them, if it is known,
    and `lengths` the number of characters of each reply.
    """

    question: str
    groups: tuple[tuple[str, ...], ...]
    seats: tuple[str, ...] = ()
    judge: str = ""
    lengths: Mapping[str, float] = field(default_factory=dict, hash=False)

    def pairs(self) -> Iterator[tuple[str, str, float]]:
        """Yield (one, other, score of one) of each pair: 1 won, 0.5 tied; winners come first."""
        for place, group in enumerate(self.groups):
            for n, one in enumerate(group):
                for other in group[n + 1 :]:
                    yield one, other, 0.5
                for later in self.groups[place + 1 :]:
                    for other in later:
                        yield one, other, 1.0

    def score_in(self, one: str, other: str) -> float | None:
        """Return what one model scored against another; None if they were not compared."""
        places = {name: n for n, group in enumerate(self.groups) for name in group}
        if one not in places or other not in places:
            return None
        gap = places[other] - places[one]
        return 0.5 if gap == 0 else float(gap > 0)


def read_ballot(record: Record, position: str) -> Ballot | Reason:
    """Read a verdict; a reason for one that says nothing, `BadRecord` for one that is none.

    Read are `ranking` (names, the best first; a list in the list is a tie), `ranks` (1 is best),
    `scores` (more is better), FastChat's `model_a`, `model_b`, `winner`, and AlpacaEval's
    `preference` (1 and 2 are models, 1.5 and 0 ties).
    """
    if record.get("failed"):
        return Reason(str(record["failed"]))
    question = next((record[name] for name in QUESTIONS if record.get(name) is not None), None)
    if question is None:
        raise _bad(record, position, "missing_field", f"no {', '.join(QUESTIONS[:2])} in it")
    if "model_a" in record and "model_b" in record:
        groups = _pair(record, position)
        seats: Sequence[str] = (str(record["model_a"]), str(record["model_b"]))
    else:
        groups = _ranked(record, position)
        seats = [str(name) for name in record.get("seats") or ()]
    if isinstance(groups, Reason):
        return groups
    names = [name for group in groups for name in group]
    # A model in two places of one ranking: which of them is meant cannot be known.
    if len(set(names)) < len(names):
        return Reason("double_model", ", ".join(sorted({n for n in names if names.count(n) > 1})))
    if len(names) < 2:
        return Reason("one_model", names[0] if names else None)
    # A judge that left a reply out, or named one that was not there.
    if seats and set(seats) != set(names):
        return Reason("incomplete", ", ".join(sorted(set(seats) ^ set(names))))
    lengths = record.get("lengths")
    return Ballot(
        str(question),
        groups,
        tuple(seats),
        str(record.get("judge", "")),
        lengths if isinstance(lengths, dict) else {},
    )


def _pair(record: Record, position: str) -> tuple[tuple[str, ...], ...] | Reason:
    one, other = str(record["model_a"]), str(record["model_b"])
    # "model_a", a model's own name, a word for a tie, or a number between 1 and 2.
    verdict: Any = record.get("winner", record.get("preference"))
    if verdict is None or verdict == "":
        return Reason("no_verdict")
    if verdict in ("model_a", one):
        return (one,), (other,)
    if verdict in ("model_b", other):
        return (other,), (one,)
    if isinstance(verdict, str) and verdict.lower() in TIES:
        return ((one, other),)
    try:
        number = float(verdict)
    except (TypeError, ValueError):
        number = math.nan
    # NaN as a table writes an empty cell; any other text that is no number is an error.
    if math.isnan(number) and isinstance(verdict, float):
        return Reason("no_verdict")
    if number in (0.0, 1.5):
        return ((one, other),)
    if not 1.0 <= number <= 2.0:
        raise _bad(record, position, "wrong_type", f"{verdict!r} is no verdict on a pair")
    # AlpacaEval's weighted verdicts lie between: 1.2 is a preference for the first.
    return ((one,), (other,)) if number < 1.5 else ((other,), (one,))


def _ranked(record: Record, position: str) -> tuple[tuple[str, ...], ...]:
    if isinstance(ranking := record.get("ranking"), list):
        groups = [group if isinstance(group, list) else [group] for group in ranking]
        if all(isinstance(name, str) for group in groups for name in group):
            return tuple(tuple(sorted(group)) for group in groups if group)
        raise _bad(record, position, "wrong_type", "'ranking' is a list of names, or lists of them")
    for field_name, sign in (("ranks", 1.0), ("scores", -1.0)):
        if not isinstance(values := record.get(field_name), dict):
            continue
        places: dict[float, list[str]] = {}
        for name, value in values.items():
            finite = isinstance(value, (int, float)) and math.isfinite(value)
            if not finite or isinstance(value, bool):
                raise _bad(record, position, "not_finite", f"{field_name}.{name} is {value!r}")
            # Equal values are ties. Scores are negated, as the smallest place is the best.
            places.setdefault(sign * value, []).append(str(name))
        return tuple(tuple(sorted(places[place])) for place in sorted(places))
    raise _bad(
        record, position, "missing_field", "no ranking, ranks, scores, or model_a and model_b in it"
    )


def _bad(record: Record, position: str, reason: str, cause: str) -> BadRecord:
    return BadRecord(reason, position, encode(record), cause=cause)
