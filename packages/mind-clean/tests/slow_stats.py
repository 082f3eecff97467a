"""The measures in plain Python, one after the other and slow: what the kernels are held to."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

from mind_clean.text_stats.char_classes import SYMBOLS, TERMINALS


def repeated(parts: Sequence[str]) -> tuple[int, int]:
    """Return how many parts came before, and their characters."""
    seen: set[str] = set()
    number = characters = 0
    for part in parts:
        if part in seen:
            number += 1
            characters += len(part)
        seen.add(part)
    return number, characters


def surface(text: str) -> dict[str, int]:
    """Return the counts of `mind_clean.text_stats.line_stats`."""
    lines = text.splitlines()
    pieces = re.split("\n+", text)
    paragraphs = re.split("\n{2,}", text.strip())
    full = [line for line in text.split("\n") if line.strip()]
    return {
        "characters": len(text),
        "han": sum("\u4e00" <= c <= "\u9fd5" for c in text),
        "hashes": text.count("#"),
        "ellipses": text.count("...") + text.count("…"),
        "feeds": text.count("\n"),
        "lines": len(lines),
        "bullet_lines": sum(line.lstrip().startswith(("•", "-")) for line in lines),
        "ellipsis_lines": sum(line.rstrip().endswith(("...", "…")) for line in lines),
        "pieces": len(pieces),
        "repeated_pieces": repeated(pieces)[0],
        "repeated_piece_characters": repeated(pieces)[1],
        "paragraphs": len(paragraphs),
        "repeated_paragraphs": repeated(paragraphs)[0],
        "repeated_paragraph_characters": repeated(paragraphs)[1],
        "full_lines": len(full),
        "ended_lines": sum(line.endswith(tuple(TERMINALS)) for line in full),
        "repeated_line_characters": repeated(full)[1],
    }


def word_counts(words: Sequence[str]) -> tuple[int, int, int, int]:
    """Return the counts of `mind_clean.text_stats.text_stats.WordCounts`."""
    real = [word for word in words if any(c not in SYMBOLS for c in word)]
    letters = sum(any(map(str.isalpha, word)) for word in words)
    return len(words), len(real), sum(map(len, real)), letters


def repeated_grams(words: Sequence[str]) -> list[int]:
    """Return the repeated characters of n-grams, those of n at place n."""
    counts = [0, 0]
    for n in (2, 3, 4):
        grams = Counter(" ".join(words[i : i + n]) for i in range(len(words) - n + 1))
        gram, times = (
            grams.most_common(1)[0] if grams else ("", 0)
        )  # the first of the most frequent
        counts.append(len(gram) * times)
    for n in range(5, 11):
        seen: set[str] = set()
        characters = place = 0
        while place + n <= len(words):
            gram = "".join(words[place : place + n])
            if gram in seen:
                characters += len(gram)
                place += n
            else:
                seen.add(gram)
                place += 1
        counts.append(characters)
    return counts
