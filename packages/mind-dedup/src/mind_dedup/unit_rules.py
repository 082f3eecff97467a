"""Which paragraphs or lines are compared, and which of those that repeat go."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mind_dedup.deduplicator import Match

REPEATED = "repeated"
"""The reason of a first copy, where that goes as well."""

_WIDE = re.compile("[\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\U00020000-\U000323af]")
_SENTENCE_END = tuple("。！？；.!?;:：…，,")


Found = Sequence[tuple[tuple[int, int], "Match"]]
"""Where the units of a text are that go, and why."""


@dataclass(frozen=True)
class UnitRule:
    """Say which units are compared, and which of those that repeat go."""

    unit: str
    min_width: int
    copies: int = 2
    """So many copies a unit has, or none of it goes."""

    first: bool = True
    """Whether the first copy stays."""

    headings: bool = False
    """Whether a line without an end of sentence stays before a longer one that does."""

    tokens: int = 50
    """So many tokens a passage has, or more."""

    @property
    def needs_all(self) -> bool:
        """Say whether all copies of a unit have to be seen before the first is decided about."""
        return self.copies > 2 or not self.first

    def without_headings(self, text: str, found: Found) -> Found:
        """Return what goes of what was found in a text: no headings of what stays."""
        if not (self.headings and self.unit == "line"):
            return found
        gone, going = {span for span, _ in found}, []
        # From the end: whether a line stays depends on whether the one after it does.
        for (begin, end), match in reversed(found):
            line = text[begin:end].strip()
            following = re.compile(r"\s*([^\n]*\n?)").match(text, end)
            span = following.span(1) if following else (end, end)
            stays = span not in gone and len(text[slice(*span)].strip()) > len(line)
            if stays and not line.endswith(_SENTENCE_END):
                gone.discard((begin, end))
            else:
                going.append(((begin, end), match))
        return going[::-1]


def width_of(text: str) -> int:
    """Return how much a text says, in letters: a Chinese character or a kana is worth three."""
    return len(text) + 2 * len(_WIDE.findall(text))
