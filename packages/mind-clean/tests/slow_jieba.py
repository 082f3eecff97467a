"""jieba's algorithm in plain Python over the shipped tables: what the kernels are held to."""

from __future__ import annotations

import re
from collections.abc import Iterator

from mind_clean.segmentation.dictionary import CODES, FIRST_HAN, Dictionary, next_node

RUN = re.compile(r"([\u4e00-\u9fd5a-zA-Z0-9+#&._%\-]+)")
HAN = re.compile("([\u4e00-\u9fd5]+)")
NUMBER = re.compile(r"([a-zA-Z0-9]+(?:\.\d+)?%?)")
BEFORE = {"B": "ES", "M": "MB", "S": "SE", "E": "BM"}
STATES = "BMES"


def cut(text: str, tables: Dictionary) -> Iterator[str]:
    """Yield the words of a text, white space left out."""
    for part in RUN.split(text):
        if RUN.match(part):
            yield from _cut_run(part, tables)
        else:
            yield from (character for character in part if not character.isspace())


def share(word: str, tables: Dictionary) -> float | None:
    """Return the logarithm of a word's share; NaN if only longer words begin so, else None."""
    node = int(tables.roots[ord(word[0])]) if ord(word[0]) < CODES else 0
    for character in word[1:]:
        node = next_node(tables.steps, node, ord(character)) if node else 0
    return float(tables.logs[node]) if node else None


def _cut_run(run: str, tables: Dictionary) -> Iterator[str]:
    route: dict[int, tuple[float, int]] = {len(run): (0.0, 0)}
    for place in range(len(run) - 1, -1, -1):
        choices = []
        for end in range(place + 1, len(run) + 1):
            found = share(run[place:end], tables)
            if found is None:
                break
            if found == found:
                choices.append((found + route[end][0], end))
        route[place] = max(choices or [(tables.unknown + route[place + 1][0], place + 1)])
    place, single = 0, ""
    while place < len(run):
        end = route[place][1]
        if end - place == 1:
            single += run[place]
        else:
            yield from _cut_single(single, tables)
            single = ""
            yield run[place:end]
        place = end
    yield from _cut_single(single, tables)


def _cut_single(run: str, tables: Dictionary) -> Iterator[str]:
    found = share(run, tables) if run else None
    if len(run) < 2 or (found is not None and found == found):
        yield from run
        return
    for part in HAN.split(run):
        if HAN.match(part):
            yield from _cut_han(part, tables)
        else:
            yield from filter(None, NUMBER.split(part))


def _cut_han(run: str, tables: Dictionary) -> Iterator[str]:
    def emission(state: str, character: str) -> float:
        return float(tables.emissions[STATES.index(state), ord(character) - FIRST_HAN])

    def step(row: str, state: str) -> float:
        return float(tables.chain[1 + STATES.index(row), STATES.index(state)])

    scores = {
        state: float(tables.chain[0, STATES.index(state)]) + emission(state, run[0])
        for state in STATES
    }
    paths = {state: [state] for state in STATES}
    for character in run[1:]:
        best = {
            state: max(
                (scores[row] + step(row, state) + emission(state, character), row)
                for row in BEFORE[state]
            )
            for state in STATES
        }
        paths = {state: [*paths[best[state][1]], state] for state in STATES}
        scores = {state: best[state][0] for state in STATES}
    begin = 0
    for place, state in enumerate(paths[max((scores[state], state) for state in "ES")[1]]):
        if state == "B":
            begin = place
        elif state in "ES":
            yield run[begin if state == "E" else place : place + 1]
