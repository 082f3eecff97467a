"""Drop a page of which sensitive words are a good part (MindLLM §2, step 4)."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

from mind_clean.lexicon import SEED
from mind_clean.lexicon_matcher import Hit, scan_for
from mind_clean.main_text import visible_characters
from mind_core import Reason, Record

_WORDS_TOLD = 5


@dataclass(frozen=True)
class SensitiveWords:
    """Drop a text with 3 different sensitive words or more that are 1 % of it (MindLLM, step 4).

    The paper gives neither lexicon nor rule. One word says little: a page about law, medicine or
    literature uses some. `min_density` is the weighted share of the visible characters. `lexicon`
    is a file (a word a line, or word, category, weight), or "seed" for the list that ships.
    """

    lexicon: str = SEED
    categories: tuple[str, ...] = ()
    min_distinct: int = 3
    min_density: float = 0.01
    variants: bool = False

    def __post_init__(self) -> None:
        """Refuse numbers that mean nothing, and a lexicon that cannot be read."""
        object.__setattr__(self, "categories", tuple(self.categories))
        if self.min_distinct < 1:
            raise ValueError(f"min_distinct is {self.min_distinct}, not a count, 1 or more")
        if not 0 <= self.min_density <= 1:
            raise ValueError(f"min_density is {self.min_density}, not a share, 0 to 1")
        self.prepare()

    def prepare(self) -> None:
        """Make the automaton, which workers then share."""
        scan_for(self.lexicon, self.categories, self.variants)

    def __call__(self, record: Record) -> Reason | None:
        """Return "sensitive_words" with density, count and the most frequent words, or None."""
        text = record["text"]
        hits = scan_for(self.lexicon, self.categories, self.variants).find(text)
        words = Counter(hit.word.word for hit in hits)
        # Before the density, which counts the characters of the text.
        if len(words) < self.min_distinct:
            return None
        density = density_of(hits, text)
        if density < self.min_density:
            return None
        value: dict[str, Any] = {
            "density": round(density, 4),
            "distinct": len(words),
            "words": [word for word, _ in words.most_common(_WORDS_TOLD)],
        }
        threshold = {"density": self.min_density, "distinct": self.min_distinct}
        return Reason("sensitive_words", value, threshold)


def density_of(hits: list[Hit], text: str) -> float:
    """Return the weighted share of a text's visible characters that the hits cover."""
    covered = sum((hit.end - hit.start) * hit.word.weight for hit in hits)
    return covered / max(1, visible_characters(text))
