"""Main text with trafilatura, the best known extractor, which is an extra of this package."""

from __future__ import annotations

import logging
from configparser import ConfigParser
from dataclasses import dataclass
from functools import cache
from typing import Any

from mind_clean.density import page_characters
from mind_clean.extractors.bounds import bounded, encode_page
from mind_clean.extractors.wide_characters import join_han_lines
from mind_clean.extractors.xhtml import with_end_tags
from mind_clean.main_text import MainText, check_density_of
from mind_core.errors import UsageError

_FAVOUR = ("balance", "precision", "recall")


@dataclass(frozen=True)
class Trafilatura:
    """Keep the main text of a page with trafilatura; a page without any is dropped.

    Needs `pip install mind-clean[trafilatura]`.
    """

    favour: str = "balance"
    """"balance", "precision" or "recall"."""
    fast: bool = False
    """Without its second opinions (jusText, readability)."""
    comments: bool = False
    tables: bool = True
    min_characters: int = 25
    """Below this it looks elsewhere on the page; its own 250 are a long Chinese article."""
    density_of: str = "page"
    """What the density is a share of: "page", "body" (without navigation …) or "html"."""

    def __post_init__(self) -> None:
        """Refuse words that mean nothing, and to run without trafilatura."""
        check_density_of(self.density_of)
        if self.favour not in _FAVOUR:
            raise ValueError(f"favour is {self.favour!r}, not one of {', '.join(_FAVOUR)}")
        if self.min_characters < 0:
            raise ValueError(f"min_characters is {self.min_characters}, not a count, 0 or more")
        library()

    def __call__(self, html: str, url: str | None) -> MainText | None:
        """Return the main text with the page's count of visible characters."""
        page = join_han_lines(with_end_tags(encode_page(html)).decode())
        # lxml, which it parses with, refuses a text with NUL.
        page = bounded(page.encode()).decode().replace("\0", "")
        text = library().extract(
            page,
            url=url,
            fast=self.fast,
            favor_precision=self.favour == "precision",
            favor_recall=self.favour == "recall",
            include_comments=self.comments,
            include_tables=self.tables,
            config=_config(self.min_characters),
        )
        if not text or not text.strip():
            return None
        return MainText(text, page_characters(html, self.density_of))


@cache
def library() -> Any:
    """Return trafilatura; raise `UsageError` where it is not installed."""
    try:
        import trafilatura
    except ImportError as error:
        raise UsageError(
            "the extractor trafilatura needs a package that is not there",
            cause=error,
            hint="pip install trafilatura lxml_html_clean",
        ) from error
    logging.getLogger("trafilatura").setLevel(logging.CRITICAL)  # it logs every odd page
    return trafilatura


@cache
def _config(min_characters: int) -> ConfigParser:
    from copy import deepcopy

    from trafilatura.settings import DEFAULT_CONFIG

    config: ConfigParser = deepcopy(DEFAULT_CONFIG)
    config["DEFAULT"]["MIN_EXTRACTED_SIZE"] = str(min_characters)
    # Whether a short text is worth keeping is the recipe's question.
    config["DEFAULT"]["MIN_OUTPUT_SIZE"] = "1"
    return config
