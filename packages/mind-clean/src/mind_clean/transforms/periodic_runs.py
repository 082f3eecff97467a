"""Find what stands several times in a row, period by period, from a few places each.

In a run that repeats every p characters, each character equals the one p further on: `times`
repetitions make (times - 1) * p such places in a row. Of four places at every so many characters
some lie wholly among them, however the run lies; only where four are equal the text is read.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from mind_core.kernels.library import kernel
from mind_core.kernels.utf8 import CodePoints

Run = tuple[int, int, int]
Runs = npt.NDArray[np.int64]

_GROUP = 4
_BLOCK = 32
_ROOM = 1024


def repetitions(text: str, shortest: int, longest: int, times: int) -> list[Run]:
    """Return (start, end, period) of each run of `times` or more repetitions, sorted by start.

    `shortest` is at least 4, `times` at least 3. Runs of different periods may overlap; of those
    that begin at one place, the shorter period comes first.
    """
    # A longer period has no room for so many repetitions.
    longest = min(longest, len(text) // times)
    if longest < shortest:
        return []
    points = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32)
    found = np.empty((_ROOM, 3), np.int64)
    count = find_runs(points, shortest, longest, times, found)
    # The kernel counts all runs but writes only those there is room for.
    if count > _ROOM:
        found = np.empty((count, 3), np.int64)
        find_runs(points, shortest, longest, times, found)
    runs: list[Run] = list(map(tuple, found[:count].tolist()))
    return sorted(runs, key=lambda run: (run[0], run[2]))


@kernel
def _end_of_equal(text: CodePoints, at: int, period: int) -> int:
    """Return the first place from `at` on that does not equal the one a period further on."""
    places = len(text) - period
    different = np.uint32(0)
    while at + _BLOCK <= places and different == 0:
        here, there = text[at : at + _BLOCK], text[at + period : at + period + _BLOCK]
        for place in range(_BLOCK):  # without a way out, so that many are compared at once
            different |= here[place] ^ there[place]
        at += _BLOCK if different == 0 else 0
    while at < places and text[at] == text[at + period]:
        at += 1
    return at


@kernel("i8(u4[], i8, i8, i8, i8[,])")
def find_runs(text: CodePoints, shortest: int, longest: int, times: int, found: Runs) -> int:
    """Write start, end and period of each run, as far as there is room; return how many there are.

    They come by period, and those of one by start. A stretch of equal places is read once for each
    period: n characters take at most n * (longest - shortest + 1) comparisons.
    """
    count = 0
    for period in range(shortest, longest + 1):
        # A run of so many places that equal those a period further on must hold a group of four in
        # any stretch of `step` places, so that only every `step`-th group is looked at.
        needed = (times - 1) * period
        step = needed - _GROUP + 1
        places = len(text) - period
        at = 0
        while at + _GROUP <= places:
            there = at + period
            if (
                text[at] != text[there]
                or text[at + 1] != text[there + 1]
                or text[at + 2] != text[there + 2]
                or text[at + 3] != text[there + 3]
            ):
                at += step
                continue
            start, end = at, at + _GROUP
            while start > 0 and text[start - 1] == text[start - 1 + period]:
                start -= 1
            end = _end_of_equal(text, end, period)
            if end - start >= needed:
                if count < len(found):
                    found[count, 0] = start
                    found[count, 1] = end + period
                    found[count, 2] = period
                count += 1
            at = (end // step + 1) * step  # the next group after the run; it is not read again
    return count
