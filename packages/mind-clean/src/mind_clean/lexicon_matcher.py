"""Find the words of a lexicon in a text: leftmost, longest, with borders around Latin words."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Any, NamedTuple

from mind_clean.lexicon import ALLOW, Word, fold, other_scripts, read_lexicon

_LATIN = re.compile("[a-z0-9_\u00c0-\u024f]")


class Hit(NamedTuple):
    """One word found: where, in code points of the text, and which."""

    start: int
    end: int
    word: Word


class LexiconMatcher:
    """An automaton over all words (Aho and Corasick, 1975): their number does not cost time.

    All occurrences are taken, not the automaton's own leftmost-longest ones: a long word that has a
    letter beside it would else hide a shorter one that stands alone.
    """

    def __init__(self, words: list[Word]) -> None:
        import ahocorasick_rs

        self.words = words
        self._left = [_LATIN.match(word.word[0]) is not None for word in words]
        self._right = [_LATIN.match(word.word[-1]) is not None for word in words]
        self._automaton: Any = ahocorasick_rs.AhoCorasick(
            [word.word for word in words],
            matchkind=ahocorasick_rs.MatchKind.Standard,
            implementation=ahocorasick_rs.Implementation.ContiguousNFA,
            store_patterns=False,
        )

    def find(self, text: str) -> list[Hit]:
        """Return the sensitive words of a text; none overlaps another or an innocent word."""
        return list(self._leftmost_longest(fold(text)))

    def _leftmost_longest(self, folded: str) -> Iterator[Hit]:
        found = self._automaton.find_matches_as_indexes(folded, overlapping=True)
        if not found:
            return
        last = 0
        # Of those that begin at one place the longest comes first; what begins inside it is
        # passed over.
        for start, end, number in sorted(
            (start, -end, number) for number, start, end in self._bounded(folded, found)
        ):
            if start >= last:
                last = -end
                word = self.words[number]
                # An innocent word takes its place all the same, so that no word inside it is found.
                if word.category != ALLOW:
                    yield Hit(start, last, word)

    def _bounded(
        self, folded: str, found: list[tuple[int, int, int]]
    ) -> Iterator[tuple[int, int, int]]:
        """Yield what has no letter or digit beside a Latin end of its own."""
        length = len(folded)
        for number, start, end in found:
            if self._left[number] and start and _LATIN.match(folded, start - 1):
                continue
            if self._right[number] and end < length and _LATIN.match(folded, end):
                continue
            yield number, start, end


@lru_cache(maxsize=4)
def scan_for(
    lexicon: str, categories: tuple[str, ...] = (), variants: bool = False
) -> LexiconMatcher:
    """Return the automaton of a lexicon, made once a process; forked workers share it."""
    words = read_lexicon(lexicon, categories)
    return LexiconMatcher(other_scripts(words) if variants else words)
