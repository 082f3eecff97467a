"""Take over the token files of Megatron, datatrove and OLMo as shards of our own."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mind_core import MindError
from mind_core.errors import UsageError
from mind_core.untrusted import as_written
from mind_tok.document_batch import DocumentBatch, Group
from mind_tok.emit import datatrove, megatron, olmo
from mind_tok.provenance import describe_inputs
from mind_tok.shard_writer import ShardWriter, id_type
from mind_tok.tokenizer import Tokenizer

Reader = Callable[[Path, Tokenizer], tuple[NDArray[Any], NDArray[np.int64]]]

AT_ONCE = 1 << 20
"""Tokens that are in memory at once, or one document."""

_HOLLOW = ("control", "unknown")


class Counts(NamedTuple):
    """What was taken over."""

    documents: int
    tokens: int


def reader_of(path: Path) -> Reader | None:
    """Return what reads a file, by its name and what lies beside it, or None."""
    if path.suffix == ".bin" and path.with_suffix(".idx").is_file():
        return lambda at, _: megatron.read(at)
    if path.suffix == ".ds":
        return lambda at, _: datatrove.read(at)
    if path.suffix == ".npy":
        return lambda at, tokenizer: olmo.read(at, id_type(tokenizer.vocab_size).itemsize)
    return None


def take_over(source: Path, tokenizer: Tokenizer, output: Path, *, add_end: bool) -> Counts:
    """Write all documents of a file into one split of a shard folder.

    Documents have to end with the end token; with `add_end` those that do not get one. Raises
    `MindError` if ids do not fit the tokenizer.
    """
    reader = reader_of(source)
    if reader is None:
        raise UsageError(
            f"{source} is no token file that is known",
            hint="known: .bin with .idx (Megatron), .ds (datatrove), .npy with .csv.gz (OLMo)",
        )
    try:
        with as_written(f"{source} or its index"):
            ids, ends = reader(source, tokenizer)
    except (OSError, EOFError, struct.error) as error:
        raise MindError(
            f"{source} or its index cannot be read",
            cause=error,
            hint="one of them is damaged, or of another program",
        ) from None
    if len(ends) and (int(ends[0]) < 0 or (ends[1:] < ends[:-1]).any()):
        raise MindError(
            f"the index of {source} goes back: a document ends before the one in front of it",
            hint="the index is damaged, or of another program",
        )
    if len(ends) and int(ends[-1]) != len(ids):
        raise MindError(
            f"{source} has {len(ids):,} tokens, its index tells of {int(ends[-1]):,}",
            hint="payload and index belong to different files, or one was cut",
        )
    sizes = np.array(
        [0 if token.kind in _HOLLOW else len(token.data) for token in tokenizer.vocabulary()]
    )
    tokens = documents = first = 0
    with ShardWriter(
        output,
        tokenizer,
        inputs=describe_inputs([source]),
        settings={"add_end": add_end},
    ) as writer:
        while first < len(ends):
            start = int(ends[first - 1]) if first else 0
            last = max(first + 1, int(np.searchsorted(ends, start + AT_ONCE, side="right")))
            row = np.asarray(ids[start : int(ends[last - 1])]).astype(np.int64)
            _check(row, source, tokenizer)
            block = _block(row, ends[first:last] - start, sizes, source.stem)
            block = _ended(block, tokenizer.end_id) if add_end else block
            writer.add_block(block)
            tokens, documents, first = tokens + len(block.ids), documents + len(block), last
    return Counts(documents, tokens)


def _check(ids: NDArray[np.int64], source: Path, tokenizer: Tokenizer) -> None:
    if len(ids) and (ids.min() < 0 or ids.max() >= tokenizer.vocab_size):
        raise MindError(
            f"{source} has ids beyond the {tokenizer.vocab_size:,} entries of the tokenizer",
            hint="give the tokenizer that it was made with",
        )


def _block(
    ids: NDArray[np.int64], ends: NDArray[np.int64], sizes: NDArray[np.int64], source: str
) -> DocumentBatch:
    total = np.concatenate([np.zeros(1, np.int64), np.cumsum(sizes[ids])])
    bytes_ = np.diff(total[ends], prepend=np.int64(0))
    zeros = np.zeros(len(ends), np.int64)
    return DocumentBatch(ids, ends, bytes_, zeros, (Group(source, "und"),))


def _ended(block: DocumentBatch, end_id: int) -> DocumentBatch:
    """Add the end token to documents that lack it."""
    starts = block.ends - block.lengths
    ended = (block.lengths > 0) & (block.ids[np.maximum(block.ends - 1, 0)] == end_id)
    ids = np.insert(block.ids, block.ends[~ended], end_id)
    ends = np.cumsum(block.ends - starts + ~ended)
    return DocumentBatch(ids, ends, block.sizes, block.groups, block.names)
