"""Which blocks of a page its gold text holds: labels for the judge of blocks.

Blocks and gold are both in the order of the page, so they are aligned in order: long blocks first,
by runs of six tokens, then short ones between the long ones that were found.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Sequence

TOKEN = re.compile(r"[\u3400-\u9fff\uac00-\ud7af\u3040-\u30ff]|[A-Za-z0-9_\u00c0-\u04ff]+")
_RUN = 6
_FAR = 12
Places = dict[tuple[str, ...], list[int]]
Span = tuple[int, int]


def tokens_of(text: str) -> list[str]:
    """Return the words of a text, or its characters in Chinese, Japanese and Korean."""
    return TOKEN.findall(text)


def shares_in_gold(texts: Sequence[str], gold: str) -> list[float]:
    """Return for each block the share of its tokens that the gold text holds at its place."""
    wanted = tokens_of(gold.lower())
    blocks = [tokens_of(text.lower()) for text in texts]
    used, spans = bytearray(len(wanted)), [None] * len(blocks)
    shares = [0.0] * len(blocks)
    places = {n: _places(wanted, n) for n in (_RUN, 3, 1)}
    for low, high, n in ((_RUN, 1 << 30, _RUN), (3, _RUN, 3), (1, 3, 1)):
        for block, tokens in enumerate(blocks):
            if not low <= len(tokens) < high:
                continue
            found = _between(spans, block, len(wanted))
            if n == _RUN:
                share, span = _long(tokens, places[n], used, found[0])
            else:
                share, span = _short(tokens, wanted, places[n], used, found, n)
            shares[block] = share
            if span is not None:
                spans[block] = span  # type: ignore[call-overload]
                end = min(len(wanted), span[0] + len(tokens))
                used[span[0] : end] = b"\1" * (end - span[0])
    return shares


def _places(tokens: list[str], n: int) -> Places:
    places: Places = {}
    for at in range(len(tokens) - n + 1):
        places.setdefault(tuple(tokens[at : at + n]), []).append(at)
    return places


def _between(spans: Sequence[Span | None], block: int, end: int) -> Span:
    """Return the end of the last span before a block, and the start of the next one."""
    before = next((s[1] for s in (spans[k] for k in range(block - 1, -1, -1)) if s), 0)
    return before, next((s[0] for s in spans[block + 1 : block + 400] if s), end)


def _long(
    tokens: list[str], places: Places, used: bytearray, start: int
) -> tuple[float, Span | None]:
    """Return the share of a block's tokens in runs that gold has too, and where they stand."""
    first = last = -1
    covered = bytearray(len(tokens))
    for at in range(len(tokens) - _RUN + 1):
        wanted = last + 1 if last >= 0 else start
        free = [p for p in places.get(tuple(tokens[at : at + _RUN]), ()) if not used[p]]
        if free:
            last = min(free, key=lambda p: (p < wanted, abs(p - wanted)))
            first = last if first < 0 else first
            covered[at : at + _RUN] = b"\1" * _RUN
    share = sum(covered) / len(tokens)
    return share, (first, max(first, last) + _RUN) if share >= 0.5 else None


def _short(
    tokens: list[str], wanted: list[str], places: Places, used: bytearray, between: Span, n: int
) -> tuple[float, Span | None]:
    """Find a short block near its neighbours: "Share" somewhere else in the text is no match."""
    before, after = between
    known = places.get(tuple(tokens[:n]), [])
    start = bisect_left(known, max(0, before - 2))
    for at in known[start : start + 30]:
        if at > max(before, after) + 2:
            break
        end = at + len(tokens)
        lost = n == 1 and at > before + _FAR and end < after - _FAR
        if wanted[at:end] == tokens and not used[at] and not lost:
            return 1.0, (at, end)
    return 0.0, None
