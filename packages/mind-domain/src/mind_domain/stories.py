"""When two texts tell the same story: a key that copies share."""

from __future__ import annotations

import re
import unicodedata

_NOISE = re.compile(
    r"https?://\S+|\bURL\b"  # addresses, as they are and as data sets mask them
    r"|\$\s?[A-Za-z][\w.]*(?:\s/\s\w+)?"  # cashtags: the same story is sent to many shares
    r"|[\d.,:%]+"  # numbers and times; marks alone would go as separators
)
_SEPARATORS = re.compile(r"[\W_]+")


def story_key(text: str) -> str:
    """Reduce a text to its words: no addresses, cashtags, numbers, marks, case or widths.

    A text of which no word is left is its own key, so that two charts without words are no copies.
    """
    plain = unicodedata.normalize("NFKC", text)
    key = _SEPARATORS.sub(" ", _NOISE.sub(" ", plain)).strip().casefold()
    return key or text
