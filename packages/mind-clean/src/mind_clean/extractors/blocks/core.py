"""Find the container of the main text, and what around it belongs to it.

Paragraphs give their value to the containers above them, less with each level, and links take it
away again: the scoring of Readability (Arc90, 2009). Around the best container, its neighbours on
each level up to the body are judged whole.
"""

from __future__ import annotations

from mind_clean.extractors.blocks.elements import FLOW, HEADINGS, PARTS
from mind_clean.extractors.blocks.page import CENTRAL, Page, Sums

_LEVELS = 4
_FRAMES = PARTS - {"li"}
_TABLE = 3  # tr, tbody, table
_DECAY = 0.5
_NAMED_APART = 0.3
_FEW_LINKS = 0.35
_LOOSE_LINKS = 0.5
_SHORT_PAGE = 2500  # units
_MIXED_LINKS = 0.55


def path_to_core(page: Page, kept: bytearray, main: int, apart: list[int]) -> list[int]:
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


def nothing_tells_columns_apart(page: Page, kept: bytearray, path: list[int]) -> bool:
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
        strict = strict or page.weights[child] == CENTRAL
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
