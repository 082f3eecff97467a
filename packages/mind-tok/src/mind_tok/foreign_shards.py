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
from mind_tok.checks import describe_inputs
from mind_tok.document_batch import DocumentBatch, Group
from mind_tok.emit import datatrove, megatron, olmo
from mind_tok.shard_file import MASK
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


def marks_of(path: Path, tokens: int) -> NDArray[np.uint8] | None:
    """Return the marks of the tokens that are trained on, (tokens,), or None if there are none.

    They lie in a file of their own, a byte a token: `.ds.loss` (datatrove), `.label_mask.npy`
    (OLMo), `.mask` (ours, beside a `.bin`). Raises `MindError` for one of another length or with
    other values than 0 and 1.
    """
    names = {
        ".ds": f"{path.name}.loss",
        ".npy": f"{path.stem}.label_mask.npy",
        ".bin": f"{path.stem}.mask",
    }
    beside = path.with_name(names[path.suffix])
    if not beside.is_file():
        return None
    # A byte for each token, whatever the width of ids is.
    if beside.stat().st_size != tokens:
        raise MindError(
            f"{beside} has {beside.stat().st_size:,} marks, {path.name} has {tokens:,} tokens",
            hint="they belong to different files, or one was cut",
        )
    marks = np.memmap(beside, MASK, "r") if tokens else np.empty(0, MASK)
    for at in range(0, tokens, AT_ONCE):
        if marks[at : at + AT_ONCE].max() > 1:
            raise MindError(
                f"{beside} has marks besides 0 and 1",
                hint="it is no mask of these tokens, or is damaged",
            )
    return marks


def take_over(source: Path, tokenizer: Tokenizer, output: Path, *, add_end: bool) -> Counts:
    """Write all documents of a file into one split of a shard folder, with their mask if any.

    Documents have to end with the end token; with `add_end` those that do not get one, with the
    mark of their last token. Raises `MindError` if ids do not fit the tokenizer.
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
            marks = marks_of(source, len(ids))
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
        # Such files do not say how many bytes a document has: its tokens do.
        [0 if token.kind in _HOLLOW else len(token.data) for token in tokenizer.vocabulary()]
    )
    tokens = documents = first = 0
    with ShardWriter(
        output,
        tokenizer,
        kind="text" if marks is None else "chat",
        inputs=describe_inputs([source]),
        settings={"add_end": add_end},
    ) as writer:
        while first < len(ends):
            start = int(ends[first - 1]) if first else 0
            # As many whole documents as fit, and one at least.
            last = max(first + 1, int(np.searchsorted(ends, start + AT_ONCE, side="right")))
            part = slice(start, int(ends[last - 1]))
            # Wider than the file's: Megatron's may be signed, and ids below 0 are then seen.
            row = np.asarray(ids[part]).astype(np.int64)
            # Before sizes are looked up: an id beyond the vocabulary would be an IndexError there.
            _check(row, source, tokenizer)
            mask = None if marks is None else np.asarray(marks[part])
            block = _block(row, ends[first:last] - start, sizes, source.stem, mask)
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
    ids: NDArray[np.int64],
    ends: NDArray[np.int64],
    sizes: NDArray[np.int64],
    source: str,
    mask: NDArray[np.uint8] | None,
) -> DocumentBatch:
    """Return documents; with a mask, their sizes are those of what is trained on."""
    own = sizes[ids] if mask is None else sizes[ids] * mask
    # Sums up to each token, so that a document's bytes are a difference, also of one
    # without tokens.
    total = np.concatenate([np.zeros(1, np.int64), np.cumsum(own)])
    bytes_ = np.diff(total[ends], prepend=np.int64(0))
    zeros = np.zeros(len(ends), np.int64)
    return DocumentBatch(ids, ends, bytes_, zeros, (Group(source, "und"),), mask)


def _ended(block: DocumentBatch, end_id: int) -> DocumentBatch:
    """Add the end token to documents that lack it."""
    starts = block.ends - block.lengths
    # An empty document has no last token of its own, but the one of the document before.
    ended = (block.lengths > 0) & (block.ids[np.maximum(block.ends - 1, 0)] == end_id)
    # `np.insert` takes places in the old array: all at once, none moves another.
    places = block.ends[~ended]
    ids, mask = np.insert(block.ids, places, end_id), block.mask
    if mask is not None:
        # An end token is trained on where the token before it is; an empty document has none.
        last = np.where(block.lengths > 0, mask[np.maximum(block.ends - 1, 0)], 0)[~ended]
        mask = np.insert(mask, places, last)
    ends = np.cumsum(block.ends - starts + ~ended)
    return DocumentBatch(ids, ends, block.sizes, block.groups, block.names, mask)
