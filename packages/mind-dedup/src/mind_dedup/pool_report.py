"""The report of a pool of records: what each set holds, repeats, and shares with benchmarks."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import orjson

from mind_core.files import atomic_file
from mind_core.render.terminal import align_columns
from mind_dedup.pool_facts import HeldItem, PoolRecord

_EXAMPLES = 3
_QUANTILES = {"median": 50, "p95": 95}


@dataclass
class PoolSet:
    """Hold the counts of one set."""

    records: int = 0
    inside: int = 0
    """Records that go for one of the same set."""

    between: Counter[str] = field(default_factory=Counter)
    """Records that go for one of another set, or of an index."""

    layouts: Counter[str] = field(default_factory=Counter)
    languages: Counter[str] = field(default_factory=Counter)
    turns: Counter[int] = field(default_factory=Counter)
    not_read: Counter[str] = field(default_factory=Counter)
    held: Counter[str] = field(default_factory=Counter)
    questions: array[int] = field(default_factory=lambda: array("Q"))
    answers: array[int] = field(default_factory=lambda: array("Q"))

    def add(self, record: PoolRecord) -> None:
        """Count a record of the pool: its lengths, language and turns."""
        self.records += 1
        self.layouts[record.layout] += 1
        self.languages[record.language] += 1
        self.turns[record.turns] += 1
        self.questions.append(record.question)
        self.answers.append(record.answer)
        if record.not_read:
            self.not_read[record.not_read] += 1
        if record.held is not None:
            self.held[record.held.file] += 1

    def as_dict(self) -> dict[str, Any]:
        """Return the counts; lengths are in characters."""
        return {
            "records": self.records,
            "layouts": dict(sorted(self.layouts.items())),
            "languages": dict(sorted(self.languages.items())),
            "turns": {str(turns): count for turns, count in sorted(self.turns.items())},
            "question_characters": _lengths(self.questions),
            "answer_characters": _lengths(self.answers),
            "not_read": dict(sorted(self.not_read.items())),
            "duplicates": {"inside": self.inside, "of": dict(sorted(self.between.items()))},
            "benchmarks": dict(sorted(self.held.items())),
        }


class PoolReport:
    """Collect what a run learns of a pool, and write it."""

    def __init__(self, path: Path, first: int = 0) -> None:
        """`first` is the number of the first record that this run keeps."""
        self.path, self.first = path, first
        self.sets: dict[str, PoolSet] = {}
        self.examples: dict[str, list[dict[str, Any]]] = {}
        self._names: list[str] = []
        self._numbers: dict[str, int] = {}
        self._kept = array("I")
        self.rows = array("I")
        """The set of each record, in the order in which they came."""

    def add(self, records: Sequence[PoolRecord], ids: Sequence[bytes]) -> None:
        """Count the records of a batch."""
        for record, identity in zip(records, ids, strict=True):
            self.sets.setdefault(record.set, PoolSet()).add(record)
            self.rows.append(self._number(record.set))
            if record.held is not None:
                self._note(record, record.held, identity)

    def kept(self, row: int) -> None:
        """Note that a record stays and has the next number."""
        self._kept.append(self.rows[row])

    def gone(self, row: int, number: int, index: str | None) -> None:
        """Note that a record goes for a kept one, or one of an index."""
        own = self._names[self.rows[row]]
        # Records of indexes have the lower numbers, and no set of this run.
        other = index if index is not None else self._names[self._kept[number - self.first]]
        if index is None and own == other:
            self.sets[own].inside += 1
        else:
            self.sets[own].between[other] += 1

    def as_dict(self) -> dict[str, Any]:
        """Return the report on the pool of records as JSON values."""
        sets = self.sets.values()
        return {
            "records": sum(one.records for one in sets),
            "duplicates": {
                "inside": sum(one.inside for one in sets),
                "between": sum(one.between.total() for one in sets),
            },
            "benchmarks": {
                file: {"records": sum(one.held[file] for one in sets), "examples": examples}
                for file, examples in sorted(self.examples.items())
            },
            "sets": {name: one.as_dict() for name, one in sorted(self.sets.items())},
        }

    def write(self) -> None:
        """Write JSON if the file's name says so, else tables."""
        report = self.as_dict()
        if self.path.suffix == ".json":
            data = orjson.dumps(report, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
        else:
            data = format_report(report).encode()
        with atomic_file(self.path) as file:
            file.write(data)

    def _number(self, name: str) -> int:
        number = self._numbers.setdefault(name, len(self._names))
        if number == len(self._names):
            self._names.append(name)
        return number

    def _note(self, record: PoolRecord, held: HeldItem, identity: bytes) -> None:
        examples = self.examples.setdefault(held.file, [])
        if len(examples) < _EXAMPLES:
            examples.append(
                {
                    "id": orjson.loads(identity),
                    "set": record.set,
                    "share": held.share,
                    "ngram": held.ngram,
                }
            )


def format_report(report: dict[str, Any]) -> str:
    """Return the report as tables: the sets, the pairs that share records, the benchmarks."""
    head = ["set", "records", "languages", "turns", "question", "answer", "inside", "of others"]
    rows = [head, *(_row(name, one) for name, one in report["sets"].items())]
    lines = align_columns(rows, [False, True, False, True, True, True, True, True])
    lines += ["", "Lengths are medians in characters; duplicates go for the copy that comes first."]
    pairs = [
        [name, other, f"{count:,}"]
        for name, one in report["sets"].items()
        for other, count in one["duplicates"]["of"].items()
    ]
    if pairs:
        lines += ["", *align_columns([["records of", "that are in", "count"], *pairs], 1)]
    held = [
        [file, name, f"{one['benchmarks'][file]:,}"]
        for file in report["benchmarks"]
        for name, one in report["sets"].items()
        if file in one["benchmarks"]
    ]
    if held:
        lines += ["", *align_columns([["items of", "held by records of", "count"], *held], 1)]
    lost = [
        [name, reason, f"{count:,}"]
        for name, one in report["sets"].items()
        for reason, count in one["not_read"].items()
    ]
    if lost:
        lines += ["", *align_columns([["not read without loss", "why", "count"], *lost], 1)]
    return "\n".join(lines) + "\n"


def _row(name: str, one: dict[str, Any]) -> list[str]:
    languages = sorted(one["languages"].items(), key=lambda item: (-item[1], item[0]))
    turns = sum(int(number) * count for number, count in one["turns"].items())
    return [
        name,
        f"{one['records']:,}",
        " ".join(f"{language} {count / one['records']:.0%}" for language, count in languages),
        f"{turns / one['records']:.1f}",
        f"{one['question_characters']['median']:,}",
        f"{one['answer_characters']['median']:,}",
        f"{one['duplicates']['inside']:,}",
        f"{sum(one['duplicates']['of'].values()):,}",
    ]


def _lengths(values: array[int]) -> dict[str, Any]:
    column = np.frombuffer(values, np.uint64)
    return {
        "min": int(column.min()),
        **{name: int(np.percentile(column, at, method="lower")) for name, at in _QUANTILES.items()},
        "max": int(column.max()),
        "mean": round(float(column.mean()), 1),
    }
