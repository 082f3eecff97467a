"""Which texts are near copies of earlier texts: exact Jaccard similarity, none missed."""

from __future__ import annotations

import math
import re
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from mind_core.text.scripts import HAN

SHINGLE = 3
_WORD = re.compile(f"[{HAN}]|[^\\W{HAN}]+")
_LETTERS = re.compile(f"[{HAN}]|[^\\W\\d_{HAN}]+")
_PASSING_ON = {"rt", "mt", "via"}
_BLANK_CUT = re.compile(r"\S+")


def story_words(text: str) -> list[str]:
    """Give the words of a text, a Han character being one, less RT marks, addresses and numbers."""
    words = _LETTERS.findall(strip_noise(text).casefold())
    return [word for word in words if word not in _PASSING_ON]


def plain_words(text: str) -> list[str]:
    """Give all words of a text, a Han character being one."""
    return _WORD.findall(unicodedata.normalize("NFKC", text).casefold())


def blank_cut(text: str) -> list[str]:
    """Give what stands between blanks: what a count that knows nothing of words would compare."""
    return _BLANK_CUT.findall(text.casefold())


VIEWS: tuple[Callable[[str], list[str]], ...] = (story_words, plain_words, blank_cut)
"""Texts are near copies if they are so in one of these ways to cut them."""


def near_copies(
    later: Sequence[str], earlier: Sequence[str], threshold: float
) -> list[tuple[float, int] | None]:
    """Return for each later text its most similar earlier one: (similarity, index), or None.

    Similarity is the Jaccard index of the sets of word-3-grams (a shorter text is one gram). What
    is below `threshold` in every view is None. No pair is missed: two sets of at least that
    similarity share one of their rarest grams (prefix filter, Bayardo et al. 2007), so only those
    are compared.
    """
    best: list[tuple[float, int] | None] = [None] * len(later)
    for view in VIEWS:
        sets = _gram_sets([view(text) for text in (*earlier, *later)])
        for n, found in enumerate(_join(sets[len(earlier) :], sets[: len(earlier)], threshold)):
            if found is not None and (best[n] is None or found[0] > best[n][0]):  # type: ignore[index]
                best[n] = found
    return best


def _gram_sets(texts: Iterable[list[str]]) -> list[NDArray[np.int64]]:
    """Return each text's grams as ascending int64 [n], numbered from the rarest of all texts on."""
    grams: list[int] = []
    ends = []
    for words in texts:
        # Hashes are compared within this process only, so Python's own will do.
        # At least one: a text of one or two words is a single shorter gram.
        whole = range(max(1, len(words) - SHINGLE + 1))
        grams.extend({hash(tuple(words[n : n + SHINGLE])) for n in whole} if words else ())
        ends.append(len(grams))
    _, inverse, counts = np.unique(
        np.array(grams, np.int64), return_inverse=True, return_counts=True
    )
    rank = np.empty(len(counts), np.int64)
    # Rarest first, so that a prefix of a sorted set holds the grams that point to few texts. Any
    # order of equals will do, if it is the same for both sides.
    rank[np.argsort(counts, kind="stable")] = np.arange(len(counts))
    ranked = rank[inverse]
    starts = [0, *ends[:-1]]
    return [np.sort(ranked[start:end]) for start, end in zip(starts, ends, strict=True)]


def _join(
    probes: Sequence[NDArray[np.int64]], known: Sequence[NDArray[np.int64]], threshold: float
) -> list[tuple[float, int] | None]:
    index: dict[int, list[int]] = defaultdict(list)
    for n, grams in enumerate(known):
        # Only prefixes are indexed: a frequent gram would make nearly every text a candidate.
        for gram in grams[: _prefix(len(grams), threshold)].tolist():
            index[gram].append(n)
    found: list[tuple[float, int] | None] = []
    for grams in probes:
        candidates = sorted(
            {
                n
                for gram in grams[: _prefix(len(grams), threshold)].tolist()
                for n in index.get(gram, ())
                # Sets of too unlike sizes cannot reach the threshold, however much they share.
                if threshold * len(grams) <= len(known[n]) <= len(grams) / threshold
            }
        )
        best: tuple[float, int] | None = None
        mine = set(grams.tolist())
        for n in candidates:
            shared = len(mine.intersection(known[n].tolist()))
            similarity = shared / (len(mine) + len(known[n]) - shared)
            # Candidates rise, so of equally similar texts the earliest is named.
            if similarity >= threshold and (best is None or similarity > best[0]):
                best = (similarity, n)
        found.append(best)
    return found


def _prefix(size: int, threshold: float) -> int:
    """Return how many of a set's rarest grams one of a similar set must be among."""
    # Sets of this similarity share at least ⌈threshold · size⌉ grams, so not all of them can lie
    # behind this prefix. The small number is for products such as 0.55 · 100, which is above 55 in
    # binary.
    return size - math.ceil(threshold * size - 1e-9) + 1 if size else 0


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
    # Again and again: "RT @a: RT @b: text" was passed on twice.
    while (shorter := _RETWEET.sub("", plain)) != plain:
        plain = shorter
    return _NOISE.sub(" ", plain)


def story_key(text: str) -> str:
    """Reduce a text to its words: no RT marks, addresses, cashtags, numbers, marks, case or widths.

    A text of which no word is left is its own key, so that two charts without words are no copies.
    """
    key = _SEPARATORS.sub(" ", strip_noise(text)).strip().casefold()
    return key or text
