"""The shards of an experiment: the same held-out documents for all cells, sources made equal.

Made once from the shards of a plan, under a name that is the hash of all that decides them. Of
training text each source gives as many tokens as the plan says, chosen by document; held-out
documents whose text stands in training too are removed. Nothing is read twice into memory.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from mind_core.errors import MindError
from mind_core.files import MANIFEST, read_json, write_json
from mind_tok import load_tokenizer
from mind_tok.shards import ShardSet, ShardWriter
from mind_train.data import DocumentIndex
from mind_train.experiments.plan_file import digest
from mind_train.permutation import splitmix
from mind_train.shards import Shards

NOTES = "prepared.json"
WINDOW = 16
"""Tokens of a window by which near-duplicates are found."""
MAX_SHARED = 0.5
"""A held-out document is removed where a larger share of its windows stands in training."""
MULTIPLIER = 0x9E3779B97F4A7C15
VERSION = 1

U64 = npt.NDArray[np.uint64]
I64 = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Preparation:
    """What is made of the shards: which sources, how many tokens of each, in how many lengths.

    `tokens` {} takes all of every source. `bins` above 0 puts training documents into as many
    sources "length.0" … by their length, each with about as many tokens. `renamed` gives sources
    other names (with a swap, an effect is planted).
    """

    shards: str
    held_out_bytes: int
    tokens: dict[str, int] = field(default_factory=dict)
    bins: int = 0
    renamed: dict[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Return the folder's name: the hash of all that decides what is in it."""
        return digest([VERSION, WINDOW, MAX_SHARED, asdict(self)])[:16]


def prepare(preparation: Preparation, folders: list[Path], store: Path) -> Path:
    """Return the folder of prepared shards, made if it is not there yet."""
    target = store / "data" / preparation.name
    if (target / MANIFEST).exists():
        return target
    opened = Shards.open(folders, "text")
    # Its name is of other shards, so what is made now would lie under a wrong one.
    if opened.fingerprint != preparation.shards:
        raise MindError(
            "the shards were changed while the plan was running", hint="give the plan another name"
        )
    target.parent.mkdir(parents=True, exist_ok=True)
    train, held_out = opened.train(), opened.validation()
    if held_out is None:
        raise MindError(
            f"{folders[0]} has no held-out documents", hint="mind-tok encode --validation 0.05"
        )
    notes: dict[str, Any] = {"preparation": asdict(preparation)}
    tokenizer = load_tokenizer(opened.folder / "tokenizer")
    with ShardWriter(target, tokenizer, settings={"preparation": preparation.name}) as writer:
        notes["held_out"] = _write_held_out(writer, preparation, train, held_out)
        notes["training"] = _write_training(writer, preparation, train)
        write_json(writer.folder / NOTES, notes)
    return target


def notes_of(folder: Path) -> dict[str, Any]:
    """Return what was counted when the shards were made."""
    found: dict[str, Any] = read_json(folder / NOTES)
    return found


def plain_language(language: str) -> str:
    """Return the language without script and region: "zh" of "zh-Hans"."""
    return language.split("-")[0]


def chosen_documents(documents: DocumentIndex, names: list[str], tokens: dict[str, int]) -> I64:
    """Return the numbers of the training documents that are taken, in the order of the shards.

    Documents of a source are taken in the order of a hash of their number until its tokens are
    reached; a smaller number of tokens takes a part of what a larger one takes.
    """
    if not tokens:
        return np.arange(len(documents), dtype=np.int64)
    taken: list[int] = []
    # In the order of names, not of the plan: the same tokens are the same documents.
    for source, wanted in sorted(tokens.items()):
        groups = [i for i, name in enumerate(names) if name == source]
        numbers = np.flatnonzero(np.isin(documents.groups, groups))
        left = wanted
        for number in sorted(map(int, numbers), key=splitmix):
            if left <= 0:
                break
            taken.append(number)
            left -= int(documents.lengths[number])
        if left > 0:
            raise MindError(
                f"{source} has {wanted - left:,} training tokens, the plan takes {wanted:,}",
                hint="fewer tokens, more text, or name it under leave_out with the reason",
            )
    # Shards are read forwards; the order of a hash would jump about in the mapped files.
    return np.sort(np.array(taken, dtype=np.int64))


def _write_training(
    writer: ShardWriter, preparation: Preparation, train: ShardSet
) -> dict[str, dict[str, int]]:
    documents = DocumentIndex(train)
    names = [group.source for group in train.groups]
    chosen = chosen_documents(documents, names, preparation.tokens)
    bins = _bins(documents.lengths[chosen], preparation.bins)
    counts: dict[str, dict[str, int]] = {}
    for number, place in zip(chosen, bins, strict=True):
        group = train.groups[int(documents.groups[number])]
        source, language = group.source, plain_language(group.language)
        source = preparation.renamed.get(source, source)
        if preparation.bins:
            source, language = f"length.{place}", "mixed"
        ids = documents.read(int(number))[0]
        writer.add(ids, size=int(documents.sizes[number]), source=source, language=language)
        count = counts.setdefault(f"{source}/{language}", {"documents": 0, "tokens": 0})
        count["documents"] += 1
        count["tokens"] += len(ids)
    return counts


def _bins(lengths: I64, bins: int) -> I64:
    """Return a bin for each document, by its length; bins have about as many tokens."""
    if not bins:
        return np.zeros(len(lengths), dtype=np.int64)
    order = np.argsort(lengths, kind="stable")
    before = np.concatenate([[0], np.cumsum(lengths[order])[:-1]])
    found = np.empty(len(lengths), dtype=np.int64)
    # By the tokens before it: the longest documents stand alone in the last bins.
    found[order] = before * bins // int(lengths.sum())
    return found


def _write_held_out(
    writer: ShardWriter, preparation: Preparation, train: ShardSet, held_out: ShardSet
) -> dict[str, dict[str, int]]:
    """Write the held-out documents of every source and language up to the bytes of the plan."""
    documents = DocumentIndex(held_out)
    candidates = _candidates(preparation, held_out, documents)
    doubled = _doubled(train, documents, candidates)
    counts: dict[str, dict[str, int]] = {}
    for place, number in enumerate(candidates):
        group = held_out.groups[int(documents.groups[number])]
        source, language = group.source, plain_language(group.language)
        count = counts.setdefault(
            f"{source}/{language}", {"documents": 0, "tokens": 0, "bytes": 0, "doubled": 0}
        )
        if doubled[place]:
            count["doubled"] += 1
            continue
        size = int(documents.sizes[number])
        # After the doubles are counted: those count whether or not there is room left.
        if count["bytes"] >= preparation.held_out_bytes:
            continue
        ids = documents.read(number)[0]
        writer.add(ids, size=size, split="validation", source=source, language=language)
        count["documents"] += 1
        count["tokens"] += len(ids)
        count["bytes"] += size
    return counts


def _candidates(
    preparation: Preparation, held_out: ShardSet, documents: DocumentIndex
) -> list[int]:
    """Return the held-out documents that may be taken, in the order of a hash of their number.

    Of each source and language twice the bytes of the plan: near-duplicates are taken from them.
    """
    found: list[int] = []
    read: dict[tuple[str, str], int] = {}
    # By a hash: the first documents of a file are often of one kind.
    for number in sorted(range(len(documents)), key=splitmix):
        group = held_out.groups[int(documents.groups[number])]
        key = (group.source, plain_language(group.language))
        if preparation.tokens and group.source not in preparation.tokens:
            continue
        if read.get(key, 0) < 2 * preparation.held_out_bytes:
            read[key] = read.get(key, 0) + int(documents.sizes[number])
            found.append(number)
    return found


def _doubled(
    train: ShardSet, documents: DocumentIndex, numbers: list[int]
) -> npt.NDArray[np.bool_]:
    """Say of each of some documents whether training has more than half of its windows."""
    hashes = [window_hashes(documents.read(number)[0]) for number in numbers]
    # The windows of held-out text are few; all training text goes past them once.
    known = np.unique(np.concatenate(hashes)) if hashes else np.empty(0, np.uint64)
    seen = np.zeros(len(known), dtype=np.bool_)
    for shard in train.shards:
        for begin in range(0, len(shard.ids), 1 << 20):
            # WINDOW - 1 tokens more: a window may begin in one part and end in the next.
            part = np.asarray(shard.ids[begin : begin + (1 << 20) + WINDOW - 1])
            found = np.isin(known, window_hashes(part))
            seen |= found
    return np.array(
        [len(one) > 0 and seen[np.searchsorted(known, one)].mean() > MAX_SHARED for one in hashes],
        dtype=np.bool_,
    )


def window_hashes(ids: npt.ArrayLike) -> U64:
    """Return a 64-bit hash of each window of WINDOW tokens, uint64 (n − WINDOW + 1,)."""
    # One more, as a token 0 would leave no trace in front.
    values = np.asarray(ids).astype(np.uint64) + np.uint64(1)
    count = len(values) - WINDOW + 1
    if count < 1:
        return np.empty(0, dtype=np.uint64)
    found = np.zeros(count, dtype=np.uint64)
    for place in range(WINDOW):
        # uint64 wraps around in arrays: a polynomial in MULTIPLIER, modulo 2^64.
        found = found * np.uint64(MULTIPLIER) + values[place : place + count]
        found ^= found >> np.uint64(29)
    return found
