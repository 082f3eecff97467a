"""From the kept blocks of a page to its text."""

from __future__ import annotations

from dataclasses import dataclass

from mind_clean.extractors.blocks.elements import LISTS
from mind_clean.extractors.blocks.page import Page

_ITEMS = frozenset(("li", "dt", "dd"))
_CELLS = frozenset(("td", "th"))
_MOST_CELLS = 100
_ONE_LINE = 200
"""Cells with more text than this are columns of a layout rather than cells of a table."""


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a container is: its nearest list item, table row and cell, its outermost list."""

    item: int = -1
    row: int = -1
    cell: int = -1
    whole: int = -1


def render(page: Page, kept: bytearray, list_bullets: bool) -> str:
    """Return the text: blank lines between paragraphs, a line for each item and row.

    Cells of a row are divided by " | ". With `list_bullets`, items begin with "• ".
    """
    places: dict[int, _Place] = {-1: _Place()}
    simple: dict[int, bool] = {}
    parts: list[str] = []
    before: _Place | None = None
    for block, text in enumerate(page.texts):
        if not kept[block]:
            continue
        place = _place(page, places, page.homes[block])
        if before is not None:
            parts.append(_between(page, simple, before, place))
        new_item = before is None or place.item != before.item
        if list_bullets and new_item and place.item >= 0 and page.tags[place.item] == "li":
            parts.append("• ")
        parts.append(text)
        before = place
    return "".join(parts)


def _between(page: Page, simple: dict[int, bool], before: _Place, place: _Place) -> str:
    """Return what divides two blocks that follow each other."""
    if place.row >= 0 and place.row == before.row:
        if place.cell == before.cell or not _is_simple(page, simple, place.row):
            return "\n" if place.item >= 0 and place.item != before.item else "\n\n"
        return " | "
    if place.whole >= 0 and place.whole == before.whole:
        if place.item >= 0 and place.item == before.item:
            return "\n"
        rows = place.row >= 0 and before.row >= 0
        if not rows or _is_simple(page, simple, place.row):
            return "\n"
    return "\n\n"


def _is_simple(page: Page, simple: dict[int, bool], row: int) -> bool:
    """Tell whether a row has one short line in each of its cells."""
    if row not in simple and page.ends[row] - page.starts[row] > _MOST_CELLS:
        simple[row] = False
    elif row not in simple:
        homes = page.homes[page.starts[row] : page.ends[row]]
        texts = page.texts[page.starts[row] : page.ends[row]]
        short = all(len(text) <= _ONE_LINE and "\n" not in text for text in texts)
        simple[row] = short and len(set(homes)) == len(homes)
    return simple[row]


def _place(page: Page, places: dict[int, _Place], container: int) -> _Place:
    """Return the place of a container, from that of the nearest one above that is known."""
    above: list[int] = []
    while container not in places:
        above.append(container)
        container = page.parents[container]
    place = places[container]
    for i in reversed(above):
        tag = page.tags[i]
        if tag in _ITEMS:
            place = _Place(i, place.row, place.cell, place.whole)
        elif tag == "tr":
            place = _Place(-1, i, -1, place.whole)
        elif tag in _CELLS:
            place = _Place(-1, place.row, i, place.whole)
        elif tag in LISTS and (place.whole < 0 or tag == "table"):
            place = _Place(place.item, place.row, place.cell, i)
        places[i] = place
    return place
