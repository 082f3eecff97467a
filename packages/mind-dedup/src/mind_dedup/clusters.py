"""What is known of clusters: their sizes, a table to look at, and weights to sample by."""

from __future__ import annotations

import tempfile
from array import array
from bisect import bisect_right
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import orjson

from mind_core.errors import UsageError
from mind_core.output import open_output

EXCERPT = 200
"""Characters of the text that the table shows."""

# "Re-hydration" of FineWeb-2 (README of huggingface/fineweb-2): how often a kept record is taken
# into the training set, by the size of its cluster; sizes between take the weight of the size
# before. Very large clusters are taken for boilerplate.
WEIGHTS = {"fineweb2": {1: 1, 2: 2, 3: 3, 5: 5, 100: 8, 1000: 1}}


def weight_of(size: int, name: str) -> int:
    """Return how often a record that stands for a cluster of this size is taken."""
    steps = WEIGHTS[name]
    limits = list(steps)
    return steps[limits[bisect_right(limits, size) - 1]]


def check_weights(name: str) -> str:
    """Return the name of weights, "" for none; raise `UsageError` if there are none of it."""
    if name not in ("", *WEIGHTS):
        raise UsageError(f"there are no weights {name!r}", hint=f"known: {', '.join(WEIGHTS)}")
    return name


class ClusterTable:
    """Collect the members of clusters of two and more, and write them cluster by cluster."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file = tempfile.TemporaryFile(prefix="mind-dedup-")  # noqa: SIM115 - nameless
        self._numbers, self._offsets = array("q"), array("q", [0])

    def add(self, number: int, member: dict[str, Any]) -> None:
        """Note one member of the cluster of a kept record."""
        line = orjson.dumps(member, option=orjson.OPT_APPEND_NEWLINE)
        self._file.write(line)
        self._numbers.append(number)
        self._offsets.append(self._offsets[-1] + len(line))

    def write(self) -> None:
        """Write the table: the clusters in the order of their kept records, those first."""
        numbers = np.frombuffer(self._numbers, np.int64) if self._numbers else np.zeros(0, np.int64)
        with open_output(self.path) as output:
            # Members lie on disk in the order of reading, which stays the order within a cluster.
            for place in np.argsort(numbers, kind="stable").tolist():
                self._file.seek(self._offsets[place])
                output.write(self._file.read(self._offsets[place + 1] - self._offsets[place]))


class Sizes:
    """Count what was removed for each kept record."""

    def __init__(self, max_size: int) -> None:
        self.max_size = max_size
        self.removed: Counter[int] = Counter()
        self.examples: dict[int, list[str]] = {}
        """Of clusters over `max_size`: the ids of some that were removed."""

    def add(self, number: int, own_id: bytes) -> None:
        """Count a record that was removed for a kept one; its id is JSON."""
        self.removed[number] = size = self.removed.get(number, 0) + 1
        # Ids of clusters that the guard may name; of all others they would take memory for nothing.
        if size >= self.max_size:
            examples = self.examples.setdefault(number, [])
            if len(examples) < 3:
                examples.append(str(orjson.loads(own_id)))

    def of(self, number: int) -> int:
        """Return the size of a kept record's cluster, itself included."""
        return self.removed.get(number, 0) + 1
