"""The main text of a page, by scoring its blocks."""

from __future__ import annotations

from dataclasses import dataclass

from mind_clean.extractors.blocks.boilerplate import (
    drop_apart,
    drop_apart_from,
    drop_outside,
    main_element,
)
from mind_clean.extractors.blocks.core import (
    nothing_tells_columns_apart,
    path_to_core,
    take_neighbours,
)
from mind_clean.extractors.blocks.elements import HEADINGS
from mind_clean.extractors.blocks.linked import drop_links
from mind_clean.extractors.blocks.page import Page
from mind_clean.extractors.blocks.read import read
from mind_clean.extractors.blocks.render import render
from mind_clean.main_text import MainText, check_density_of, visible_characters


@dataclass(frozen=True)
class Blocks:
    """Keep the main text of a page by scoring its blocks; a page without any is dropped."""

    list_bullets: bool = True
    density_of: str = "page"
    """What the density is a share of: "page", "body" (without navigation …) or "html"."""

    def __post_init__(self) -> None:
        """Refuse a word that means nothing."""
        check_density_of(self.density_of)

    def __call__(self, html: str, url: str | None) -> MainText | None:  # noqa: ARG002
        """Return the main text with the page's count of visible characters."""
        page = read(html)
        text = render(page, main_blocks(page), self.list_bullets)
        return MainText(text, characters(page, html, self.density_of)) if text.strip() else None


def main_blocks(page: Page) -> bytearray:
    """Return a 1 for each block of the main text, a 0 for each other."""
    kept = bytearray(b"\1") * len(page.texts)
    if not kept:
        return kept
    main = main_element(page)
    drop_outside(page, kept, main)
    apart = drop_apart(page, kept, main)
    path = path_to_core(page, kept, main, apart)
    if nothing_tells_columns_apart(page, kept, path):
        return kept
    if apart:
        drop_apart_from(page, kept, apart, path)
    taken = take_neighbours(page, kept, path)
    kept = bytearray(a & b for a, b in zip(kept, taken, strict=True))
    drop_links(page, kept, path, main)
    _drop_last_headings(page, kept)
    return kept


def _drop_last_headings(page: Page, kept: bytearray) -> None:
    """Drop headings at the end, below which nothing was kept ("Read next")."""
    if all(kind in HEADINGS for kind, k in zip(page.kinds, kept, strict=True) if k):
        return
    while page.kinds[last := kept.rfind(1)] in HEADINGS:
        kept[last] = 0


def characters(page: Page, html: str, of: str) -> int:
    """Return the visible characters of which a density is a share (see `DENSITY_OF`)."""
    if of == "html":
        return visible_characters(html)
    if of == "page":
        return page.characters
    kept = bytearray(b"\1") * len(page.texts)
    drop_apart(page, kept, 0)
    return sum(visible_characters(text) for text, k in zip(page.texts, kept, strict=True) if k)
