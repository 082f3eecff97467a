"""Records with the same text, the same letters and digits, or the same address."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar
from urllib.parse import urlsplit

import xxhash

from mind_core.records import Record, text_of


@dataclass(frozen=True)
class Exact:
    """Compare the bytes of the text."""

    decides: ClassVar[str] = "exact_duplicate"

    def __call__(self, record: Record) -> Sequence[bytes]:
        """Return the 128-bit hash of the text."""
        return (xxhash.xxh3_128_digest(text_of(record).encode()),)


_NOT_CONTENT = re.compile(r"[\W_]+")


@dataclass(frozen=True)
class Normalized:
    """Compare the letters and digits of the text: no case, width, space or punctuation."""

    decides: ClassVar[str] = "normalized_duplicate"

    def __call__(self, record: Record) -> Sequence[bytes]:
        """Return the 128-bit hash of the folded text; a text of marks alone stands for itself."""
        text = text_of(record)
        folded = _NOT_CONTENT.sub("", unicodedata.normalize("NFKC", text).casefold())
        return (xxhash.xxh3_128_digest((folded or text).encode()),)


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
        # https://a/ and https://a:443/ are one address.
        place = "" if port in (None, _DEFAULT_PORTS.get(parts.scheme)) else f":{port}"
        query = f"?{parts.query}" if parts.query else ""
        return (f"{host}{place}{parts.path.rstrip('/')}{query}".encode(),)
