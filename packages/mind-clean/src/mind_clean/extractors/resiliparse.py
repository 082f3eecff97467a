"""Main text with resiliparse: lexbor's parser and rules on element names and classes."""

from __future__ import annotations

from dataclasses import dataclass

from resiliparse.extract.html2text import extract_plain_text
from resiliparse.parse.html import HTMLTree

from mind_clean.density import page_characters
from mind_clean.extractors.bounds import bounded, encode_page, parsed
from mind_clean.extractors.wide_characters import (
    join_han_lines,
    protect_single_characters,
    restore_single_characters,
)
from mind_clean.extractors.xhtml import with_end_tags
from mind_clean.main_text import (
    MainText,
    check_density_of,
    visible_characters,
)


@dataclass(frozen=True)
class Resiliparse:
    """Keep the main text of a page with resiliparse; a page without any is dropped."""

    list_bullets: bool = True
    alt_texts: bool = False
    """Texts in place of images; most on real pages are the likes of "Icon"."""
    density_of: str = "page"
    """What the density is a share of: "page", "body" (without navigation …) or "html"."""

    def __post_init__(self) -> None:
        """Refuse a word that means nothing."""
        check_density_of(self.density_of)

    def __call__(self, html: str, url: str | None) -> MainText | None:  # noqa: ARG002
        """Return the main text with the page's count of visible characters."""
        tree = parse(html)
        text: str = extract_plain_text(
            tree,
            main_content=True,
            preserve_formatting=True,
            list_bullets=self.list_bullets,
            alt_texts=self.alt_texts,
        )
        text = restore_single_characters(text)
        if not text.strip():
            return None
        if self.density_of != "page":
            return MainText(text, page_characters(html, self.density_of))
        # The tree that is there already says how much text the page has; other measures parse it
        # again.
        return MainText(text, visible_characters(whole_text(tree)))


def parse(html: str) -> HTMLTree:
    """Parse a page, hostile ones too; Chinese lines that the source breaks are joined."""
    html = protect_single_characters(join_han_lines(with_end_tags(encode_page(html)).decode()))
    return parsed(HTMLTree.parse, bounded(html.encode()).decode())


def whole_text(tree: HTMLTree) -> str:
    """Return all the visible text of a page."""
    text: str = extract_plain_text(tree, main_content=False, list_bullets=True, alt_texts=False)
    return restore_single_characters(text)
