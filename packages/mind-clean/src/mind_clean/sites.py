"""Which site a page is of."""

from __future__ import annotations

from collections.abc import Collection
from urllib.parse import urlsplit

from mind_core import Record


def site_of(record: Record, by: str = "url") -> str | None:
    """Return the site: the host of `url` without "www." and port, or the `source`; None if unknown.

    A record without a `url` is of no site; by "source" each source is one.
    """
    value = record.get(by)
    if not isinstance(value, str) or not value:
        return None
    return value if by == "source" else host_of(value)


def host_of(url: str) -> str | None:
    """Return the host of an address in lower case, without "www." and port."""
    try:
        host = urlsplit(url if "://" in url else f"//{url}").hostname
    except ValueError:
        return None
    return host.removeprefix("www.") if host else None


def is_of(host: str, sites: Collection[str]) -> bool:
    """Say whether a host is one of the sites, or below one of them."""
    if not sites:
        return False
    labels = host.split(".")
    return any(".".join(labels[start:]) in sites for start in range(len(labels)))
