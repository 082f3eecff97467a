"""Records of the same address."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar
from urllib.parse import urlsplit

from mind_core.records import Record

_DEFAULT_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True)
class Url:
    """Compare the address: no scheme, fragment, letter case of the host, or slash at the end."""

    decides: ClassVar[str] = "same_url"
    needs_text: ClassVar[bool] = False

    def __call__(self, record: Record) -> Sequence[bytes]:
        """Return the folded `url`; a record without one has no key and stays."""
        url = record.get("url")
        if not isinstance(url, str) or not url.strip():
            return ()
        try:
            parts = urlsplit(url.strip())
            host, port = parts.hostname or "", parts.port
        except ValueError:  # no address at all: it stands for itself
            return (url.strip().encode(),)
        place = "" if port in (None, _DEFAULT_PORTS.get(parts.scheme)) else f":{port}"
        query = f"?{parts.query}" if parts.query else ""
        return (f"{host}{place}{parts.path.rstrip('/')}{query}".encode(),)
