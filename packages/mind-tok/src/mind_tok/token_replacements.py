"""The table of an extended tokenizer: which older tokens each new one stands for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import orjson

from mind_core.files import atomic_file
from mind_core.whole_files import read_whole

REPLACED = "replaced.jsonl"


def write_replaced(path: Path, replaced: Mapping[int, Sequence[int]], entries: list[bytes]) -> None:
    """Write one JSON object a line: `id`, `token` and `replaced`, the older ids of its text."""
    with atomic_file(path) as file:
        for i, older in sorted(replaced.items()):
            row = {"id": i, "token": entries[i].decode("utf-8", "replace"), "replaced": [*older]}
            file.write(orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE))


def read_replaced(path: Path) -> dict[int, list[int]]:
    """Return the older ids of each new one.

    A new row of an embedding starts well at the mean of their rows.
    """
    rows = (orjson.loads(line) for line in read_whole(path).split(b"\n") if line)
    return {int(row["id"]): [int(i) for i in row["replaced"]] for row in rows}
