"""Words that no dictionary has: jieba's hidden Markov model over begin, middle, end and single."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from mind_clean.segmentation.dictionary import FIRST_HAN, LAST_HAN, Logs
from mind_core.kernels.library import kernel
from mind_core.kernels.utf8 import CodePoints

Numbers = npt.NDArray[np.int32]
States = npt.NDArray[np.int8]

_B, _M, _E, _S = 0, 1, 2, 3
_STOP, _PERCENT = np.uint32(46), np.uint32(37)


@kernel
def is_han(point: np.uint32) -> bool:
    """Tell whether the model knows a character."""
    return bool(FIRST_HAN <= point <= LAST_HAN)


@kernel
def _alphanumeric(point: np.uint32) -> bool:
    return bool(48 <= point <= 57 or 65 <= point <= 90 or 97 <= point <= 122)


@kernel
def _most_likely(
    text: CodePoints, start: int, end: int, emissions: Logs, chain: Logs, came_from: States
) -> None:
    """Write the most likely state of each character (Viterbi); a tie goes to the later letter."""
    # Column of the character in the table of emissions.
    point = text[start] - FIRST_HAN
    b, m = chain[0, _B] + emissions[_B, point], chain[0, _M] + emissions[_M, point]
    e, s = chain[0, _E] + emissions[_E, point], chain[0, _S] + emissions[_S, point]
    for place in range(start + 1, end):
        point = text[place] - FIRST_HAN
        # The letters in order: B < E < M < S.
        from_e, from_s = e + chain[1 + _E, _B], s + chain[1 + _S, _B]
        from_m, from_b = m + chain[1 + _M, _M], b + chain[1 + _B, _M]
        to_e_from_b, to_e_from_m = b + chain[1 + _B, _E], m + chain[1 + _M, _E]
        to_s_from_s, to_s_from_e = s + chain[1 + _S, _S], e + chain[1 + _E, _S]
        next_b = from_s + emissions[_B, point]
        # Where each state came from, two bits each: B's at bit 0, M's at 2, E's at 4 and S's at 6.
        # A state has two that may come before it: B and S follow E or S, M and E follow B or M.
        came = _S
        if from_e + emissions[_B, point] > next_b:
            next_b, came = from_e + emissions[_B, point], _E
        next_m = from_m + emissions[_M, point]
        came |= _M << 2
        if from_b + emissions[_M, point] > next_m:
            next_m = from_b + emissions[_M, point]
            came &= ~(3 << 2)
        next_e = to_e_from_m + emissions[_E, point]
        by_b = to_e_from_b + emissions[_E, point] > next_e
        if by_b:
            next_e = to_e_from_b + emissions[_E, point]
        came |= (_B if by_b else _M) << 4
        next_s = to_s_from_s + emissions[_S, point]
        by_e = to_s_from_e + emissions[_S, point] > next_s
        if by_e:
            next_s = to_s_from_e + emissions[_S, point]
        came |= (_E if by_e else _S) << 6
        # Eight bits in a signed byte; the look behind masks two of them, so that the sign does no
        # harm.
        came_from[place] = np.int8(came - 256 if came > 127 else came)
        b, m, e, s = next_b, next_m, next_e, next_s
    # A word ends with E or S, whatever the scores of B and M.
    state = _E if e > s else _S
    for place in range(end - 1, start - 1, -1):
        before = (int(came_from[place]) >> (2 * state)) & 3
        # The place is read for the last time here, so that it may hold the answer.
        came_from[place] = state
        state = before


@kernel
def _cut_han(
    text: CodePoints, start: int, end: int, emissions: Logs, chain: Logs, came_from: States,
    starts: Numbers, stops: Numbers, count: int,
) -> int:  # fmt: skip
    """Write the words of a run of Chinese characters; return how many words there are now."""
    _most_likely(text, start, end, emissions, chain, came_from)
    begin = start
    for place in range(start, end):
        state = came_from[place]
        if state == _B:
            begin = place
        elif state in (_E, _S):
            starts[count], stops[count] = begin if state == _E else place, place + 1
            count += 1
            begin = place + 1
    if begin < end:
        starts[count], stops[count] = begin, end
        count += 1
    return count


@kernel
def cut_unknown(
    text: CodePoints, start: int, end: int, emissions: Logs, chain: Logs, came_from: States,
    starts: Numbers, stops: Numbers, count: int,
) -> int:  # fmt: skip
    """Write the words of a run that the dictionary left in single characters.

    Chinese characters by the model; letters and digits stay together, with decimals and a percent
    sign behind them; what lies between is one word.
    """
    place = start
    while place < end:
        first = place
        if is_han(text[place]):
            while place < end and is_han(text[place]):
                place += 1
            count = _cut_han(text, first, place, emissions, chain, came_from, starts, stops, count)
            continue
        if _alphanumeric(text[place]):
            while place < end and _alphanumeric(text[place]):
                place += 1
            # "3.14" is one word, "end.Then" is three.
            if place + 1 < end and text[place] == _STOP and 48 <= text[place + 1] <= 57:
                place += 1
                while place < end and 48 <= text[place] <= 57:
                    place += 1
            if place < end and text[place] == _PERCENT:
                place += 1
        else:
            while place < end and not is_han(text[place]) and not _alphanumeric(text[place]):
                place += 1
        starts[count], stops[count] = first, place
        count += 1
    return count
