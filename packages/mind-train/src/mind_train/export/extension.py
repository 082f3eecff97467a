"""A larger vocabulary for a trained model: new rows are the mean of the pieces they replace.

So the model reads a new token nearly as it read its pieces, and the scores of all old tokens stay
what they were to the bit.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypeVar

import orjson
import torch
from torch import Tensor

from mind_core import MindError
from mind_core.whole_files import read_whole

C = TypeVar("C")
EMBEDDING = "embedding.weight"
OUTPUT = "output.weight"
"""A head that is not tied to the embedding."""


def read_table(path: Path, old: int, new: int) -> dict[int, list[int]]:
    """Read lines {"id": new token, "replaced": [old tokens]}, as `mind-tok extend` writes them.

    Raises MindError for an id that is not new, or a piece that is not old.
    """
    table: dict[int, list[int]] = {}
    for number, raw in enumerate(read_whole(path).splitlines(), 1):
        try:
            line = orjson.loads(raw)
            token, pieces = int(line["id"]), [int(piece) for piece in line["replaced"]]
        except (orjson.JSONDecodeError, KeyError, TypeError, ValueError) as error:
            raise MindError(
                f"{path}:{number} is no line of the table", cause=repr(error),
                hint='each is {"id": 50300, "replaced": [121, 345]}',
            ) from None  # fmt: skip
        if not old <= token < new or not all(0 <= piece < old for piece in pieces):
            raise MindError(
                f"{path}:{number}: token {token} or one of its pieces is out of range",
                cause=f"old tokens are 0 … {old - 1}, new ones {old} … {new - 1}",
                hint="the table belongs to other tokenizers",
            )
        table[token] = pieces
    return table


def extended(
    config: C, weights: Mapping[str, Tensor], vocab: int, pieces: Mapping[int, Sequence[int]]
) -> tuple[C, dict[str, Tensor]]:
    """Give config and weights with ``vocab`` tokens; a new one without pieces gets the mean row."""
    larger = dataclasses.replace(config, vocab=vocab)  # type: ignore[type-var]
    new = {**weights}
    for name in (EMBEDDING, OUTPUT):
        if name in weights:
            old = weights[name]  # (V, D)
            rows = old.mean(dim=0).expand(vocab - old.shape[0], -1).clone()
            for token, parts in pieces.items():
                if parts:
                    rows[token - old.shape[0]] = old[list(parts)].mean(dim=0)
            # Behind the old rows, which stay as they are.
            new[name] = torch.cat((old, rows))
    return larger, new
