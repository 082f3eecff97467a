"""What stands beside the main text by what it is called: navigation, comments, advertising …"""

from __future__ import annotations

from mind_clean.extractors.blocks.page import APART, Page, Sums

_OF_PAGE = 0.4
_LITTLE_ELSE = 600  # units
_TOO_MUCH = 0.35
_SENTENCES = 0.5
_ENOUGH = 500  # units
_ENOUGH_OF_IT = 0.1


def main_element(page: Page) -> int:
    """Return the one <main> (or role) that holds the text of the page, or 0 for the body."""
    filled = [i for i in page.mains if page.starts[i] < page.ends[i]]
    if not filled or page.starts[filled[-1]] >= page.ends[filled[0]]:  # none, or several in a row
        return 0
    whole = sum(page.values)
    inside = sum(page.values[page.starts[filled[0]] : page.ends[filled[0]]])
    return filled[0] if inside >= _OF_PAGE * whole or whole - inside < _LITTLE_ELSE else 0


def drop_outside(page: Page, kept: bytearray, container: int) -> None:
    """Drop all blocks outside a container."""
    start, end = page.starts[container], page.ends[container]
    kept[:start] = bytes(start)
    kept[end:] = bytes(len(kept) - end)


def drop_apart(page: Page, kept: bytearray, main: int) -> list[int]:
    """Drop what its element, role, class or id sets apart; return all such containers.

    One that holds over a third of the running text of the page stays for now, and so do all of
    its kind together: then the name means something else (p.paywall, body > form).
    """
    apart = [i for i, weight in enumerate(page.weights) if weight < 0 and i != main]
    if not apart:
        return apart
    sums = Sums(page, kept)
    all_of_it = sums.value(page.starts[main], page.ends[main])
    of_a_kind: dict[tuple[str, str], float] = {}
    done = -1
    for i in apart:
        if page.starts[i] >= done:
            kind = page.tags[i], page.names[i]
            value = sums.value(page.starts[i], page.ends[i])
            of_a_kind[kind] = of_a_kind.get(kind, 0.0) + value
            done = page.ends[i]
    for i in apart:
        units, _, value = sums.of(page.starts[i], page.ends[i])
        of_its_kind = max(value, of_a_kind.get((page.tags[i], page.names[i]), 0.0))
        no_sentences = page.weights[i] == APART and value < _SENTENCES * units
        if of_its_kind <= _TOO_MUCH * all_of_it or no_sentences:
            _drop(kept, page.starts[i], page.ends[i])
    return apart


def drop_apart_from(page: Page, kept: bytearray, apart: list[int], path: list[int]) -> None:
    """Drop what is named apart and was spared, once the main text is found, if enough is left."""
    sums = Sums(page, kept)
    start, end = page.starts[path[-1]], page.ends[path[-1]]
    found = left = sums.value(start, end)
    dropped: list[int] = []
    for i in apart:
        around = page.starts[i] <= start and end <= page.ends[i]
        if around or (dropped and page.ends[dropped[-1]] >= page.ends[i]):
            continue
        dropped.append(i)
        if start <= page.starts[i] and page.ends[i] <= end:
            left -= sums.value(page.starts[i], page.ends[i])
    if left >= _ENOUGH and left >= _ENOUGH_OF_IT * found:
        for i in dropped:
            _drop(kept, page.starts[i], page.ends[i])


def _drop(kept: bytearray, start: int, end: int) -> None:
    kept[start:end] = bytes(end - start)
