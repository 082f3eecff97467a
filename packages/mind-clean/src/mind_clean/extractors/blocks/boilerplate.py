"""What stands beside the main text by what it is called: navigation, comments, advertising …"""

from __future__ import annotations

import numpy as np

from mind_clean.extractors.blocks.page import (
    BOILERPLATE,
    END,
    FIRST,
    IS_MAIN,
    NAME,
    TAG,
    VALUE,
    WEIGHT,
    Figures,
    Kept,
    Rows,
)
from mind_clean.extractors.blocks.prefix_sums import OF_UNITS, OF_VALUES, of, sums_of
from mind_core.kernels.library import kernel

_OF_PAGE = 0.4
_LITTLE_ELSE = 600  # units
_TOO_MUCH = 0.35
_SENTENCES = 0.5
_ENOUGH = 500  # units
_ENOUGH_OF_IT = 0.1


@kernel
def main_element(containers: Rows, figures: Figures) -> int:
    """Return the one <main> (or role) that holds the text of the page, or 0 for the body."""
    first, last = 0, 0
    for i in range(1, len(containers)):
        if containers[i, IS_MAIN] and containers[i, FIRST] < containers[i, END]:
            last = i
            if first == 0:
                first = i
    if first == 0 or containers[last, FIRST] >= containers[first, END]:  # or several in a row
        return 0
    whole, inside = 0.0, 0.0
    for block in range(len(figures)):
        whole += figures[block, VALUE]
        if containers[first, FIRST] <= block < containers[first, END]:
            inside += figures[block, VALUE]
    return first if inside >= _OF_PAGE * whole or whole - inside < _LITTLE_ELSE else 0


@kernel
def drop_outside(containers: Rows, kept: Kept, container: int) -> None:
    """Drop all blocks outside a container."""
    kept[: containers[container, FIRST]] = False
    kept[containers[container, END] :] = False


@kernel
def find_boilerplate(containers: Rows, main: int) -> Rows:
    """Return the containers that their element, role, class or id sets apart."""
    apart = np.empty(len(containers), np.int64)
    count = 0
    for i in range(len(containers)):
        if containers[i, WEIGHT] < 0 and i != main:
            apart[count] = i
            count += 1
    return apart[:count]


@kernel
def drop_boilerplate(
    containers: Rows, blocks: Rows, figures: Figures, kept: Kept, main: int, apart: Rows
) -> None:
    """Drop what is set apart.

    What holds over a third of the running text of the page stays for now, and so do all of its kind
    together: then the name means something else (p.paywall, body > form).
    """
    sums = sums_of(blocks, figures, kept)
    all_of_it = of(sums, containers[main, FIRST], containers[main, END], OF_VALUES)
    slots = 2
    while slots < 2 * len(apart) + 2:
        slots *= 2
    kinds, of_a_kind = np.full(slots, np.int64(-1)), np.zeros(slots)
    done = -1
    for i in apart:
        if containers[i, FIRST] >= done:
            value = of(sums, containers[i, FIRST], containers[i, END], OF_VALUES)
            of_a_kind[_slot(kinds, containers, i)] += value
            done = containers[i, END]
    for i in apart:
        start, end = containers[i, FIRST], containers[i, END]
        value = of(sums, start, end, OF_VALUES)
        of_its_kind = max(value, of_a_kind[_slot(kinds, containers, i)])
        no_sentences = value < _SENTENCES * of(sums, start, end, OF_UNITS)
        if of_its_kind <= _TOO_MUCH * all_of_it or (
            no_sentences and containers[i, WEIGHT] == BOILERPLATE
        ):
            kept[start:end] = False


@kernel
def _slot(kinds: Rows, containers: Rows, container: int) -> int:
    """Return the place of a kind of container, an element and its names, in a table."""
    kind = containers[container, NAME] << 10 | containers[container, TAG]
    slot = (kind * 0x9E3779B1 >> 7) & (len(kinds) - 1)
    while kinds[slot] >= 0 and kinds[slot] != kind:
        slot = (slot + 1) & (len(kinds) - 1)
    kinds[slot] = kind
    return slot  # type: ignore[no-any-return]


@kernel
def drop_boilerplate_from(
    containers: Rows, blocks: Rows, figures: Figures, kept: Kept, apart: Rows, core: int
) -> None:
    """Drop what is named apart and was spared, once the main text is found, if enough is left."""
    sums = sums_of(blocks, figures, kept)
    start, end = containers[core, FIRST], containers[core, END]
    found = of(sums, start, end, OF_VALUES)
    left = found
    dropped = np.zeros(len(apart), np.bool_)
    last_end = -1
    for place in range(len(apart)):
        first, after = containers[apart[place], FIRST], containers[apart[place], END]
        if (first <= start and end <= after) or last_end >= after:
            continue
        dropped[place] = True
        last_end = after
        if start <= first and after <= end:
            left -= of(sums, first, after, OF_VALUES)
    if left >= _ENOUGH and left >= _ENOUGH_OF_IT * found:
        for place in range(len(apart)):
            if dropped[place]:
                kept[containers[apart[place], FIRST] : containers[apart[place], END]] = False
