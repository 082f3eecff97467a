"""From UTF-8 to code points, one at a place or a whole text into a kernel's own buffer."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from mind_core.kernels.library import kernel
from mind_core.kernels.packed import Bytes

CodePoints = npt.NDArray[np.uint32]


@kernel("i8(u1[], u4[])")
def decode(data: Bytes, into: CodePoints) -> int:
    """Write the code points of well-formed UTF-8 into a buffer; return how many there are.

    The buffer must hold as many values as `data` has bytes. Surrogates of three bytes, as
    `packed.encode` leaves them, come out as they are.
    """
    place = 0
    count = 0
    while place < len(data):
        lead = np.uint32(data[place])
        # Continuation bytes are not checked: what comes here was encoded by Python.
        if lead < 0x80:
            into[count] = lead
            place += 1
        # 110xxxxx 10xxxxxx: five bits of the first byte, six of each that follows.
        elif lead < 0xE0:
            into[count] = ((lead & 0x1F) << 6) | (data[place + 1] & 0x3F)
            place += 2
        # 1110xxxx and two more: 4 + 6 + 6 bits, where most Chinese characters are.
        elif lead < 0xF0:
            into[count] = (
                ((lead & 0x0F) << 12) | ((data[place + 1] & 0x3F) << 6) | (data[place + 2] & 0x3F)
            )
            place += 3
        # 11110xxx and three more: 3 + 6 + 6 + 6 bits, beyond U+FFFF.
        else:
            into[count] = (
                ((lead & 0x07) << 18)
                | ((data[place + 1] & 0x3F) << 12)
                | ((data[place + 2] & 0x3F) << 6)
                | (data[place + 3] & 0x3F)
            )
            place += 4
        count += 1
    return count


@kernel
def character(data: Bytes, at: int) -> tuple[int, int]:
    """Return the code point that begins at a place of valid UTF-8, and its length in bytes."""
    # int64: run as plain Python, a uint8 would lose what is shifted beyond its eight bits.
    lead: Any = np.int64(data[at])
    if lead < 0x80:
        return lead, 1
    # The lower six bits of each byte that follows the first.
    second: Any = np.int64(data[at + 1]) & 0x3F
    if lead < 0xE0:
        return (lead & 0x1F) << 6 | second, 2
    third: Any = np.int64(data[at + 2]) & 0x3F
    if lead < 0xF0:
        return (lead & 0x0F) << 12 | second << 6 | third, 3
    fourth: Any = np.int64(data[at + 3]) & 0x3F
    return (lead & 0x07) << 18 | second << 12 | third << 6 | fourth, 4
