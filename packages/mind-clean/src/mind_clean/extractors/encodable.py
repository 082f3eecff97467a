"""Pages that no parser takes: lone surrogates."""

from __future__ import annotations


def encodable(html: str) -> str:
    """Replace lone surrogates, which JSON input cannot bring but a plugin can."""
    try:
        html.encode("utf-8")
    except UnicodeEncodeError:
        return html.encode("utf-8", "replace").decode("utf-8")
    return html
