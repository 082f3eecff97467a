"""Cut very long texts for SentencePiece, which needs about 50 bytes a character of a text."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

LONG_TEXT = 1 << 20
"""Characters from which on a text is encoded in parts."""

_CROSSES_A_CUT = re.compile("\n|[^\u2581]\u2581")


def may_cut(entries: Iterable[str]) -> bool:
    """Return whether no entry reaches over a line feed, or from a word over a space into the next.

    Then a text may be cut there. For unigram that holds but for rounding: SentencePiece sums scores
    from the start of a text in 32 bits, and from a cut on they are summed anew.
    """
    return not any(_CROSSES_A_CUT.search(entry) for entry in entries)


def pieces(text: str) -> Iterator[str]:
    """Cut a text behind line feeds or before spaces into parts of up to `LONG_TEXT` characters.

    A text with neither stays longer.
    """
    start = 0
    while len(text) - start > LONG_TEXT:
        # No cut within the length: at the next line feed, wherever that is.
        cut = _last_cut(text, start, start + LONG_TEXT) or text.find("\n", start) + 1
        if not cut:
            break
        yield text[start:cut]
        start = cut
    yield text[start:]


def _last_cut(text: str, start: int, end: int) -> int:
    """Return the last place to cut a text between two places, or 0."""
    if line := text.rfind("\n", start, end) + 1:
        return line
    space = text.rfind(" ", start + 1, end)
    # Before the first of several spaces: entries may hold several, and none is to be cut.
    while space > 0 and text[space - 1] == " ":
        space = text.rfind(" ", start + 1, space)
    return max(space, 0)
