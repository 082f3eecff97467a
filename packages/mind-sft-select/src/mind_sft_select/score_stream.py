"""Score a stream: every record goes on with its sums, and the sums lie in a folder by shards."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from mind_core import Reason, Record
from mind_core.errors import BadRecord
from mind_core.records import annotate, annotation, encode
from mind_core.runner import BatchResult
from mind_sft_select.bands import quantile
from mind_sft_select.instructions import NOTES, Instruction
from mind_sft_select.scorers.conversations import answers_of, languages_of, questions_of
from mind_sft_select.scoring.answer_model import TOO_LONG, AnswerModel
from mind_sft_select.scoring.scores_folder import ScoresFolder, key_of
from mind_sft_select.scoring.sums import DIGITS, ChatSums, sums_of

TOOL = "mind-sft-select"
STEP = "score"
MAX_TOO_LONG = 0.1
SHARES = (0.05, 0.25, 0.5, 0.75, 0.95)
MISALIGNED = 1.0
"""An IFD above which the question makes the answer less likely (Li et al. 2023)."""


@dataclass
class ScoreStep:
    """Finish batches in order: score those that no shard has, write the shard, annotate."""

    model: AnswerModel
    folder: ScoresFolder | None
    number: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    lengths: dict[str, list[int]] = field(default_factory=lambda: {"scored": [], TOO_LONG: []})
    entropies: dict[str, list[float]] = field(default_factory=dict)

    def __call__(self, outcome: BatchResult) -> BatchResult:
        """Score a batch."""
        given: list[Instruction] = outcome.payload
        keys = [key_of(one.record["messages"]) for one in given]
        # Batches come in the order of the input, so their number names the shard.
        rows = self.folder.read(self.number, keys) if self.folder is not None else None
        if rows is None:
            rows = self._score(given, keys)
            if self.folder is not None:
                self.folder.write(self.number, rows)
        self.number += 1
        for one, row in zip(given, rows, strict=True):
            self._pass_on(outcome, one, row)
        outcome.payload = None
        return outcome

    def _score(self, given: Sequence[Instruction], keys: Sequence[str]) -> list[Record]:
        sound = [one for one in given if one.reason is None]
        # Only sound records go to the model; `next` below is called for these alone.
        found = iter(self.model([one.record["messages"] for one in sound]))
        answers = [answers_of(one.record["messages"]) for one in given]
        languages = languages_of([one.record for one in given])
        asked = languages_of(
            [{"messages": [{"role": "assistant", "content": questions_of(one.record["messages"])}]}
             for one in given]
        )  # fmt: skip
        rows = []
        for one, key, answer, language, question in zip(
            given, keys, answers, languages, asked, strict=True
        ):
            row: Record = {
                "key": key,
                "id": one.record.get("id"),
                "language": language,
                "question_language": question,
                "answer_bytes": len(answer.encode()),
            }
            sums = next(found) if one.reason is None else None
            if one.reason is not None:
                row["reason"] = str(one.reason)
            elif sums is None:
                row["reason"] = TOO_LONG
            # Noted in the shard rather than raised, so that a run with `--skip-bad` can go on.
            elif not sums.is_finite():
                row["reason"] = "not_finite"
            else:
                # Rounded here, before anything is derived: a row that is read again gives the same
                # numbers.
                row |= sums.as_dict()
            rows.append(row)
        return rows

    def _pass_on(self, outcome: BatchResult, given: Instruction, row: Record) -> None:
        reason = row.get("reason")
        if reason == "not_finite":
            cause = f"the answers of record {given.record.get('id')!r}"
            error = BadRecord("not_finite", given.position, cause=f"{cause} under "
                              f"{self.model.model.named}")  # fmt: skip
            outcome.bad.append((error, encode(given.record)))
            return
        if reason is not None:
            if reason == TOO_LONG:
                self.lengths[TOO_LONG].append(row["answer_bytes"])
            outcome.reject(given.record, TOOL, STEP, given.reason or Reason(reason))
            return
        self.lengths["scored"].append(row["answer_bytes"])
        sums = sums_of(row)
        notes = derived(sums)
        self.entropies.setdefault(row["language"], []).append(notes["entropy"])
        self.counts["cut"] += sums.cut > 0
        self.counts["windows"] += sums.inside is not None
        self.counts["misaligned"] += bool(notes.get("misaligned"))
        # What the record says itself, or serves only the shard, is not noted on it again.
        kept = {k: v for k, v in row.items() if k not in ("key", "id", "answer_bytes")}
        languages = {k: kept.pop(k) for k in ("language", "question_language")}
        annotate(given.record, NOTES, **notes, **languages, sums=kept,
                 model=self.model.model.fingerprint[:12])  # fmt: skip
        outcome.keep(encode(given.record))

    def details(self) -> dict[str, Any]:
        """Describe the run for its summary and the folder's manifest."""
        return {
            **self.counts,
            "reused": self.folder.reused if self.folder is not None else 0,
            "languages": {
                language: {
                    "records": len(values),
                    "entropy_mean": round(math.fsum(values) / len(values), DIGITS),
                    "entropy_quantiles": {
                        f"{s:g}": round(quantile(sorted(values), s), DIGITS) for s in SHARES
                    },
                }
                for language, values in sorted(self.entropies.items())
            },
        }

    def warning(self) -> str | None:
        """Return a warning where much was too long, with the lengths of what went."""
        dropped, scored = sorted(self.lengths[TOO_LONG]), sorted(self.lengths["scored"])
        total = len(dropped) + len(scored)
        if len(dropped) <= MAX_TOO_LONG * total:
            return None
        said = (
            f"{len(dropped):,} of {total:,} ({len(dropped) / total:.0%}) are {TOO_LONG} for the "
            f"context of {self.model.model.context} tokens: answers of {_quantiles(dropped)} bytes"
        )
        rest = f", the scored ones {_quantiles(scored)}" if scored else ""
        return f"{said}{rest}; --long window scores every token, --long cut what fits"


def _quantiles(ordered: Sequence[int]) -> str:
    return "/".join(f"{quantile(ordered, share):.0f}" for share in SHARES)


def derived(sums: ChatSums) -> dict[str, Any]:
    """Return the numbers that people look at, derived from the sums."""
    total = sums.total
    notes: dict[str, Any] = {
        "entropy": round(total.entropy() or 0.0, DIGITS),
        "bits_per_byte": None if (b := total.bits_per_byte()) is None else round(b, DIGITS),
        "tokens": total.tokens + total.ends,
    }
    if (ifd := sums.ifd()) is not None:
        notes["ifd"] = round(ifd, DIGITS)
        if ifd > MISALIGNED:
            notes["misaligned"] = True
    return notes


def scored_sums(record: Record) -> ChatSums | None:
    """Return the sums that `score` noted on a record, or None."""
    values = annotation(record, NOTES).get("sums")
    return sums_of(values) if isinstance(values, dict) else None
