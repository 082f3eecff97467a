"""Read PDF files as records, their lines joined to paragraphs (pypdf)."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from mind_clean import DocumentReader, hookimpl
from mind_core import Offers, Record

LARGEST = 1 << 28
MAX_CHARACTERS = 1 << 24
FULL = 0.8
"""A line of at least this share of the width of the text goes on in the next one."""

REPEATED = 0.5
MIN_PAGES = 4
"""A first or last line that stands on half of the pages, of at least so many, is no text."""

_ENDS = tuple("。！？；：…”」』.!?;:")
# Numbers of pages: digits anywhere, Roman numerals at the end of a line alone.
_DIGITS = re.compile(r"\d++|(?<![ivxlc])[ivxlc]++$")


@dataclass(frozen=True)
class Pdf:
    """Read a PDF as one record: its pages in order, lines joined, headers and footers left out."""

    def __call__(self, path: Path) -> Iterator[Record]:
        """Yield the text; raise `ValueError` for a damaged or protected file, or a scan."""
        pages, metadata = _read(path)
        removed = _running_lines(pages)
        kept = [[line for line in page if _key(line) not in removed] for page in pages]
        lines = [line for page in kept for line in page]
        if not any(line.strip() for line in lines):
            raise ValueError(f"it has {len(pages)} pages and no text: a scan needs OCR first")
        metadata |= {"pages": len(pages)}
        if lost := sum(map(len, pages)) - len(lines):
            metadata["running_lines"] = lost
        yield {"text": joined(lines), "metadata": metadata}


@hookimpl
def register_documents() -> Offers[DocumentReader]:
    """Offer PDF to mind-clean."""
    return {"pdf": Pdf}


def joined(lines: Sequence[str]) -> str:
    """Return lines as paragraphs: a full line without an end goes on in the next one."""
    widths = sorted(_width(line) for line in lines if line.strip())
    # The 90th percentile is the width of the column; the widest line may be a table or a broken
    # one.
    full = FULL * widths[int(0.9 * (len(widths) - 1))] if widths else 0.0
    paragraphs: list[str] = []
    goes_on = False
    for line in lines:
        line = line.strip()
        if not line:
            goes_on = False
            continue
        if goes_on:
            paragraphs[-1] = _put_together(paragraphs[-1], line)
        else:
            paragraphs.append(line)
        goes_on = _width(line) >= full and not line.endswith(_ENDS)
    return "\n\n".join(paragraphs)


def _put_together(before: str, line: str) -> str:
    # A hyphen before a small letter divides a word ("exam-" "ple"); before a capital it stays.
    if before.endswith("-") and len(before) > 1 and before[-2].isalpha() and line[0].islower():
        return before[:-1] + line
    # Chinese has no blank at the end of a line.
    between = " " if before[-1].isascii() or line[0].isascii() else ""
    return before + between + line


def _width(line: str) -> int:
    """Return columns: a Chinese character takes two."""
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in line.strip())


def _running_lines(pages: Sequence[Sequence[str]]) -> frozenset[str]:
    """Return the lines at the edges of pages that repeat but for their numbers."""
    if len(pages) < MIN_PAGES:
        return frozenset()
    seen: Counter[str] = Counter()
    for page in pages:
        lines = [line for line in page if line.strip()]
        seen.update({_key(line) for line in lines[:1] + lines[-1:]})
    return frozenset(key for key, times in seen.items() if times >= REPEATED * len(pages))


def _key(line: str) -> str:
    return _DIGITS.sub("#", line.strip().lower())


def _read(path: Path) -> tuple[list[list[str]], Record]:
    """Return the lines of each page, and title and author where the file has them."""
    import logging

    from pypdf import PdfReader
    from pypdf.errors import PyPdfError

    # What it says of a damaged file repeats bytes of it, on the terminal as they are.
    logging.getLogger("pypdf").setLevel(logging.CRITICAL)

    if path.stat().st_size > LARGEST:
        raise ValueError(f"it has more than {LARGEST >> 20} MiB: split it")
    try:
        reader = PdfReader(path)
        # Many files forbid printing or copying by a password of their own and open with the empty
        # one.
        if reader.is_encrypted and not reader.decrypt(""):
            raise ValueError("it needs a password")
        pages, characters = [], 0
        for page in reader.pages:
            text = page.extract_text()
            characters += len(text)
            # Asked page by page, so that a small file that holds a great many is left early.
            if characters > MAX_CHARACTERS:
                raise ValueError(f"it has more than {MAX_CHARACTERS:,} characters: split it")
            pages.append(text.split("\n"))
        told = reader.metadata
        named = {"title": told.title, "creator": told.author} if told else {}
    except PyPdfError as error:
        raise ValueError(f"it is damaged: {error}") from None
    return pages, {key: str(value) for key, value in named.items() if value}
