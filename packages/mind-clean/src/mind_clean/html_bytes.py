"""A page that came as bytes: `html_base64`, with what HTTP said of it in `metadata.http`."""

from __future__ import annotations

import binascii
import re
from base64 import b64decode
from dataclasses import dataclass
from typing import Any

from mind_clean.charsets import decode_page
from mind_clean.http_codings import LARGEST_BODY, TooLargeError, decode_body
from mind_core import Reason, Record
from mind_core.errors import BadRecord

HTML = "html"
BYTES = "html_base64"

MAX_UNDECODABLE = 0.05
"""A page of which more could not be read is no text in any charset: an image, a cut archive."""

_FIRST_ELSEWHERE, _FIRST_ERROR = 300, 400
"""From these on, what the server sent is a message of its own: that a page is elsewhere, or an
error (RFC 9110 §15)."""

PAGE_TYPES = ("text/html", "application/xhtml+xml", "text/plain", "application/xml", "text/xml")


_PLAIN = "text/plain"
_BOOKKEEPING = "metadata://"
"""Addresses of what a crawler writes of itself into an archive: its options, its log (wget)."""

_MARKUP = re.compile(r"<(?:!doctype html|html|head|body|div|p|table)\b", re.IGNORECASE)
_SEEN_OF_PLAIN = 2000


@dataclass(frozen=True)
class Page:
    """A page that was decoded: its HTML, or a text that is no HTML, and what to note of it."""

    html: str
    notes: Record
    is_text: bool = False


def page_of(record: Record, position: str, line: bytes) -> Page | Reason:
    """Return the page and what to note of it, or why it is no page.

    Raises `BadRecord` if the field is not base64.
    """
    http = _http(record)
    status = http.get("status")
    if isinstance(status, int) and status >= _FIRST_ELSEWHERE:
        return Reason("http_error" if status >= _FIRST_ERROR else "http_redirect", status)
    content_type = http.get("content_type")
    kind = content_type.split(";")[0].strip().lower() if isinstance(content_type, str) else ""
    # A server that says no type is believed to send pages.
    if kind and kind not in PAGE_TYPES:
        return Reason("not_html", kind)
    if str(record.get("url")).startswith(_BOOKKEEPING):
        return Reason("not_html", _BOOKKEEPING)
    # Set by the reader of archives for a page that it left out as too large.
    size = http.get("bytes")
    if isinstance(size, int):
        return Reason("too_large", size, LARGEST_BODY)
    try:
        data = b64decode(record[BYTES], validate=True)
    except (binascii.Error, TypeError, ValueError) as error:
        raise BadRecord("wrong_type", position, line, cause=f"{BYTES!r}: {error}") from None
    codings = (http.get("content_encoding"), http.get("transfer_encoding"))
    try:
        data = decode_body(data, *(said if isinstance(said, str) else "" for said in codings))
    except TooLargeError:
        return Reason("too_large", None, LARGEST_BODY)
    except ValueError as error:
        return Reason("damaged_body", str(error))
    charset = http.get("charset")
    page = decode_page(data, charset if isinstance(charset, str) else None)
    share = page.undecodable / max(1, len(page.text))
    if share > MAX_UNDECODABLE:
        return Reason("undecodable", round(share, 4), MAX_UNDECODABLE)
    notes: Record = {"charset": page.charset}
    if page.undecodable:
        notes["undecodable"] = page.undecodable
    # Servers send pages as text/plain too; one with tags at its start goes to the extractor.
    if kind == _PLAIN and _MARKUP.search(page.text[:_SEEN_OF_PLAIN]) is None:
        return Page(page.text.replace("\r\n", "\n").replace("\r", "\n"), notes, is_text=True)
    return Page(page.text, notes)


def _http(record: Record) -> dict[str, Any]:
    metadata = record.get("metadata")
    http = metadata.get("http") if isinstance(metadata, dict) else None
    return http if isinstance(http, dict) else {}
