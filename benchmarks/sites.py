"""The sites of pages, and their division by a hash: what is learned on some is shown on others."""

from __future__ import annotations

import hashlib
from typing import Any
from urllib.parse import urlsplit

_TENTHS, _HELD_BACK = 10, 3
_SECOND_LEVEL = frozenset({"co", "com", "org", "net", "gov", "edu", "ac"})


def site_of(url: str) -> str:
    """Return the domain under which a site is registered, nearly."""
    parts = (urlsplit(url).hostname or "").lower().split(".")
    two = len(parts) > 2 and parts[-2] in _SECOND_LEVEL and len(parts[-1]) == 2
    return ".".join(parts[-3 if two else -2 :])


def site_of_record(record: dict[str, Any]) -> str:
    """Return the site of a page, or the beginning of its id where it has no address."""
    return site_of(record.get("url") or "") or str(record["id"])[:12]


def part_of(site: str, parts: int, salt: str = "") -> int:
    """Return the part, 0 to parts - 1, that a site belongs to."""
    return int(hashlib.sha256((salt + site).encode()).hexdigest()[:8], 16) % parts


def is_held_back(site: str) -> bool:
    """Tell whether a site is of the three tenths that nothing is trained on."""
    return part_of(site, _TENTHS) < _HELD_BACK
