"""Pack the tables of a jieba release into one small file; needed for a new release only.

usage: python -m mind_clean.segmentation.build FOLDER_OF_JIEBA OUT.zst
"""

from __future__ import annotations

import ast
import math
import sys
from pathlib import Path
from typing import Any

import numpy as np
import zstandard

from mind_core.files import atomic_file

STATES = "BMES"
FLOOR = -3.14e100
"""What jieba takes for the logarithm of an impossible step."""


def pack_dictionary(text: str) -> tuple[bytes, bytes, int]:
    """Return the words in order, one a line, their frequencies, and the sum of all frequencies.

    A word that stands twice has its last frequency, and both count in the sum, as in jieba.
    """
    frequencies: dict[str, int] = {}
    total = 0
    for line in text.splitlines():
        word, frequency = line.strip().split(" ")[:2]
        frequencies[word] = int(frequency)
        total += int(frequency)
    words = sorted(frequencies)
    numbers = np.array([frequencies[word] for word in words], np.uint32)
    return "\n".join(words).encode(), numbers.tobytes(), total


def read_table(path: Path) -> Any:
    """Return the literal that a file of jieba assigns to `P`."""
    tree = ast.parse(path.read_text("utf-8"))
    assignment = next(node for node in tree.body if isinstance(node, ast.Assign))
    return ast.literal_eval(assignment.value)


def main() -> None:
    """Read jieba's folder and write the packed file."""
    folder, target = Path(sys.argv[1]), Path(sys.argv[2])
    words, frequencies, total = pack_dictionary((folder / "dict.txt").read_text("utf-8"))
    model = folder / "finalseg"
    emitted = read_table(model / "prob_emit.py")
    # The four tables do not name the same characters; one that a table lacks has `FLOOR` there.
    characters = sorted(set().union(*(emitted[state] for state in STATES)))
    emissions = np.array(
        [[emitted[state].get(c, FLOOR) for c in characters] for state in STATES], np.float64
    )
    start, steps = read_table(model / "prob_start.py"), read_table(model / "prob_trans.py")
    rows = [start, *(steps[state] for state in STATES)]
    chain = np.array([[row.get(state, FLOOR) for state in STATES] for row in rows], np.float64)
    parts = [
        words, frequencies, np.array([math.log(total)]).tobytes(),
        "".join(characters).encode(), emissions.tobytes(), chain.tobytes(),
    ]  # fmt: skip
    # Six sizes of eight bytes, and then the parts that they measure.
    sizes = np.array([len(part) for part in parts], np.uint64).tobytes()
    with atomic_file(target) as file:
        file.write(zstandard.ZstdCompressor(level=22).compress(sizes + b"".join(parts)))


if __name__ == "__main__":
    main()
