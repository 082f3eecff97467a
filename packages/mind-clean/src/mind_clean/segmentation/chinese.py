"""Words of Chinese text: the most likely path through jieba's dictionary (jieba 0.42.1, `cut`)."""

from __future__ import annotations

import numpy as np

from mind_clean.segmentation.dictionary import CODES, Logs, Nodes, Steps, next_node
from mind_clean.segmentation.unknown import Numbers, States, cut_unknown
from mind_clean.text_stats.char_classes import CHINESE_RUN, SIZE, SPACE, Table
from mind_core.kernels.library import kernel
from mind_core.kernels.utf8 import CodePoints


@kernel
def _best_path(
    text: CodePoints, start: int, end: int, roots: Nodes, steps: Steps, logs: Logs,
    scores: Logs, next_cut: Numbers, unknown_share: float,
) -> None:  # fmt: skip
    """Write where the best word from each place ends, from the last to the first; long words win.

    A character that begins no word counts as a word of frequency 1.
    """
    # jieba's `calc`: `scores[i]` is the best log-probability of the text from i on, so the run is
    # read backwards; of equal paths the one whose first word is longer wins, as in jieba.
    scores[end] = 0.0
    for place in range(end - 1, start - 1, -1):
        point = text[place]
        node = int(roots[point]) if point < CODES else 0
        best, cut = -np.inf, -1
        after = place + 1
        while node > 0:
            share = logs[node]
            if share == share:  # not NaN: a word, not just the way to one
                score = share + scores[after]
                if score >= best:
                    best, cut = score, after
            if after == end or text[after] >= CODES:
                break
            node = next_node(steps, node, text[after])
            after += 1
        # No word of the dictionary begins here, or this character is beyond the table.
        if cut < 0:
            best, cut = unknown_share + scores[place + 1], place + 1
        scores[place], next_cut[place] = best, cut


@kernel
def _is_word(
    text: CodePoints, start: int, end: int, roots: Nodes, steps: Steps, logs: Logs
) -> bool:
    node = int(roots[text[start]]) if text[start] < CODES else 0
    for place in range(start + 1, end):
        if node == 0 or text[place] >= CODES:
            return False
        node = next_node(steps, node, text[place])
    return bool(node > 0 and logs[node] == logs[node])


@kernel
def _cut_run(
    text: CodePoints, start: int, end: int, roots: Nodes, steps: Steps, logs: Logs,
    emissions: Logs, chain: Logs, next_cut: Numbers, came_from: States,
    starts: Numbers, stops: Numbers, count: int,
) -> int:  # fmt: skip
    """Write the words along the best path; runs of single characters go to the model."""
    single = start  # where the run of single characters before `place` begins
    place = start
    while place < end:
        cut = next_cut[place]
        alone = cut - place == 1
        if not alone or cut == end:
            # Single characters end before a longer word, or with the run; the last of it may be one
            # of them.
            last = cut if alone else place
            if last - single == 1:
                starts[count], stops[count] = single, last
                count += 1
            elif last > single:
                # As in jieba: the model is for what the dictionary lacks. Of a word that is in it,
                # the best path wanted single characters.
                if _is_word(text, single, last, roots, steps, logs):
                    for letter in range(single, last):
                        starts[count], stops[count] = letter, letter + 1
                        count += 1
                else:
                    count = cut_unknown(
                        text, single, last, emissions, chain, came_from, starts, stops, count
                    )
            if not alone:
                starts[count], stops[count] = place, cut
                count += 1
            single = cut
        place = cut
    return count


@kernel("i8(u4[], i8, u4[], i4[], i8[], f8[], f8[,], f8[,], f8, f8[], i4[], i1[], i4[], i4[])")
def chinese_words(
    text: CodePoints, length: int, table: Table, roots: Nodes, steps: Steps, logs: Logs,
    emissions: Logs, chain: Logs, unknown_share: float,
    scores: Logs, next_cut: Numbers, came_from: States, starts: Numbers, stops: Numbers,
) -> int:  # fmt: skip
    """Write where each word of a text starts and stops; return how many words there are.

    White space parts words and is none; any other character outside jieba's runs is one. All
    buffers must hold one value more than the text has characters.
    """
    count = 0
    place = 0
    while place < length:
        bits = table[min(text[place], np.uint32(SIZE))]
        start = place
        if not bits & CHINESE_RUN:
            place += 1
            if not bits & SPACE:
                starts[count], stops[count] = start, place
                count += 1
            continue
        while place < length and table[min(text[place], np.uint32(SIZE))] & CHINESE_RUN:
            place += 1
        _best_path(text, start, place, roots, steps, logs, scores, next_cut, unknown_share)
        count = _cut_run(
            text, start, place, roots, steps, logs, emissions, chain, next_cut, came_from,
            starts, stops, count,
        )  # fmt: skip
    return count
