"""Find what stands several times in a row, for all lengths at once.

In a run that repeats every p characters, each character equals the one p further on. Looking at
every fourth character for all p up to 50 finds the few lengths at which a run is possible; only
these are looked at in full.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

_STRIDE = 4
_CHUNK = 1 << 14

Codes = npt.NDArray[np.uint32]
Lengths = npt.NDArray[np.integer]


def repetitions(text: str, shortest: int, longest: int, times: int) -> list[tuple[int, int, int]]:
    """Return (start, end, period) of each run of `times` or more repetitions, sorted by start.

    Runs of different periods may overlap. Of one place, the shorter period comes first.
    """
    if len(text) < shortest * times:
        return []
    codes = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32)
    found = []
    for period in _possible(codes, shortest, min(longest, len(text) // times), times):
        found += _runs(codes, period, times)
    return sorted(found, key=lambda run: (run[0], run[2]))


def _possible(codes: Codes, shortest: int, longest: int, times: int) -> list[int]:
    """Return the periods at which enough sampled characters in a row equal those further on."""
    if longest < shortest:
        return []
    periods = np.arange(shortest, longest + 1)
    needed = np.minimum((times - 1) * periods // _STRIDE, 8)
    possible = np.zeros(len(periods), bool)
    for begin in range(0, max(1, len(codes) - shortest), _CHUNK):
        # Chunks overlap by what the longest run needs, so that none is lost at an edge.
        part = codes[begin : begin + _CHUNK + times * longest + 8 * _STRIDE]
        possible |= _possible_in(part, periods, needed)
        if possible.all():
            break
    return [int(period) for period in periods[possible]]


def _possible_in(codes: Codes, periods: Lengths, needed: Lengths) -> npt.NDArray[np.bool_]:
    longest = int(periods[-1])
    padded = np.concatenate((codes, np.full(longest, 0xFFFFFFFF, np.uint32)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, longest + 1)[::_STRIDE]
    equal = windows[:, int(periods[0]) :] == windows[:, :1]  # (samples, periods)
    possible = np.zeros(len(periods), bool)
    in_a_row = equal
    for length in (1, 2, 4, 8):
        wanted = (needed >= length) & (needed < 2 * length)
        possible |= wanted & in_a_row.any(axis=0)
        if length < 8:
            in_a_row = in_a_row[length:] & in_a_row[:-length]
    return possible


def _runs(codes: Codes, period: int, times: int) -> list[tuple[int, int, int]]:
    """Return the runs of one period, from where it begins to behind its last character."""
    equal = np.flatnonzero(codes[period:] == codes[:-period])
    needed = (times - 1) * period
    if len(equal) < needed:
        return []
    breaks = np.flatnonzero(np.diff(equal) > 1)
    starts = equal[np.concatenate(([0], breaks + 1))]
    ends = equal[np.concatenate((breaks, [len(equal) - 1]))] + 1
    long = ends - starts >= needed
    return [
        (int(start), int(end) + period, period)
        for start, end in zip(starts[long], ends[long], strict=True)
    ]
