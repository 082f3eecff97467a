"""What share of a page its main text is: see `main_text` for what is counted."""

from __future__ import annotations

from mind_clean.main_text import MainText, visible_characters


def page_characters(html: str, of: str = "page") -> int:
    """Count the visible characters of a page, its body or its source (see `DENSITY_OF`)."""
    from mind_clean.extractors.blocks.extract import count_characters
    from mind_clean.extractors.blocks.parse import parse_page

    return (
        visible_characters(html) if of == "html" else count_characters(parse_page(html), html, of)
    )


def density(text: str, html: str) -> float:
    """Return the share of a page's visible characters that its main text holds, to four places.

    Marks that an extractor adds can lift the share above one; it is cut there.
    """
    page = text.page_characters if isinstance(text, MainText) else page_characters(html)
    return round(min(1.0, visible_characters(text) / max(1, page)), 4)
