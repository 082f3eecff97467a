"""What a plugin can add to mind-clean. Hooks are called once at start, never per record."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Protocol

import pluggy

from mind_core import Offers, Record

hookspec = pluggy.HookspecMarker("mind_clean")
hookimpl = pluggy.HookimplMarker("mind_clean")


class Extractor(Protocol):
    """Take the text of a page."""

    def __call__(self, html: str, url: str | None) -> str | None:
        """Return the main text, or None (or blank text) if there is none.

        A `MainText` also says how many visible characters the whole page has; for plain text the
        pipeline counts them itself.
        """


class Transform(Protocol):
    """Change a record."""

    def __call__(self, record: Record) -> Record:
        """Return a new record, or the same object if nothing changed; never touch the argument.

        A transform with an option `spans` gets `spans=True` under --mark.
        """


class Filter(Protocol):
    """Judge a record."""

    def __call__(self, record: Record) -> str | None:
        """Return why to drop the record, in a snake_case word; None keeps it.

        A `mind_core.Reason` also carries the measured value and the threshold.
        """


class DocumentReader(Protocol):
    """Read a document from a file."""

    def __call__(self, path: Path) -> Iterable[Record]:
        """Yield its records: the whole, or a chapter each with `metadata.chapter`.

        Each has `text`, or a page in `html` or `html_base64` for the recipe's extractor. Raises
        `ValueError`, with the cause, for a file that is damaged or protected.
        """


@hookspec
def register_documents() -> Offers[DocumentReader]:
    """Kinds of documents for `--from files`, each under the ending of its files: "epub"."""


@hookspec
def register_extractors() -> Offers[Extractor]:
    """Ways from the HTML of a page to its main text."""


@hookspec
def register_transforms() -> Offers[Transform]:
    """Steps that change a record: its text, or what is noted on it."""


@hookspec
def register_filters() -> Offers[Filter]:
    """Steps that drop a record: density, length, language, quality."""
