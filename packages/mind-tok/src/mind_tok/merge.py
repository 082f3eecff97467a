"""Shard folders put together into one: the documents of each in their order."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mind_core import MindError
from mind_core.errors import UsageError
from mind_core.files import read_manifest
from mind_core.plugins import Plugins
from mind_tok.document_batch import DocumentBatch
from mind_tok.shard_writer import FORMAT, SPLITS, ShardWriter
from mind_tok.shards import Shard, ShardSet

AT_ONCE = 1 << 20
"""Tokens that are in memory at once, or one document."""


def merge(
    folders: Sequence[Path],
    output: Path,
    plugins: Plugins,
    *,
    shard_tokens: int,
    emit: str = "",
    verify: bool = True,
) -> dict[str, Any]:
    """Write the documents of all folders into a new one; return the counts of its manifest.

    Raises `MindError` for folders of other tokenizers or kinds, and for one that is damaged.
    """
    # Resolved, as a link or a path with dots is the same folder.
    if len({folder.resolve() for folder in folders}) != len(folders):
        raise UsageError("a folder is named twice", hint="its documents would be there twice")
    sets = {
        split: [ShardSet.open(folder, split, verify=verify) for folder in folders]
        for split in SPLITS
    }
    first = sets[SPLITS[0]][0]
    for folder, other in zip(folders, sets[SPLITS[0]], strict=True):
        # The same number would be another token in each.
        if other.tokenizer_sha256 != first.tokenizer_sha256:
            raise MindError(
                f"{folder} was made with another tokenizer than {folders[0]}",
                hint="encode its texts again with the same one",
            )
        if other.kind != first.kind:
            raise MindError(f"{folder} holds {other.kind}, {folders[0]} holds {first.kind}")
    manifests = [read_manifest(folder, format=FORMAT) for folder in folders]
    with ShardWriter(
        output,
        first.load_tokenizer(plugins),
        kind=first.kind,
        shard_tokens=shard_tokens,
        inputs=[row for manifest in manifests for row in manifest.get("inputs", [])],
        settings={"merged": [manifest.get("settings", {}) for manifest in manifests]},
        emit=emit,
    ) as writer:
        for split, parts in sets.items():
            for part in parts:
                for shard in part.shards:
                    for block in _blocks(part, shard):
                        writer.add_block(block, split)
    return writer.counts


def _blocks(part: ShardSet, shard: Shard) -> Iterator[DocumentBatch]:
    first = 0
    while first < shard.documents:
        start = int(shard.ends[first - 1]) if first else 0
        # As many whole documents as fit, and one at least.
        last = int(np.searchsorted(shard.ends, start + AT_ONCE, side="right"))
        last = max(first + 1, last)
        tokens = slice(start, int(shard.ends[last - 1]))
        yield DocumentBatch(
            np.asarray(shard.ids[tokens]),
            shard.ends[first:last].astype(np.int64) - start,
            shard.sizes[first:last].astype(np.int64),
            shard.groups[first:last].astype(np.int64),
            part.groups,
            None if shard.mask is None else np.asarray(shard.mask[tokens]),
        )
        first = last
