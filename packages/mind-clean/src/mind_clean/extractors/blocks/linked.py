"""Inside the main text: lists of links to other pages, and teasers of them."""

from __future__ import annotations

from mind_clean.extractors.blocks.elements import HEADINGS, LISTS, words
from mind_clean.extractors.blocks.page import Page, Sums

_INDEX = 0.5
_LIST = 0.6
_LINK = 0.6
_MAYBE_LINK = 0.85
_LONG = 60  # units
_TEASERS = words("div section ul ol article table td dl")
_SPARED = HEADINGS - {"h6"} | {"td", "dt", "dd"}


def drop_links(page: Page, kept: bytearray, path: list[int], whole: int) -> None:
    """Drop links that lead away; a page that is mostly links is an index and keeps them."""
    sums = Sums(page, kept)
    units, links, _ = sums.of(0, len(kept))
    if links > _INDEX * units:
        return
    all_of_it = sums.value(page.starts[whole], page.ends[whole])
    on_path = set(path)
    lists = bytearray(len(kept))
    for i, tag in enumerate(page.tags):
        start, end = page.starts[i], page.ends[i]
        if (
            end - start > 3
            and tag in _TEASERS
            and i not in on_path
            and sums.are_teasers(start, end)
        ):
            if sums.value(start, end) < 0.35 * all_of_it:
                kept[start:end] = bytes(end - start)
        elif tag in LISTS and end - start >= 3:
            list_units, list_links, _ = sums.of(start, end)
            if list_links <= _LIST * list_units:
                lists[start:end] = b"\1" * (end - start)
    for block, share in enumerate(page.linked):
        if share >= _LINK and kept[block] and not lists[block] and not _spared(page, block, share):
            kept[block] = 0


def _spared(page: Page, block: int, share: float) -> bool:
    long = page.units[block] > _LONG and share < _MAYBE_LINK
    return long or page.kinds[block] in _SPARED
