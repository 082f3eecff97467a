"""The records of a loop: read, drawn by seed, scored under the base model, held in memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mind_core import Record
from mind_core.chats import read_chat_batches
from mind_core.stream import read_records
from mind_sft_select.instructions import InstructionParser
from mind_sft_select.loop.plan_file import LoopPlan
from mind_sft_select.pool import Pool, hash_of
from mind_sft_select.scorers.conversations import questions_of


@dataclass
class LoopData:
    """Scored records and their pool, and the evaluation items with their weights.

    `weights` [I] make a plain mean over items the macro-average over strata of entropy in each
    language; `halves` [I] tells the items that the fit may see.
    """

    records: list[Record]
    pool: Pool
    items: list[Record]
    item_languages: list[str]
    weights: np.ndarray
    halves: np.ndarray


def draw_instructions(paths: Sequence[str], limit: int, seed: int) -> list[Record]:
    """Read instructions that can be trained on; of each file `limit`, drawn by seed and content."""
    chosen: list[Record] = []
    for path in paths:
        found: list[tuple[int, int, Record]] = []
        for batch in read_chat_batches([path]):
            for given in InstructionParser()(batch).payload:
                if given.reason is None:
                    record = given.record
                    record.setdefault("source", Path(path).name)
                    # By hash of what is said: another order of the file draws the same records. The
                    # place settles equal ones, as records cannot be compared.
                    found.append((hash_of(f"{seed} {record['messages']}"), len(found), record))
        chosen += [r for _, _, r in sorted(found, key=lambda row: row[:2])[:limit]]
    return chosen


def load_data(plan: LoopPlan, scored: Path, items: Path) -> LoopData:
    """Read what was scored; give evaluation items weights and halves."""
    pool = Pool(plan.seed, keep_questions=True)
    records = list(read_records([scored]))
    for record in records:
        pool.add(record)
    held = list(read_records([items]))
    entropies = np.array([r["metadata"]["mind"]["sft-select"]["entropy"] for r in held])
    languages = [r["metadata"]["mind"]["sft-select"]["language"] for r in held]
    return LoopData(records, pool, held, languages, macro_weights(entropies, languages),
                    halves(held, plan.seed))  # fmt: skip


STRATA = 5


def macro_weights(entropies: np.ndarray, languages: Sequence[str]) -> np.ndarray:
    """Return weights [I] of mean 1: each language, and each fifth of its range of entropy, counts
    alike. Without them the densest entropies of the items would decide.
    """
    keys = []
    for language in languages:
        inside = entropies[[own == language for own in languages]]
        # Fifths of the range, not of the items: those would hold equally many, and weigh nothing.
        keys.append((language, np.linspace(inside.min(), inside.max(), STRATA + 1)[1:-1]))
    strata = [
        (language, int(np.searchsorted(edges, value, side="right")))
        for (language, edges), value in zip(keys, entropies, strict=True)
    ]
    counts = {key: strata.count(key) for key in set(strata)}
    inside_language = {
        language: len({key for key in counts if key[0] == language}) for language in set(languages)
    }
    # Items of a stratum share its weight, strata that of their language.
    raw = np.array([1.0 / counts[key] / inside_language[key[0]] for key in strata])
    weights: np.ndarray = raw * len(raw) / raw.sum()
    return weights


def halves(items: Sequence[Record], seed: int) -> np.ndarray:
    """Return True [I] for the half of the items that the fit may see, by seed and question."""
    # By question, so that two answers to one are in the same half.
    return np.array([hash_of(f"{seed} {questions_of(r['messages'])}") % 2 == 0 for r in items])
