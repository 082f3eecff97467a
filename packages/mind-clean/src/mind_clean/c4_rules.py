"""What C4 does with the lines of an English page (Raffel et al. 2020, JMLR 21:140, §2.2).

The order of the rules is that of the reference code (tensorflow_datasets, `c4_utils.py`) and of
datatrove: a line that an earlier rule took is not asked the later ones.
"""

from __future__ import annotations

import re
from typing import NamedTuple

END_MARKS = (".", "?", "!", '"', "'")
ELLIPSIS = "..."
LOREM_IPSUM = "lorem ipsum"
JAVASCRIPT = "javascript"
CURLY = "{"
POLICIES = (
    "terms of use", "privacy policy", "cookie policy", "uses cookies", "use of cookies",
    "use cookies",
)  # fmt: skip

_CITATION = re.compile(r"\[\d*]|\[edit]|\[citation needed]")
# Not after an initial (J. Smith) or one of these titles, but after several marks (?!) as one.
_SENTENCE_END = re.compile(
    r"(?<![.!?])(?<!\b[A-Za-z])(?<!\b(?:Mr|Ms|Dr|St|vs|Jr|Co|Mt))(?<!\b(?:Mrs|Inc|Gen|Rev|Ltd))"
    r"[.!?]++[\"'”’)\]]*+(?:\s++|$)"
)


class C4Rules(NamedTuple):
    """Say which of C4's rules hold; a number of 0 is no bound."""

    min_words_per_line: int
    max_word_length: int
    end_marks: bool
    citations: bool
    javascript: bool
    policies: bool
    lorem_ipsum: bool
    curly_brackets: bool


class Page(NamedTuple):
    """Hold the lines that C4 keeps, their sentences, and why C4 drops the whole page if it does."""

    lines: list[str]
    sentences: int
    reason: str | None


def read_page(text: str, rules: C4Rules) -> Page:
    """Take a page line by line through the rules."""
    kept: list[str] = []
    sentences = 0
    for raw in text.splitlines():
        line = _kept(raw.strip(), rules)
        if line is None:
            continue
        lower = line.lower()
        if rules.lorem_ipsum and LOREM_IPSUM in lower:
            return Page(kept, sentences, "lorem_ipsum")
        if rules.javascript and JAVASCRIPT in lower:
            continue
        if rules.curly_brackets and CURLY in line:
            return Page(kept, sentences, "curly_bracket")
        if rules.policies and any(policy in lower for policy in POLICIES):
            continue
        kept.append(line)
        sentences += count_sentences(line)
    return Page(kept, sentences, None)


def count_sentences(line: str) -> int:
    """Count the sentences of a line: what an end mark, closing quotes and a blank part."""
    ends = [match.end() for match in _SENTENCE_END.finditer(line)]
    unfinished = bool(line) and (not ends or ends[-1] < len(line))
    return len(ends) + unfinished


def _kept(line: str, rules: C4Rules) -> str | None:
    # Counted before citations go, so that a mark with blanks around it is a word.
    words = line.split()
    if rules.max_word_length and any(len(word) > rules.max_word_length for word in words):
        return None
    if rules.citations:
        line = _CITATION.sub("", line)
    if rules.end_marks and (not line.endswith(END_MARKS) or line.endswith(ELLIPSIS)):
        return None
    return line if len(words) >= rules.min_words_per_line else None
