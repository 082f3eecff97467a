"""A batch: whole lines of one input, which know their file and number."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import orjson

from mind_core.errors import BAD_REASONS

BATCH_BYTES = 1 << 20
LINE_LIMIT = 1 << 26
"""64 MiB. A longer line is refused: one record would fill the memory of every tool of a chain."""

# A NUL begins no JSON, and no text that people write.
_REFUSED = b"\0refused"


@dataclass(frozen=True)
class Batch:
    """Hold whole lines of one input, with its name and the number of the first line."""

    name: str
    first_line: int
    data: bytes

    def lines(self) -> Iterator[tuple[int, bytes]]:
        """Yield each line that is not blank with its number, without its line feed."""
        number = self.first_line
        for line in self.data.split(b"\n"):
            if line and not line.isspace():
                yield number, line
            number += 1

    def position(self, number: int) -> str:
        """Return "file:line" for a line number of this batch; of a table, its row."""
        return f"{self.name}:{number}"


def batched(
    lines: Iterable[bytes], name: str, first: int = 1, batch_bytes: int = BATCH_BYTES
) -> Iterator[Batch]:
    """Yield lines, which end with a line feed each, as batches of about `batch_bytes`."""
    waiting: list[bytes] = []
    size, number = 0, first
    for number, line in enumerate(lines, first):
        waiting.append(line)
        size += len(line)
        if size >= batch_bytes:
            yield Batch(name, number + 1 - len(waiting), b"".join(waiting))
            waiting, size = [], 0
    if waiting:
        yield Batch(name, number + 1 - len(waiting), b"".join(waiting))


def refused(reason: str, cause: str, row: bytes) -> bytes:
    """Return the line that stands for a row that is no record.

    It is no JSON, so that no tool can take it for a record; what reads it finds reason, cause and
    row in it (`refusal`).
    """
    # JSON holds text alone: bytes that are no UTF-8 become escapes such as \udcff.
    told = orjson.dumps([reason, cause, row.decode("utf-8", "surrogateescape").encode(
        "utf-8", "backslashreplace").decode()])  # fmt: skip
    return _REFUSED + told + b"\n"


def refusal(line: bytes) -> tuple[str, str, bytes] | None:
    """Return reason, cause and row of a line that `refused` made, None for any other.

    An input may hold such a line too: it is a bad record in any case, of a reason that is known.
    """
    if not line.startswith(_REFUSED):
        return None
    try:
        told = orjson.loads(line[len(_REFUSED) :])
    except ValueError:
        return None
    if not isinstance(told, list) or len(told) != 3 or not all(isinstance(s, str) for s in told):
        return None
    reason, cause, row = told
    return (reason, cause, row.encode()) if reason in BAD_REASONS else None
