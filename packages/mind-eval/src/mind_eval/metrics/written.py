"""Metrics of written answers in Chinese and English: overlap, choices named in free text, patterns.

A token is one Chinese character or one word, so one rule serves both languages and texts that mix
them. Where several answers are right, the best of them counts.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Sequence

from mind_core.untrusted import whole_number

_TOKENS = re.compile(
    r"[\u3007\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]|[^\W_\u3007\u3400-\u9fff]+"
)
_ARTICLES = frozenset(("a", "an", "the"))
_THINKING = re.compile(r"<think>.*?(?:</think>|\Z)", re.DOTALL)
_MARKUP = re.compile(r"\*\*|__|`|^#+\s*", re.MULTILINE)
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
LONGEST = 4000
"""Tokens of a text that are aligned for ROUGE-L; what is longer is cut there."""


def tokens(text: str) -> list[str]:
    """Cut a text into words and single Chinese characters: NFKC, lower case, no punctuation."""
    return _TOKENS.findall(unicodedata.normalize("NFKC", text).lower())


def same_text(wanted: str, found: str) -> float:
    """Compare two texts by their tokens in order; English articles do not count."""
    a, b = ([t for t in tokens(text) if t not in _ARTICLES] for text in (wanted, found))
    # Of signs alone no token is left: then the texts themselves have to agree.
    return float(a == b and (bool(a) or wanted.strip() == found.strip()))


def f1(wanted: str, found: str) -> float:
    """Return the F1 of the tokens as bags (SQuAD's, by character in Chinese as CMRC's)."""
    a, b = tokens(wanted), tokens(found)
    shared = sum((Counter(a) & Counter(b)).values())
    return 2 * shared / (len(a) + len(b)) if shared else 0.0


def rouge_l(wanted: str, found: str) -> float:
    """Return ROUGE-L's F over tokens: 2 · LCS / (both lengths) (Lin 2004, beta 1)."""
    return _rouge(tokens(wanted), tokens(found))


def rouge_zh(wanted: str, found: str) -> float:
    """Return ROUGE-L's F over single characters, spaces left out: the usual one for Chinese."""
    a, b = ("".join(unicodedata.normalize("NFKC", text).split()) for text in (wanted, found))
    return _rouge(list(a), list(b))


def _rouge(a: Sequence[str], b: Sequence[str]) -> float:
    a, b = a[:LONGEST], b[:LONGEST]
    if not a or not b:
        return 0.0
    return 2 * longest_common(a, b) / (len(a) + len(b))


def longest_common(a: Sequence[str], b: Sequence[str]) -> int:
    """Return the length of the longest common subsequence, 64 positions and more a step.

    Bit-parallel (Crochemore et al. 2001): a bit of `row` is 0 where the column adds one.
    """
    masks: dict[str, int] = {}
    for place, token in enumerate(a):
        masks[token] = masks.get(token, 0) | 1 << place
    full = (1 << len(a)) - 1
    row = full
    for token in b:
        # One step for all positions of `a`: the carry of the addition moves a bit to the next
        # match.
        matched = row & masks.get(token, 0)
        row = (row + matched | row - matched) & full
    return len(a) - row.bit_count()


def choice_named(text: str, count: int, choices: Sequence[str] = ()) -> int | None:
    """Find which choice a free text names, in Chinese or English; None if none, or several.

    In order, as CMMLU's rules: a letter alone at the start, a phrase that states the answer (the
    last one said), a letter said to be right, the only letter named, the only choice quoted.
    """
    text = unicodedata.normalize("NFKC", text).strip()
    letters = LETTERS[:count]
    one = rf"\W*([{letters}{letters.lower()}])(?=$|[.:;)\]。\n]|\s+[^\x00-\x7f])"
    if found := re.match(one, text):  # "A lake" begins with an article
        return letters.index(found[1].upper())
    for pattern in _stated(letters):
        if said := pattern.findall(text):
            return letters.index(said[-1].upper())
    # "A lake" begins with an article, "I think" and "I'm" with a pronoun.
    named = set(
        re.findall(rf"(?<![A-Za-z])(?![AI] (?!or |and )[a-z])([{letters}])(?![A-Za-z'’])", text)
    )
    # Several letters without a word on which is right: no answer was named.
    if len(named) == 1:
        return letters.index(named.pop())
    if not named:
        folded = text.casefold()
        quoted = [n for n, choice in enumerate(choices) if choice.strip().casefold() in folded]
        if len(quoted) == 1:
            return quoted[0]
    return None


def choice_place(gold: str, choices: Sequence[str]) -> int | None:
    """Return the place of a right answer, given by letter, by number from 0, or by its text."""
    if len(gold) == 1 and gold.upper() in LETTERS[: len(choices)]:
        return LETTERS.index(gold.upper())
    if gold in choices:
        return list(choices).index(gold)
    # Last, as a number may be the text of a choice.
    place = whole_number(gold)
    return place if place is not None and place < len(choices) else None


def _stated(letters: str) -> tuple[re.Pattern[str], ...]:
    one = rf"[(\[\"'“‘*]*+([{letters}])(?![A-Za-z])"
    return (
        re.compile(rf"\\boxed\{{\s*+(?:\\text\{{)?+\s*+\(?+([{letters}])"),
        re.compile(
            rf"答案(?:选项)?+(?:应该|应当|应)?+(?:是|为|选)?+\s*+:?+\s*+(?:选项)?+\s*+{one}"
        ),
        re.compile(
            rf"(?:故|所以|因此|应该|应当|应|正确的?选项(?:是|为)?)\s*+选?择?\s*+:?+\s*+{one}"
        ),
        re.compile(rf"选择?\s*+:?+\s*+(?:选项)?+\s*+{one}"),
        re.compile(rf"(?i:answer|option|choice)(?i:\s+is)?+\s*+:?+\s*+{one}"),
        re.compile(
            rf"(?<![A-Za-z])([{letters}])\s*+选?项?\s*+(?:是|为)?(?:正确|对的|符合题意|当选)"
        ),
        re.compile(rf"(?<![A-Za-z])([{letters}])\)?\s+(?i:is (?:the )?(?:correct|right))"),
    )


def matched(pattern: str, text: str) -> str | None:
    """Return the last match of a pattern, its first group if it has one; None without a match."""
    every = list(re.finditer(pattern, text))
    if not every:
        return None
    found = every[-1]
    return found.group(1) if found.re.groups else found.group()


OVERLAPS: dict[str, Callable[[str, str], float]] = {
    "f1": f1,
    "rouge_l": rouge_l,
    "rouge_zh": rouge_zh,
}
FILTERS: dict[str, Callable[[str], str]] = {
    "drop_thinking": lambda text: _THINKING.sub("", text),
    "drop_markup": lambda text: _MARKUP.sub("", text),
    "first_line": lambda text: text.strip().split("\n")[0],
    "last_line": lambda text: text.strip().split("\n")[-1],
    "lower_case": str.lower,
}
"""What may be done to a text, in the order given, before anything is looked for in it."""
