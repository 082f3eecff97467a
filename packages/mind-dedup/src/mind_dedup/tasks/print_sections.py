"""The prints of records as bytes, for another task to decide about them."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import orjson

from mind_core.errors import MindError
from mind_dedup.fingerprints import Fingerprints
from mind_dedup.tasks.sections import IntArray

_COLUMNS = ("rows", "at", "keys", "key_ends", "sets", "set_ends", "ids", "id_ends", "sources",
            "scores")  # fmt: skip


@dataclass(frozen=True)
class PrintedRows:
    """Prints with the row of each record in its range."""

    rows: IntArray
    prints: Fingerprints


def packed_rows(printed: PrintedRows, chosen: IntArray) -> bytes:
    """Return the prints of some rows as bytes: a line of JSON on the columns, then the columns."""
    prints = printed.prints
    keys, key_ends = _picked(prints.keys, prints.key_ends, chosen)
    sets, set_ends = _picked(prints.sets, prints.set_ends, chosen)
    ids = [prints.ids[row] for row in chosen.tolist()]
    sources = [prints.sources[row] for row in chosen.tolist()]
    # Each source once, and its number for each record: few names come very often.
    names = sorted(set(sources))
    numbers = {name: number for number, name in enumerate(names)}
    columns: list[npt.NDArray[np.generic]] = [
        printed.rows[chosen],
        prints.at[chosen],
        keys,
        key_ends,
        sets,
        set_ends,
        np.frombuffer(b"".join(ids), np.uint8),
        np.cumsum([len(one) for one in ids], dtype=np.int64),
        np.array([numbers[source] for source in sources], np.int64),
        np.array([prints.scores[row] for row in chosen.tolist()] if prints.scores else [],
                 np.float64),
    ]  # fmt: skip
    head = {
        "name": prints.name,
        # These rows' share of the batch: whoever decides counts what was seen (`InputSize`).
        "bytes": prints.bytes * len(chosen) // max(len(prints), 1),
        "sources": names,
        "columns": [[column.dtype.str, len(column)] for column in columns],
    }
    return b"".join((orjson.dumps(head), b"\n", *(column.tobytes() for column in columns)))


def unpacked_rows(data: bytes) -> PrintedRows:
    """Return the prints that `packed_rows` made bytes of; raise `MindError` if they are damaged."""
    end = data.find(b"\n") + 1
    try:
        head = orjson.loads(data[:end])
        columns = {}
        for name, (kind, size) in zip(_COLUMNS, head["columns"], strict=True):
            columns[name] = np.frombuffer(data, np.dtype(kind), size, end)
            end += columns[name].nbytes
        names = head["sources"]
        ids, edges = columns["ids"].tobytes(), [0, *columns["id_ends"].tolist()]
        prints = Fingerprints(
            columns["keys"], columns["key_ends"], columns["sets"], columns["set_ends"],
            [ids[low:high] for low, high in pairwise(edges)],
            [names[number] for number in columns["sources"].tolist()],
            [], head["bytes"], columns["scores"].tolist(), head["name"], columns["at"],
        )  # fmt: skip
    except (ValueError, KeyError, IndexError, TypeError, orjson.JSONDecodeError) as error:
        raise MindError(
            "prints of a task before this one are damaged",
            cause=error,
            hint="remove the job's folder and run it again",
        ) from error
    return PrintedRows(columns["rows"], prints)


def _picked(
    flat: npt.NDArray[np.unsignedinteger], ends: IntArray, rows: IntArray
) -> tuple[npt.NDArray[np.unsignedinteger], IntArray]:
    """Return what some rows have in a column, and where each of them ends."""
    sizes = np.diff(ends, prepend=0)
    wanted = np.zeros(len(ends), np.bool_)
    # Rows ascend, so that what the flags pick lies in their order.
    wanted[rows] = True
    return flat[np.repeat(wanted, sizes)], np.cumsum(sizes[rows], dtype=np.int64)
