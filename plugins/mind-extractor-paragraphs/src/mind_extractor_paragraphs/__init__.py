"""An extractor for mind-clean: the paragraphs (<p>) of a page, and nothing else."""

from __future__ import annotations

from dataclasses import dataclass
from html.parser import HTMLParser

from mind_clean import Extractor, hookimpl
from mind_core import Offers

BLOCKS = "p div section article main ul ol table h1 h2 h3 h4 h5 h6 body nav footer aside"
ENDS = frozenset(BLOCKS.split())


class _Paragraphs(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.found: list[str] = []
        self.open: list[str] | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:  # noqa: ARG002
        if tag in ENDS:  # a paragraph that was not closed ends where the next block begins
            self.end()
        if tag == "p":
            self.open = []

    def handle_endtag(self, tag: str) -> None:
        if tag in ENDS:
            self.end()

    def handle_data(self, data: str) -> None:
        if self.open is not None:
            self.open.append(data)

    def end(self) -> None:
        if self.open is not None:
            self.found.append(" ".join("".join(self.open).split()))
        self.open = None


@dataclass(frozen=True)
class Paragraphs:
    """Take the paragraphs of a page that hold at least `min_characters`."""

    min_characters: int = 20

    def __call__(self, html: str, url: str | None) -> str | None:  # noqa: ARG002
        """Return the text, or None if the page has no such paragraph."""
        parser = _Paragraphs()
        parser.feed(html)
        parser.close()
        # A paragraph that is open at the end of the page is one too.
        parser.end()
        kept = [text for text in parser.found if len(text) >= self.min_characters]
        return "\n\n".join(kept) or None


@hookimpl
def register_extractors() -> Offers[Extractor]:
    """Offer the extractor."""
    return {"paragraphs": Paragraphs}
