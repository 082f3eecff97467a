"""When two texts tell the same story: a key that copies share."""

from __future__ import annotations

import re
import unicodedata

_RETWEET = re.compile(r"^\s*(?:rt|mt|via)\s+(?:@\s?\w+|AT_USER)\s*:?\s*", re.IGNORECASE)
_NOISE = re.compile(
    r"https?://\S+|\bURL\b"  # addresses, as they are and as data sets mask them
    r"|@\w+|\bAT_USER\b"  # who is spoken to
    r"|\$\s?[A-Za-z][\w.]*(?:\s/\s\w+)?"  # cashtags: the same story is sent to many shares
    r"|[\d.,:%]+"  # numbers and times; marks alone would go as separators
)
_SEPARATORS = re.compile(r"[\W_]+")


def strip_noise(text: str) -> str:
    """Return a text without marks of passing on (RT @user:), addresses, tickers and numbers."""
    plain = unicodedata.normalize("NFKC", text)
    while (shorter := _RETWEET.sub("", plain)) != plain:
        plain = shorter
    return _NOISE.sub(" ", plain)


def story_key(text: str) -> str:
    """Reduce a text to its words: no RT marks, addresses, cashtags, numbers, marks, case or widths.

    A text of which no word is left is its own key, so that two charts without words are no copies.
    """
    key = _SEPARATORS.sub(" ", strip_noise(text)).strip().casefold()
    return key or text
