"""Pages that no parser takes: lone surrogates."""

from __future__ import annotations


def encoded(html: str) -> bytes:
    """Return a page as UTF-8, without lone surrogates: JSON brings none, but a plugin can."""
    try:
        return html.encode()
    except UnicodeEncodeError:
        return html.encode("utf-8", "replace")
