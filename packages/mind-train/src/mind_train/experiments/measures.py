"""What is measured of a finished cell: each held-out document, few-shot gain, copying, alignment.

All of it is a loss in nats, summed over tokens by this process; what is not finite is an error.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from mind_core.errors import MindError
from mind_train.checkpoint import Checkpoint
from mind_train.data import DocumentIndex, Example, stack
from mind_train.held_out import choose, windows
from mind_train.loss_module import LossModule
from mind_train.shards import Shards

Floats = npt.NDArray[np.float64]

SHOTS = 8
MAX_PROMPTS = 64
"""Rows of one source in the few-shot measures, at most."""
MICRO_BATCH_TOKENS = 2048
CANDIDATES = 20
PARALLEL_LINES = 60


@dataclass(frozen=True)
class DocumentScore:
    """One held-out document: its nats (the text's tokens alone), its UTF-8 bytes.

    `all_nats` and `tokens` count the end of the document too.
    """

    source: str
    document: int
    nats: float
    bytes: int
    all_nats: float
    tokens: int


def document_scores(model: Checkpoint, shards: Shards, sequence: int) -> Iterator[DocumentScore]:
    """Score every held-out document as the trainer lays them out."""
    split = shards.validation()
    if split is None:
        return
    documents = DocumentIndex(split)
    end_id = int(shards.tokenizer["end_id"])
    for number, group in enumerate(shards.manifest["groups"]):
        # More than any set has: every document is taken.
        chosen = choose(documents, number, 1 << 40)
        if not chosen:
            continue
        rows, text = windows(documents, chosen, sequence, end_id)
        nats = token_losses(model, rows)
        counted = [row.mask for row in rows]
        # Losses of counted targets alone, so places and flags are cut in the same way.
        places = np.concatenate(
            [row.documents[1:][mask] for row, mask in zip(rows, counted, strict=True)]
        )
        is_text = np.concatenate([flags[mask] for flags, mask in zip(text, counted, strict=True)])
        sums, whole = np.zeros(len(chosen)), np.zeros(len(chosen))
        counts = np.zeros(len(chosen), dtype=np.int64)
        np.add.at(sums, places[is_text], nats[is_text])
        np.add.at(whole, places, nats)
        np.add.at(counts, places, 1)
        for place, document in enumerate(chosen):
            yield DocumentScore(
                f"{group['source']}/{group['language']}", document, float(sums[place]),
                int(documents.sizes[document]), float(whole[place]), int(counts[place]),
            )  # fmt: skip


@torch.no_grad()
def token_losses(model: Checkpoint, rows: Sequence[Example]) -> Floats:
    """Return the loss of every counted target of rows, in their order, in nats."""
    module, device = LossModule(model.model), model.model.device
    found: list[Floats] = []
    width = max((len(row.ids) for row in rows), default=2) - 1
    # So that long rows take no more memory than short ones.
    batch = max(1, MICRO_BATCH_TOKENS // width)
    for begin in range(0, len(rows), batch):
        part = stack(list(rows[begin : begin + batch]), documents=False,
                     vocab=model.config.vocab)  # fmt: skip
        found.append(module(part.part(0, len(part.ids), device), None).double().cpu().numpy())
    losses = np.concatenate(found) if found else np.empty(0)
    if not np.isfinite(losses).all():
        raise MindError(
            f"a loss of {model.folder} is not finite",
            cause="the numbers overflowed, usually because the learning rate is too high",
            hint="lower optimizer.lr in the plan, under another name",
        )
    return losses


def in_context_gain(model: Checkpoint, shards: Shards, sequence: int) -> dict[str, float]:
    """Return, for each source, the loss of the eighth example minus that of the first.

    A row holds eight pieces of eight documents of one source. Each row is turned eight times, so
    that every piece stands in every place: both means are over the same pieces. Below 0: what went
    before has helped. In nats per token.
    """
    # Eight pieces, each with its end token, and one more token behind them fill a row.
    length = (sequence - SHOTS) // SHOTS
    found = {}
    for name, pieces in _pieces(shards, length):
        groups = [pieces[i : i + SHOTS] for i in range(0, len(pieces) - SHOTS + 1, SHOTS)]
        rows = []
        for group in groups[: max(1, MAX_PROMPTS // SHOTS)]:
            for turn in range(SHOTS):
                rows.append(_row([*group[turn:], *group[:turn]], model, length))
        if not rows:
            continue
        # [rows, places, tokens]: the last token of a place is the next one's end token.
        losses = token_losses(model, rows).reshape(len(rows), SHOTS, -1)
        text = losses[:, :, :length].mean(axis=(0, 2))
        found[name] = float(text[-1] - text[0])
    return found


def copying(model: Checkpoint, shards: Shards, sequence: int) -> dict[str, float]:
    """Return, for each source, the loss of a piece of text at its second reading minus the first.

    In nats per token, over the same tokens but the first.
    """
    length = (sequence - 2) // 2
    found = {}
    for name, pieces in _pieces(shards, length):
        rows = [_row([piece, piece], model, length) for piece in pieces[:MAX_PROMPTS]]
        if not rows:
            continue
        losses = token_losses(model, rows).reshape(len(rows), 2, -1)[:, :, :length]
        # Without the first token, at which nothing says yet that the piece comes again.
        found[name] = float((losses[:, 1, 1:] - losses[:, 0, 1:]).mean())
    return found


def _pieces(shards: Shards, length: int) -> Iterator[tuple[str, list[npt.NDArray[np.int64]]]]:
    """Yield the beginnings of held-out documents that are long enough, by source and language."""
    split = shards.validation()
    if split is None or length < 2:
        return
    documents = DocumentIndex(split)
    for number, group in enumerate(shards.manifest["groups"]):
        chosen = choose(documents, number, 1 << 40)
        # Longer, since the last token of a document is its end and no text.
        long = [d for d in chosen if int(documents.lengths[d]) > length]
        pieces = [documents.read(d)[0][:length] for d in long[:MAX_PROMPTS]]
        yield f"{group['source']}/{group['language']}", pieces


def _row(pieces: Sequence[npt.NDArray[np.int64]], model: Checkpoint, length: int) -> Example:
    """Lay pieces one after another, an end token before each, and one at the end."""
    end = np.array([model.tokenizer.end_id], dtype=np.int64)
    ids = np.concatenate([np.concatenate([end, piece]) for piece in pieces] + [end])
    mask = np.ones(len(ids) - 1, dtype=np.bool_)
    assert len(ids) == len(pieces) * (length + 1) + 1
    return Example(ids, np.zeros_like(ids), mask)


def alignment(model: Checkpoint, pairs: Sequence[tuple[str, str]]) -> dict[str, float]:
    """Return how well translations are told from shuffled ones, each way.

    `pairs` are sentences in English and Chinese. For each, the true translation and 19 others are
    scored after the sentence: the loss of the true one minus the mean of the others, in nats per
    token, and how often the true one has the lowest loss per token (chance is 1 in 20).
    """
    found: dict[str, float] = {}
    if len(pairs) < CANDIDATES:
        raise MindError(
            f"alignment needs {CANDIDATES} pairs of sentences, there are {len(pairs)}",
            hint="give a file with more lines",
        )
    tokens = [tuple(model.tokenizer.encode(text) for text in pair) for pair in pairs]
    for way, (a, b) in {"en-zh": (0, 1), "zh-en": (1, 0)}.items():
        true, others, best = 0.0, 0.0, 0
        for number in range(len(pairs)):
            # The true one first, then those of the following sentences: the same rivals in each
            # run.
            order = [(number + step) % len(pairs) for step in range(CANDIDATES)]
            scores = _continuations(model, tokens[number][a], [tokens[i][b] for i in order])
            true += scores[0]
            others += float(np.mean(scores[1:]))
            best += int(np.argmin(scores) == 0)
        found[f"alignment {way}"] = (true - others) / len(pairs)
        found[f"rank_accuracy {way}"] = best / len(pairs)
    return found


def _continuations(
    model: Checkpoint, prompt: Sequence[int], candidates: Sequence[Sequence[int]]
) -> list[float]:
    """Return the loss per token of each candidate after a prompt and an end token."""
    end, room = model.tokenizer.end_id, model.context
    rows, counts = [], []
    width = 0
    for candidate in candidates:
        # Half of the context at most, so that something of the prompt is left.
        kept = list(candidate)[: room // 2]
        before = [end, *list(prompt)[: room - len(kept) - 2], end]
        rows.append((before, kept))
        counts.append(len(kept))
        width = max(width, len(before) + len(kept))
    examples = []
    for before, kept in rows:
        ids = np.full(width, end, dtype=np.int64)
        ids[: len(before) + len(kept)] = [*before, *kept]
        mask = np.zeros(width - 1, dtype=np.bool_)
        # Target i is token i + 1, so the candidate's losses begin one place before it.
        mask[len(before) - 1 : len(before) - 1 + len(kept)] = True
        examples.append(Example(ids, np.zeros_like(ids), mask))
    losses = token_losses(model, examples)
    ends = np.cumsum(counts)
    return [float(part.mean()) for part in np.split(losses, ends[:-1])]


def parallel_pairs(
    english: Path, chinese: Path, lines: int = PARALLEL_LINES
) -> list[tuple[str, str]]:
    """Read the first lines of two files whose lines are translations of each other."""
    left, right = (path.read_text("utf-8").split("\n") for path in (english, chinese))
    if len(left) != len(right):
        raise MindError(
            f"{english} has {len(left):,} lines, {chinese} {len(right):,}",
            hint="line n of one file is the translation of line n of the other",
        )
    pairs = [(a.strip(), b.strip()) for a, b in zip(left, right, strict=True)]
    return [(a, b) for a, b in pairs if a and b][:lines]


def bits_per_byte(nats: float, size: int) -> float:
    """Return nats over bytes as bits per byte."""
    return nats / math.log(2) / size


def measured(
    name: str, model: Checkpoint, shards: Shards, sequence: int, more: Any
) -> dict[str, float]:
    """Return the values of a measure by name; `more` are the pairs of `alignment`."""
    if name == "in_context_gain":
        return in_context_gain(model, shards, sequence)
    if name == "copying":
        return copying(model, shards, sequence)
    if name == "alignment":
        return alignment(model, more)
    raise MindError(f"there is no measure {name!r}", hint="in_context_gain, copying, alignment")
