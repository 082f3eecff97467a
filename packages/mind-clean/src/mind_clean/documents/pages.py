"""Saved web pages: a record each, whose bytes the workers decode and extract."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from mind_clean.documents.texts import bounded_bytes
from mind_core import Record


@dataclass(frozen=True)
class Page:
    """Read a file of HTML as a page, which the recipe's extractor takes the text of."""

    def __call__(self, path: Path) -> Iterator[Record]:
        """Yield the page as it is."""
        yield {"html_base64": base64.b64encode(bounded_bytes(path)).decode("ascii")}
