"""The main text of a page, by scoring its blocks."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import compress, pairwise

import numpy as np

from mind_clean.extractors.blocks.block_scores import MAX_VALUE_PER_UNIT
from mind_clean.extractors.blocks.chinese_lines import drop_boilerplate_lines
from mind_clean.extractors.blocks.element_rules import element_traits
from mind_clean.extractors.blocks.named_parts import (
    AUTO,
    CHOICES_OF_PARTS,
    choose_comments,
    choose_title,
)
from mind_clean.extractors.blocks.page import TEXT_END, UNITS, VALUE, Floats, Page
from mind_clean.extractors.blocks.parse import parse_page as parse
from mind_clean.extractors.blocks.render import render
from mind_clean.extractors.blocks.select_blocks import choose_blocks, keep_all_but_boilerplate
from mind_clean.extractors.bounds import encode_page
from mind_clean.extractors.content.rewrite import FORMATS, MATH, Rewriting
from mind_clean.letters import count_letters
from mind_clean.main_text import (
    MainText,
    check_density_of,
    visible_characters,
)


@dataclass(frozen=True)
class Blocks:
    """Keep the main text of a page by scoring its blocks; a page without any is dropped."""

    list_bullets: bool = True
    density_of: str = "page"
    """What the density is a share of: "page", "body" (without navigation …) or "html"."""
    choice: str = "auto"
    """Who chooses the blocks: "rules", "learned", a judge that was trained on pages, or "auto":
    the judge, but the rules on Chinese pages and on fragments, of which it has seen few."""
    format: str = "text"
    """"text", or "markdown": headings, lists, code fences, emphasis, links and tables marked."""
    math: str = "dollar"
    """What is around formulas: "dollar", "backslash" (\\( and \\)); "none" leaves them alone."""
    tables: str = "text"
    """"text", a line for each row, or "markdown"."""
    links: bool = True
    """Whether Markdown keeps the addresses of links."""
    title: str = "auto"
    """The title of the page above its text: "keep", "drop", or "auto", as it was judged."""
    comments: str = "auto"
    """The same of the comments of readers, where they are named so."""

    def __post_init__(self) -> None:
        """Refuse a word that means nothing."""
        check_density_of(self.density_of)
        known = (("choice", CHOICES), ("format", FORMATS), ("math", MATH), ("tables", FORMATS),
                 ("title", CHOICES_OF_PARTS), ("comments", CHOICES_OF_PARTS))  # fmt: skip
        for name, values in known:
            if getattr(self, name) not in values:
                raise ValueError(
                    f"{name} is {getattr(self, name)!r}, not one of {', '.join(values)}"
                )

    def prepare(self) -> None:
        """Load the kernels before workers start."""
        self(_SAMPLE, None)
        count_characters(parse(_SAMPLE), _SAMPLE, "body")
        count_letters(_SAMPLE)

    def __call__(self, html: str, url: str | None) -> MainText | None:  # noqa: ARG002
        """Return the main text with the page's count of visible characters."""
        chinese = is_chinese(html)
        learned = self.choice == "learned" or (self.choice == "auto" and not chinese)
        rewriting = Rewriting(self.format, self.math, self.tables, self.links)
        # The judge looks at boilerplate too, and may find text in it; the rules only count it.
        page = parse(html, skip_boilerplate=not learned, rewrite=rewriting.tree)
        if page is None or not len(page.blocks):
            return None
        kept = choose_blocks(page.containers, page.blocks, page.scores, element_traits())
        values = page.scores[:, VALUE]
        if learned and (
            self.choice == "learned" or page.blocks[:, UNITS].sum() >= _MIN_LEARNED_UNITS
        ):
            from mind_clean.extractors.blocks.judge import choose_best
            from mind_clean.extractors.blocks.learned import probabilities_of

            probabilities = probabilities_of(page, kept)
            kept = choose_best(page.blocks, probabilities)
            values = values * _certainty(probabilities)
        if chinese:
            kept = drop_boilerplate_lines(page, kept)
        if self.title != AUTO:
            kept = choose_title(page, kept, html, self.title)
        if self.comments != AUTO:
            kept = choose_comments(page, kept, self.comments)
        parts = page.containers, page.blocks, element_traits(), page.text, kept
        text = rewriting.finish(render(*parts, self.list_bullets).tobytes())
        if not text.strip():
            return None
        running = round(float(values[kept].sum()) / MAX_VALUE_PER_UNIT)
        return MainText(text, count_characters(page, html, self.density_of), running)


CHOICES = ("auto", "rules", "learned")

_MIN_CERTAIN = 0.5
"""Probability of main text from which on a block adds to the running text of its page.

On a page that lost its text the judge takes biographies, notices and readers' comments for want of
better, and is less sure of them (docs/benchmarks/mind-clean.md, "Pages worth keeping").
"""


def _certainty(probabilities: Floats) -> Floats:
    """Return what share of each block counts: none up to `_MIN_CERTAIN`, all of it at 1."""
    return np.maximum(0.0, (probabilities - _MIN_CERTAIN) / (1 - _MIN_CERTAIN))


_MIN_LEARNED_UNITS = 600
"""Units: with less text it is a fragment or a shell, no page of a site."""

_MIN_HAN_SHARE = 0.02
"""Of the source. Of 247 Chinese pages with gold text the least has 0.022, of 958 others with Latin
script all but one have under 0.013."""


def is_chinese(html: str) -> bool:
    """Tell whether the Han characters of a page's source are more than those of a few names."""
    data = np.frombuffer(encode_page(html), np.uint8)
    # E4 to E9 are the first of three bytes of nearly all Han (U+4000 to U+9FFF).
    return int(np.count_nonzero((data >= 0xE4) & (data <= 0xE9))) * 3 > _MIN_HAN_SHARE * len(data)


_SAMPLE = "<?xml><p>tea<i/>茶</p><nav>x</nav>" + "<br>" * 5000
"""A page that needs every kernel."""


def count_characters(page: Page | None, html: str, of: str) -> int:
    """Return the visible characters of which a density is a share (see `DENSITY_OF`)."""
    if of == "html":
        return visible_characters(html)
    if page is None or not len(page.blocks):
        return 0
    if of == "page":
        return page.characters
    kept = keep_all_but_boilerplate(page.containers, page.blocks, page.scores)
    text, ends = page.text.tobytes(), page.blocks[:, TEXT_END].tolist()
    texts = [text[start:end] for start, end in pairwise([0, *ends])]
    return visible_characters(b" ".join(compress(texts, kept.tolist())).decode())
