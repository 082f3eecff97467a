"""E-mail addresses, also where they are glued to Chinese.

Han characters count as word characters in regular expressions, so a rule that begins with a word
boundary misses 邮箱abc@example.com. This one looks from each @ in both directions instead, which
also bounds its time.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from mind_clean.pii_rules.disguised_email import find_disguised

_LOCAL = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._%+-")
_LONGEST_LOCAL = 64  # RFC 5321 §4.5.3.1.1
_DOMAIN = re.compile(
    r"(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.){1,8}([A-Za-z]{2,24})(?![A-Za-z0-9_-])"
)
_UNITS = "service socket target timer mount automount device slice scope swap path"
"""What systemd's units end in: getty@tty1.service."""

_FILES = "png jpg jpeg gif svg webp ico css js json html htm xml txt pdf conf cfg py sh so log"
"""What files end in: icon@2x.png."""

_NOT_TOP_LEVEL = frozenset(f"{_UNITS} {_FILES}".split())
_NOT_PERSONAL = frozenset(("git", "svn", "hg", "anonymous"))
"""Accounts that everybody shares: git@host.org:repository is an address of code."""


def find_emails(text: str, low: int, high: int) -> Iterator[tuple[int, int]]:
    """Yield the spans of addresses."""
    end = low
    at = text.find("@", low, high)
    while at >= 0:
        start = _local_start(text, at, end)
        domain = _DOMAIN.match(text, at + 1)
        if start < at and domain and _is_address(text, start, at, domain):
            end = domain.end()
            yield start, end
        at = text.find("@", max(at + 1, end), high)
    yield from find_disguised(text, low, high)


def _local_start(text: str, at: int, low: int) -> int:
    """Return where the part before the @ begins; `at` itself if there is none."""
    start = at
    low = max(low, at - _LONGEST_LOCAL)
    while start > low and text[start - 1] in _LOCAL:
        start -= 1
    # An address does not begin with these; they belong to what is before it ("...abc@host.org").
    while start < at and text[start] in ".-%+":
        start += 1
    return at if text[at - 1] == "." else start


def _is_address(text: str, start: int, at: int, domain: re.Match[str]) -> bool:
    local = text[start:at]
    if domain[1].lower() in _NOT_TOP_LEVEL or local.lower() in _NOT_PERSONAL:
        return False
    before = text[max(0, start - 3) : start]
    if local[0] == "_" and before.endswith("\\"):
        return False  # \_SB.PCI0.port@1.endpoint: a path of ACPI
    # ssh://user@host and https://user:password@host are addresses of machines.
    in_url = before == "://" or (before[2:] == ":" and "://" in text[max(0, start - 80) : start])
    return not (in_url and not text[start - 7 : start].lower().endswith("mailto:"))
