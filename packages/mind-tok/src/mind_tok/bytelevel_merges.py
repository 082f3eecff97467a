"""Learn the merges of a byte-level BPE from words and their counts, as `tokenizers` learns them.

The library trains on texts only. These are its steps (`BpeTrainer.do_train` of tokenizers 0.23), so
the same words give the same vocabulary and merges: the most frequent pair first, of equal ones that
of the lower ids; a pair waits with the words in which it was new, and is counted anew when its turn
comes.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from heapq import heapify, heappop, heappush, heapreplace
from itertools import count as numbers
from itertools import pairwise

from mind_tok.bytelevel_file import alphabet

Pair = tuple[int, int]


def learn_merges(
    counts: Iterable[tuple[str, int]], entries: int, min_frequency: int
) -> tuple[dict[str, int], list[tuple[str, str]]]:
    """Return the ids of at most so many entries, the 256 bytes first, and the merges in order.

    `counts` are words and how often each occurs. Fewer entries come of words that hold no pair more
    that occurs `min_frequency` times.
    """
    texts = sorted(alphabet())
    ids = {text: i for i, text in enumerate(texts)}
    # The library numbers the alphabet by letters, not by bytes; ties are broken by these ids.
    byte_ids = [ids[letter] for letter in alphabet()]
    words, often = [], []
    for word, number in counts:
        words.append([byte_ids[byte] for byte in word.encode()])
        often.append(number)
    pairs, found = _count_pairs(words, often)
    order = numbers()  # so that no sets are compared
    queue = [(-pairs[pair], pair, next(order), where) for pair, where in found.items()]
    heapify(queue)
    ranks: dict[Pair, int] = {}
    for rank in numbers():
        pair = _next_pair(queue, pairs, min_frequency) if len(texts) < entries else None
        if pair is None:
            break
        where = heappop(queue)[3]
        text = texts[pair[0]] + texts[pair[1]]
        # Two pairs may make the same text, which is one entry.
        new = ids.setdefault(text, len(texts))
        if new == len(texts):
            texts.append(text)
        ranks[pair] = rank  # a pair that comes again takes the later place
        grown: dict[Pair, set[int]] = defaultdict(set)
        for place in where:
            times = often[place]
            for changed, by in merge_word(words[place], pair, new):
                pairs[changed] += by * times
                if by > 0:
                    grown[changed].add(place)
        for changed, places in grown.items():
            # What came and went again within this step waits for nothing.
            if pairs[changed] > 0:
                heappush(queue, (-pairs[changed], changed, next(order), places))
    merges = [(texts[a], texts[b]) for a, b in sorted(ranks, key=ranks.__getitem__)]
    return ids, merges


def merge_word(symbols: list[int], pair: Pair, new: int) -> Iterator[tuple[Pair, int]]:
    """Merge a pair in one word; yield the pairs beside it that are gone (-1) and there (1)."""
    left, right = pair
    at = 0
    while True:
        try:
            at = symbols.index(left, at)
        except ValueError:
            return
        if at + 1 < len(symbols) and symbols[at + 1] == right:
            if at > 0:
                yield (symbols[at - 1], left), -1
                yield (symbols[at - 1], new), 1
            # In place, and `at` moves on behind it: aaa becomes (aa)a, not a(aa).
            symbols[at : at + 2] = [new]
            if at + 1 < len(symbols):
                yield (right, symbols[at + 1]), -1
                yield (new, symbols[at + 1]), 1
        at += 1


def _count_pairs(
    words: list[list[int]], often: list[int]
) -> tuple[dict[Pair, int], dict[Pair, set[int]]]:
    pairs: dict[Pair, int] = defaultdict(int)
    found: dict[Pair, set[int]] = defaultdict(set)
    for place, (symbols, times) in enumerate(zip(words, often, strict=True)):
        for pair in pairwise(symbols):
            pairs[pair] += times
            found[pair].add(place)
    return pairs, found


def _next_pair(
    queue: list[tuple[int, Pair, int, set[int]]], pairs: dict[Pair, int], min_frequency: int
) -> Pair | None:
    """Bring the pair that is most frequent by now to the front of the queue, if there is one."""
    while queue:
        waiting, pair, number, where = queue[0]
        if -waiting == pairs[pair]:
            return pair if -waiting >= max(1, min_frequency) else None
        # Its count has changed since it was entered: back to where it belongs by now.
        heapreplace(queue, (-pairs[pair], pair, number, where))
    return None
