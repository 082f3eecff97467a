"""The main text of a page, and what share of the page it is.

Density = visible characters of the kept text / visible characters of the whole page, where visible
characters are the code points that are not white space, and a page's are those of all its text
without scripts, styles, comments, form fields and hidden elements. MindLLM (§2) gives the threshold
(0.75) and "the ratio of text to content in the page", not the denominator. The source of the page
would not do by default: text length / HTML length has a median of 0.1 on real Chinese pages.

Running text = letters of the kept text in blocks that read like sentences; where a judge chose the
blocks, each counts by how sure the judge was of it. No share of a page tells a good page from a bad
one as well as this amount does (docs/benchmarks/mind-clean.md).
"""

from __future__ import annotations

import re

from mind_clean.deferred import DeferredLoops

DENSITY_OF = ("page", "body", "html")
"""What a density is a share of: all the text of a page; that without boilerplate by element,
role or name (navigation, footers, comments …); the source."""

_loop = DeferredLoops()


LONG_BLOCK, SHORT_BLOCK = 80, 25
"""Letters from which on a block counts as running text whole, and at all."""

_SHORT_SENTENCE, _NO_SENTENCE = 0.5, 0.2
_LETTERS_A_HAN = 2.5
_HAN = re.compile("[\u3400-\u9fff\uf900-\ufaff]")
_CLAUSE_END = re.compile(r"[,.;:!?][\"')’”]?(?:\s|$)|[，。；：！？、…]")


class MainText(str):
    """The main text of a page that knows how much text the whole page has."""

    __slots__ = ("page_characters", "running_text")

    page_characters: int
    """Visible characters of the whole page, or of what else its density is to be a share of."""

    running_text: int | None
    """Letters of running text, if the extractor counted them."""

    def __new__(cls, text: str, page_characters: int, running_text: int | None = None) -> MainText:
        """Make it from the kept text and the counts of its page."""
        self = super().__new__(cls, text)
        self.page_characters = page_characters
        self.running_text = running_text
        return self


def running_text(text: str) -> int:
    """Return the letters of running text: those of long lines with sentences.

    A Chinese character is two and a half letters. A line of under 80 letters counts half, one
    without the end of a clause a fifth, one of under 25 not at all. What an extractor counted, who
    sees headings and links as well, holds.
    """
    if isinstance(text, MainText) and text.running_text is not None:
        return text.running_text
    running = 0.0
    for line in text.split("\n"):
        # `len` has counted each Han character once.
        letters = len(line) + (_LETTERS_A_HAN - 1) * len(_HAN.findall(line))
        if letters < SHORT_BLOCK:
            continue
        whole = 1.0 if letters >= LONG_BLOCK else _SHORT_SENTENCE
        running += letters * (whole if _CLAUSE_END.search(line) else _NO_SENTENCE)
    return round(running)


def visible_characters(text: str) -> int:
    """Count the characters that are not white space."""
    if _loop.are_worth_loading(text):
        from mind_clean.character_counts import count_visible

        return count_visible(text)
    return len("".join(text.split()))


def check_density_of(of: str) -> None:
    """Raise `ValueError` for what no density is a share of."""
    if of not in DENSITY_OF:
        raise ValueError(f"density_of is {of!r}, not one of {', '.join(DENSITY_OF)}")
