"""Chinese numerals as digits: 二百六十四 is 264, 三 is 3, 二〇一七 is 2017, 1万 is 10000."""

from __future__ import annotations

import re

DIGITS = (
    {mark: value for value, mark in enumerate("零一二三四五六七八九")}
    | {mark: value for value, mark in enumerate("〇壹贰叁肆伍陆柒捌玖")}
    | {"两": 2}
)
UNITS = {"十": 10, "拾": 10, "百": 100, "佰": 100, "千": 1000, "仟": 1000}
MYRIADS = {"万": 10**4, "亿": 10**8}
_NUMERAL = re.compile(f"[{''.join([*DIGITS, *UNITS])}][{''.join([*DIGITS, *UNITS, *MYRIADS])}]*")


def number_of(numeral: str) -> int:
    """Read a numeral; a row of digits without units is read digit by digit."""
    if not any(mark in UNITS or mark in MYRIADS for mark in numeral):
        return int("".join(str(DIGITS[mark]) for mark in numeral))
    large = total = section = digit = 0
    for mark in numeral:
        if mark in DIGITS:
            digit = DIGITS[mark]
        elif mark in UNITS:
            section += (digit or 1) * UNITS[mark]
            digit = 0
        elif mark == "亿":
            large = (large + total + section + digit) * MYRIADS[mark]
            total = section = digit = 0
        else:
            total = (total + section + digit) * MYRIADS[mark]
            section = digit = 0
    return large + total + section + digit


def with_digits(text: str) -> str:
    """Write the numerals of a text as digits."""
    return _NUMERAL.sub(lambda found: str(number_of(found[0])), text)
