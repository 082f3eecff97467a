"""Find what stands several times in a row, for all lengths at once.

In a run that repeats every p characters, each character equals the one p further on. So of eight
characters at every eighth place some lie wholly inside the run, and equal the eight that stand p
further on. All p with the same remainder by eight are shifted copies of one array, which makes this
a few comparisons of whole arrays; the few places that are found are then looked at in full.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

_WORDS = {8: np.uint64, 4: np.uint32}
_CHUNK = 1 << 16

Run = tuple[int, int, int]


def repetitions(text: str, shortest: int, longest: int, times: int) -> list[Run]:
    """Return (start, end, period) of each run of `times` or more repetitions, sorted by start.

    `shortest` is at least 4, `times` at least 3. Runs of different periods may overlap; of those
    that begin at one place, the shorter period comes first.
    """
    longest = min(longest, len(text) // times)
    if longest < shortest:
        return []
    if text.isascii():
        low = np.frombuffer(text.encode("ascii"), np.uint8)
    else:
        # Equal characters have equal lower bytes; that others may have them too costs a look.
        wide = text.encode("utf-32-le", "surrogatepass")
        low = np.ascontiguousarray(np.frombuffer(wide, np.uint8)[::4])
    # A run of n equal characters holds a whole group of w at a multiple of w if n >= 2w - 1.
    wide_from = max(shortest, -(-15 // (times - 1)))
    found: list[Run] = []
    ends: dict[int, int] = {}
    for begin in range(0, len(low), _CHUNK):
        # The next chunk's groups may equal what is up to `longest` further on.
        part = low[begin : begin + _CHUNK + longest + 8]
        for size, first, last in ((4, shortest, wide_from - 1), (8, wide_from, longest)):
            for period, places in _candidates(part, size, first, last):
                places += begin
                after = int(np.searchsorted(places, ends.get(period, 0)))
                while after < len(places):
                    run = _run(text, int(places[after]), period, times, size)
                    after += 1
                    if run is not None:
                        found.append(run)
                        ends[period] = run[1] - period
                        after = int(np.searchsorted(places, ends[period]))
    return sorted(found, key=lambda run: (run[0], run[2]))


def _candidates(
    low: npt.NDArray[np.uint8], size: int, first: int, last: int
) -> Iterator[tuple[int, npt.NDArray[np.int64]]]:
    """Yield each period with the multiples of `size` at which so many characters equal others."""
    last = min(last, len(low) - size)
    if last < first:
        return
    width = (len(low) + last) // size + 1
    shifted = np.zeros((size, width * size), np.uint8)
    for shift in range(size):
        shifted[shift, : len(low) - shift] = low[shift:]
    words = shifted.view(_WORDS[size])  # (remainder of the period, groups)
    groups = len(low) // size
    for quotient in range(first // size, last // size + 1):
        equal = words[:, quotient : quotient + groups] == words[0, :groups]
        if np.count_nonzero(equal):
            for remainder in np.flatnonzero(equal.any(axis=1)).tolist():
                if first <= (period := quotient * size + remainder) <= last:
                    yield period, np.flatnonzero(equal[remainder]) * size


def _run(text: str, at: int, period: int, times: int, size: int) -> Run | None:
    """Return the run of a period that the group at a place lies in, if it is long enough."""
    needed = (times - 1) * period
    # The first group inside a run begins at most size - 1 characters after it.
    sure = needed - size + 1
    if not _equal(text, at, period, sure):
        return None
    start, end = at, at + sure
    while start > 0 and text[start - 1] == text[start - 1 + period]:
        start -= 1
    step = size
    while step:
        if end + period + step <= len(text) and _equal(text, end, period, step):
            end += step
            step *= 2
        else:
            step //= 2
    return (start, end + period, period) if end - start >= needed else None


def _equal(text: str, at: int, period: int, length: int) -> bool:
    return text[at : at + length] == text[at + period : at + period + length]
