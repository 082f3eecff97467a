"""A page as lists, for the plain walk and the plain scoring: the oracle of the kernels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from operator import mul

_TEASER = 500  # units for each linked heading


@dataclass(slots=True)
class Page:
    """The text of a page in the order of its source: blocks, and containers over runs of them.

    Container i holds the blocks `starts[i]` to `ends[i]`. Containers stand in the order in which
    they open, so those inside i come right after it. Container 0 is the body.
    """

    tags: list[str] = field(default_factory=lambda: ["body"])
    parents: list[int] = field(default_factory=lambda: [-1])
    weights: list[int] = field(default_factory=lambda: [0])
    names: list[str] = field(default_factory=lambda: [""])
    """Class and id."""
    mains: list[int] = field(default_factory=list)
    """Containers that are <main>, or have its role."""
    starts: list[int] = field(default_factory=lambda: [0])
    ends: list[int] = field(default_factory=lambda: [0])

    texts: list[str] = field(default_factory=list)
    kinds: list[str] = field(default_factory=list)
    """The nearest block element of each block: p, h2, li, div …"""
    homes: list[int] = field(default_factory=list)
    """The container of each block."""
    linked: list[float] = field(default_factory=list)
    """The share of each block that is text of links to other pages, 0 to 1."""
    units: list[int] = field(default_factory=list)
    """The length of each block in Latin letters; a Chinese character counts two and a half."""
    linked_headings: list[int] = field(default_factory=list)
    """1 for each heading that is a link, 0 for each other block."""
    values: list[float] = field(default_factory=list)
    """How much each block looks like running text, in units."""

    characters: int = 0
    """Visible characters of all blocks, with the marks of list items and cells."""


class Sums:
    """Sums over runs of the blocks that are still kept."""

    __slots__ = ("headings", "links", "units", "values")

    def __init__(self, page: Page, kept: bytearray) -> None:
        units: Sequence[int] = page.units
        values: Sequence[float] = page.values
        if 0 in kept:
            units = [u if k else 0 for u, k in zip(units, kept, strict=True)]
            values = [v if k else 0.0 for v, k in zip(values, kept, strict=True)]
        self.units: list[int] = [0, *accumulate(units)]
        self.values: list[float] = [0.0, *accumulate(values)]
        self.links: list[float] = [0.0, *accumulate(map(mul, units, page.linked))]
        self.headings: list[int] = [0, *accumulate(map(mul, kept, page.linked_headings))]

    def of(self, start: int, end: int) -> tuple[int, float, float]:
        """Return the units, the units of links and the value of the blocks start to end."""
        return (
            self.units[end] - self.units[start],
            self.links[end] - self.links[start],
            self.values[end] - self.values[start],
        )

    def are_teasers(self, start: int, end: int) -> bool:
        """Tell whether the blocks list other pages: linked headings, a few words to each."""
        headings: int = self.headings[end] - self.headings[start]
        return headings >= 2 and self.units[end] - self.units[start] < _TEASER * headings

    def value(self, start: int, end: int) -> float:
        """Return the value of the blocks start to end."""
        return self.values[end] - self.values[start]
