"""Public internet addresses of versions 4 and 6.

Private, local, shared, documentation and reserved ranges (RFC 6890 and its registry) say nothing
about anybody and stay. Four small numbers may as well be a version or a chapter: without a word
before them that speaks of the internet they need one number above 60; at the start of a line, with
a full stop after them, they are a heading.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from mind_clean.pii_rules.context_words import INTERNET, VERSION, cue_before

_BYTE = "(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
_V4_CORE = re.compile(r"\.[0-9]{1,3}\.[0-9]{1,3}\.[0-9]")
_V4 = re.compile(
    rf"(?<![0-9A-Za-z_])(?<![0-9A-Za-z_][.,\-+~])({_BYTE})\.({_BYTE})\.({_BYTE})\.({_BYTE})"
    r"(?![0-9A-Za-z_])(?!\.[0-9A-Za-z])(?!-[0-9A-Za-z])"
)
_V6_CORE = re.compile(":[0-9A-Fa-f]{0,4}:")
_V6 = re.compile(
    r"(?<![0-9A-Za-z:_.])[23][0-9A-Fa-f]{3}:(?:[0-9A-Fa-f]{0,4}:){1,6}[0-9A-Fa-f]{0,4}"
    r"(?![0-9A-Za-z:_])(?!\.[0-9])"
)
_FIRST_HEXTET = 4
"""An address of 2000::/3 begins with four digits."""

_VERSION_REACH = 12
_SURELY_ADDRESS = 60


def find_ip_addresses(text: str, low: int, high: int) -> Iterator[tuple[int, int]]:
    """Yield the spans of public addresses, without port or prefix length."""
    end = low
    # The core begins at the first dot, which is rare, and not at any digit; the address begins one
    # to three digits before it.
    for core in _V4_CORE.finditer(text, low, high):
        for start in range(max(end, core.start() - 3), core.start()):
            match = _V4.match(text, start)
            if match is None:
                continue
            end = match.end()
            numbers = [int(part) for part in match.groups()]
            if is_public_v4(numbers) and not _is_version(text, match, numbers):
                yield match.span()
            break
    end = low
    for core in _V6_CORE.finditer(text, low, high):
        start = core.start() - _FIRST_HEXTET
        if start >= end and (match := _V6.match(text, start)):
            end = match.end()
            if is_public_v6(match[0]):
                yield match.span()


def is_public_v4(numbers: list[int]) -> bool:
    """Say whether four bytes are a globally reachable unicast address (RFC 6890)."""
    first, second, third, _ = numbers
    pair = (first, second)
    return not (
        first in (0, 10, 127)
        or first >= 224
        or pair in ((169, 254), (192, 168), (198, 18), (198, 19))
        or (first == 172 and 16 <= second < 32)
        or (first == 100 and 64 <= second < 128)
        or (first, second, third)
        in ((192, 0, 0), (192, 0, 2), (192, 88, 99), (198, 51, 100), (203, 0, 113))
    )


def is_public_v6(address: str) -> bool:
    """Say whether a text is an address of 2000::/3 that is not for documentation or tunnels."""
    from ipaddress import AddressValueError, IPv6Address

    try:
        value = int(IPv6Address(address))
    except AddressValueError:
        return False
    first, second = value >> 112, value >> 96 & 0xFFFF
    special = first == 0x2001 and (second == 0xDB8 or second < 0x200)
    # An address whose last 64 bits are 0 is a network. 2001:db8::/32 is for documentation,
    # 2001::/23 for protocols, 2002::/16 for tunnels, 3ff0::/12 holds the second range for
    # documentation.
    return value & (1 << 64) - 1 != 0 and not special and first != 0x2002 and first >> 4 != 0x3FF


def _is_version(text: str, match: re.Match[str], numbers: list[int]) -> bool:
    start, end = match.span()
    if cue_before(text, start, VERSION, _VERSION_REACH):
        return True
    if max(numbers) > _SURELY_ADDRESS:
        return False
    heading = text[max(0, start - 1) : start] in ("", "\n") and text[end : end + 2] in (". ", ".\t")
    return heading or not cue_before(text, start, INTERNET)
