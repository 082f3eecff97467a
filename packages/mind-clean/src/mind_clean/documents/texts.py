"""Plain text, Markdown and saved web pages: a record each, whatever charset they are in."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from mind_clean.charsets import decode_page
from mind_clean.html_bytes import MAX_UNDECODABLE
from mind_core import Record

LARGEST = 1 << 26
# Bounded, so that a file that begins with a rule (---) is not read to its end for a second one.
_FRONT_MATTER = re.compile(r"---\n(.{0,20000}?)\n(?:---|\.\.\.)\n", re.DOTALL)
_HEADING = re.compile(r"^# ++(\S.*)", re.MULTILINE)


@dataclass(frozen=True)
class PlainText:
    """Read a text file as one record, in whatever charset it is found to be (UTF-8, GB 18030 …)."""

    def __call__(self, path: Path) -> Iterator[Record]:
        """Yield the text; raise `ValueError` if it is none."""
        text, notes = _text_of(path)
        yield {"text": text, "metadata": notes}


@dataclass(frozen=True)
class Markdown:
    """Read a Markdown file as one record; its title and front matter go to `metadata`."""

    def __call__(self, path: Path) -> Iterator[Record]:
        """Yield the text as it is, without its front matter; raise `ValueError` if it is none."""
        text, notes = _text_of(path)
        if (front := _FRONT_MATTER.match(text)) is not None:
            notes["front_matter"] = front[1]
            text = text[front.end() :].lstrip("\n")
        if (heading := _HEADING.search(text)) and (title := heading[1].rstrip(" #")):
            notes["title"] = title
        yield {"text": text, "metadata": notes}


@dataclass(frozen=True)
class Page:
    """Read a file of HTML as a page, which the recipe's extractor takes the text of."""

    def __call__(self, path: Path) -> Iterator[Record]:
        """Yield the page as it is."""
        yield {"html_base64": base64.b64encode(bounded_bytes(path)).decode("ascii")}


def _text_of(path: Path) -> tuple[str, Record]:
    data = bounded_bytes(path)
    found = decode_page(data)
    # Some charset takes nearly any bytes; NUL, which no text holds, tells a binary file.
    if found.undecodable > MAX_UNDECODABLE * max(1, len(found.text)) or "\0" in found.text:
        raise ValueError("it is no text in any charset that is known")
    notes: Record = {} if found.charset == "utf-8" else {"charset": found.charset}
    if found.undecodable:
        notes["undecodable"] = found.undecodable
    return found.text.replace("\r\n", "\n").replace("\r", "\n"), notes


def bounded_bytes(path: Path) -> bytes:
    """Return what a file holds; raise `ValueError` if that is more than a record may have."""
    with path.open("rb") as file:
        data = file.read(LARGEST + 1)
    if len(data) > LARGEST:
        raise ValueError(f"it has more than {LARGEST >> 20} MiB: cut it into several")
    return data
