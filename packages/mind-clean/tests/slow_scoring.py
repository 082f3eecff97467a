"""The scoring of blocks in plain Python: the oracle of the kernels."""

from __future__ import annotations

from dataclasses import dataclass

from slow_page import Page, Sums

from mind_clean.extractors.blocks.element_rules import (
    BOILERPLATE,
    FLOW,
    HEADINGS,
    LISTS,
    MAIN,
    PARTS,
    word_set,
)

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


def drop_boilerplate(page: Page, kept: bytearray, main: int) -> list[int]:
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
        no_sentences = page.weights[i] == BOILERPLATE and value < _SENTENCES * units
        if of_its_kind <= _TOO_MUCH * all_of_it or no_sentences:
            _drop(kept, page.starts[i], page.ends[i])
    return apart


def drop_boilerplate_from(page: Page, kept: bytearray, apart: list[int], path: list[int]) -> None:
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


_LEVELS = 4
_FRAMES = PARTS - {"li"}
_TABLE = 3  # tr, tbody, table
_DECAY = 0.5
_NAMED_APART = 0.3
_FEW_LINKS = 0.35
_LOOSE_LINKS = 0.5
_SHORT_PAGE = 2500  # units
_MIXED_LINKS = 0.55


def path_to_main_container(page: Page, kept: bytearray, main: int, apart: list[int]) -> list[int]:
    """Return the containers from `main` down to the best one."""
    sums = Sums(page, kept)
    scores = _scores(page, kept)
    done = 0
    for i in apart:
        if i >= done and kept[page.starts[i]]:
            inside = _within(page, i)
            done = inside.stop
            for j in inside:
                scores[j] *= _NAMED_APART
    best = main
    for i in _within(page, main):
        if scores[i] > 0:
            units, links, _ = sums.of(page.starts[i], page.ends[i])
            scores[i] *= 1 - links / max(1, units)
            if scores[i] > scores[best]:
                best = i
    while best != main and page.tags[best] in PARTS:
        best = page.parents[best]
    path = [best]
    while path[-1] != main:
        path.append(page.parents[path[-1]])
    path.reverse()
    return path


def _scores(page: Page, kept: bytearray) -> list[float]:
    scores = [0.0] * len(page.tags)
    for block, value in enumerate(page.values):
        if not value or not kept[block]:
            continue
        container = page.homes[block]
        if page.tags[container] not in FLOW:
            container = page.parents[container]
        for _ in range(_LEVELS):
            if container < 0:
                break
            scores[container] += value
            value *= _DECAY
            container = page.parents[container]
            for _ in range(_TABLE):
                if container <= 0 or page.tags[container] not in _FRAMES:
                    break
                container = page.parents[container]
    return scores


def is_unnamed_table_layout(page: Page, kept: bytearray, path: list[int]) -> bool:
    """Tell whether this is a short page laid out by tables, without names: it is kept whole.

    Unless it is mostly links, which then do tell.
    """
    if any(page.weights) or not any(page.tags[i] == "td" for i in path):
        return False
    units, links, _ = Sums(page, kept).of(page.starts[path[0]], page.ends[path[0]])
    return units < _SHORT_PAGE and links < _MIXED_LINKS * units


def take_neighbours(page: Page, kept: bytearray, path: list[int]) -> bytearray:
    """Return which blocks are the core or belong to it."""
    sums = Sums(page, kept)
    taken = bytearray(len(kept))
    core = path[-1]
    _take(taken, page.starts[core], page.ends[core])
    core_value = sums.value(page.starts[core], page.ends[core])
    children = _children(page, path[:-1])
    loose = _loose(page, path[:-1])
    strict = False
    for parent, child in zip(path[-2::-1], path[:0:-1], strict=True):
        strict = strict or page.weights[child] == MAIN
        for other in children[parent]:
            if other != child and _belongs(page, kept, sums, other, child, strict, core_value):
                _take(taken, page.starts[other], page.ends[other])
        if not strict:
            for block in loose[parent]:
                taken[block] = 1
    return taken


def _loose(page: Page, parents: list[int]) -> dict[int, list[int]]:
    """Return the text that stands in no container below each parent, short of links."""
    loose: dict[int, list[int]] = {parent: [] for parent in parents}
    for block, home in enumerate(page.homes):
        if home in loose and page.linked[block] < _LOOSE_LINKS:
            loose[home].append(block)
    return loose


def _belongs(
    page: Page,
    kept: bytearray,
    sums: Sums,
    other: int,
    child: int,
    strict: bool,
    core_value: float,
) -> bool:
    """Tell whether a neighbour of a container on the way to the core belongs to the main text.

    Above an <article> or <main>, only its likes and what leads up to it do.
    """
    start, end = page.starts[other], page.ends[other]
    units, links, value = sums.of(start, end)
    if not units or links >= _FEW_LINKS * units or sums.are_teasers(start, end):
        return False
    alike = page.tags[other] == page.tags[child] and page.names[other] == page.names[child]
    before = other < child
    if strict:
        return (alike and value > 0.1 * core_value) or (
            before and value > 80 and value >= units / 2
        )
    return (
        alike
        or value >= (0.3 if before else 0.4) * units
        or (links < 0.2 * units and _is_structured(page, kept, other))
    )


def _is_structured(page: Page, kept: bytearray, container: int) -> bool:
    """Tell whether a container holds code or terms, or is a section with a heading and more."""
    kinds = [page.kinds[b] for b in range(page.starts[container], page.ends[container]) if kept[b]]
    return "pre" in kinds or "dt" in kinds or (len(kinds) > 1 and kinds[0] in HEADINGS)


def _children(page: Page, parents: list[int]) -> dict[int, list[int]]:
    children: dict[int, list[int]] = {parent: [] for parent in parents}
    for i, parent in enumerate(page.parents):
        if parent in children:
            children[parent].append(i)
    return children


def _within(page: Page, container: int) -> range:
    """Return a container and all containers inside it."""
    last = container
    while last + 1 < len(page.tags) and page.parents[last + 1] >= container:
        last += 1
    return range(container, last + 1)


def _take(taken: bytearray, start: int, end: int) -> None:
    taken[start:end] = b"\1" * (end - start)


_INDEX = 0.5
_LIST = 0.6
_LINK = 0.6
_MAYBE_LINK = 0.85
_LONG = 60  # units
_TEASERS = word_set("div section ul ol article table td dl")
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


def main_blocks(page: Page) -> bytearray:
    """Return a 1 for each block of the main text, a 0 for each other."""
    kept = bytearray(b"\1") * len(page.texts)
    if not kept:
        return kept
    main = main_element(page)
    drop_outside(page, kept, main)
    apart = drop_boilerplate(page, kept, main)
    path = path_to_main_container(page, kept, main, apart)
    if is_unnamed_table_layout(page, kept, path):
        return kept
    if apart:
        drop_boilerplate_from(page, kept, apart, path)
    taken = take_neighbours(page, kept, path)
    kept = bytearray(a & b for a, b in zip(kept, taken, strict=True))
    drop_links(page, kept, path, main)
    _drop_last_headings(page, kept)
    return kept


def _drop_last_headings(page: Page, kept: bytearray) -> None:
    """Drop headings at the end, below which nothing was kept ("Read next")."""
    if all(kind in HEADINGS for kind, k in zip(page.kinds, kept, strict=True) if k):
        return
    while page.kinds[last := kept.rfind(1)] in HEADINGS:
        kept[last] = 0


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
