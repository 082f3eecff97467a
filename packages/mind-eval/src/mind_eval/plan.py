"""Decide what is read together: shared beginnings once, answers to one question in one batch.

Sequences with one context are a row; what their answers read beyond it are its branches. Rows that
begin alike (the few-shot block of a subject) are a group: its prefix goes through the model once.
A plan depends on the sequences alone, so that any number of ranks, and a resumed run, compute
every number in the same batch.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

STEP = 8
"""Prefixes end at multiples of this: it bounds the depth of the search."""

LEAST = 16
"""A shared prefix, or a shared context, must save this many tokens to be worth a pass."""

LEAST_WRITTEN = 2048
"""The same where each group is written on by itself, token after token."""

Ids = tuple[int, ...]


@dataclass(frozen=True)
class Sequenced:
    """Token ids of which the last `scored` are to be predicted from all before them."""

    tokens: Ids
    scored: int

    @property
    def input(self) -> Ids:
        """Give what the model reads: all tokens but the last."""
        return self.tokens[:-1]

    @property
    def context(self) -> Ids:
        """Give what stands before the first scored token."""
        return self.tokens[: -self.scored]


@dataclass(frozen=True)
class Tree:
    """A text and what may go on from its end, each way by itself."""

    trunk: Ids
    branches: tuple[Ids, ...] = ()

    @property
    def tokens(self) -> Ids:
        """Give trunk and branches one after another."""
        return sum(self.branches, self.trunk)


@dataclass
class Row:
    """A context with what is read right after it, and the answers that branch off behind it."""

    context: Ids
    tail: Ids = ()
    members: list[int] = field(default_factory=list)
    branches: dict[Ids, list[int]] = field(default_factory=dict)

    @property
    def read(self) -> Ids:
        """Give the row's tokens."""
        return self.context + self.tail


@dataclass(frozen=True)
class Unit:
    """Rows that go through the model as one batch behind a shared prefix; the unit of work."""

    prefix: Ids
    rows: tuple[Row, ...]

    @property
    def sequences(self) -> list[int]:
        """List the indices of the sequences that the unit answers."""
        found = []
        for row in self.rows:
            found += row.members
            for members in row.branches.values():
                found += members
        return found

    @property
    def cost(self) -> int:
        """Count the tokens that go through the model, without the prefix."""
        start = len(self.prefix)
        return sum(len(row.read) - start + sum(map(len, row.branches)) for row in self.rows)


def plan(
    sequences: Sequence[Sequenced], batch_tokens: int, *, share: bool = True, least: int = LEAST
) -> list[Unit]:
    """Cut sequences into units of at most `batch_tokens` tokens with padding and prefix.

    `share` False makes a row of each different input, for models whose cache cannot branch. `least`
    is what a prefix must save to make a group of its own.
    """
    units = []
    for prefix, rows in _groups(_rows(sequences, share), share, least):
        for batch in _batches(rows, batch_tokens):
            units.append(Unit(prefix, tuple(batch)))
    return units


def shares(units: Sequence[Unit], ranks: int) -> list[list[Unit]]:
    """Cut units, in their order, into one run of about equal cost for each rank."""
    total, done = sum(unit.cost for unit in units), 0
    parts: list[list[Unit]] = [[] for _ in range(ranks)]
    for unit in units:
        middle = done + unit.cost // 2
        parts[min(ranks - 1, middle * ranks // max(1, total))].append(unit)
        done += unit.cost
    return parts


def _rows(sequences: Sequence[Sequenced], share: bool) -> list[Row]:
    """Collect sequences by context; an answer of one reading is read in its row."""
    by_context: dict[Ids, dict[Ids, list[int]]] = {}
    for index, sequence in enumerate(sequences):
        assert 0 < sequence.scored < len(sequence.tokens), "something to read and to predict"
        context = sequence.context
        tail = sequence.tokens[len(context) : -1]
        by_context.setdefault(context, {}).setdefault(tail, []).append(index)
    rows = []
    for context, tails in by_context.items():
        read_on = [tail for tail in tails if tail]
        if len(read_on) > 1 and share and len(context) * (len(read_on) - 1) >= LEAST:
            row = Row(context, members=tails.get((), []))
            row.branches = {tail: tails[tail] for tail in read_on}
            rows.append(row)
            continue
        for tail in read_on or [()]:
            rows.append(Row(context, tail, list(tails[tail])))
        if read_on and () in tails:
            rows[-1].members += tails[()]
    return rows


def _groups(rows: list[Row], share: bool, least: int) -> list[tuple[Ids, list[Row]]]:
    """Group rows by the prefix that is worth a pass of its own; the rest have none."""
    rows = sorted(rows, key=lambda row: row.read)
    if not share or len(rows) < 2:
        return [((), rows)] if rows else []
    # The last token of a context is read in its row: its hidden state predicts.
    common = [0] + [
        min(_common(a.read, b.read), len(a.context) - 1, len(b.context) - 1)
        for a, b in pairwise(rows)
    ]
    sizes = [len(row.read) for row in rows]
    found: list[tuple[Ids, list[Row]]] = []
    alone: list[Row] = []
    for low, high, length in _best(common, sizes, 0, len(rows), least)[1]:
        if length:
            found.append((rows[low].context[:length], rows[low:high]))
        else:
            alone += rows[low:high]
    return [*found, ((), alone)] if alone else found


def _best(
    common: list[int], sizes: list[int], low: int, high: int, cost: int
) -> tuple[int, list[tuple[int, int, int]]]:
    """Find the cheapest cut of rows low … high-1 into groups: tokens and (low, high, prefix).

    A group with a prefix costs `cost` tokens by itself.
    """
    if high - low == 1:
        return sizes[low], [(low, high, 0)]
    shared = min(common[low + 1 : high]) // STEP * STEP
    length = shared if shared >= LEAST else 0
    together = sum(sizes[low:high]) - length * (high - low - 1) + (cost if length else 0)
    cuts = [i for i in range(low + 1, high) if common[i] // STEP * STEP == shared]
    apart, groups = 0, []
    for start, stop in zip([low, *cuts], [*cuts, high], strict=True):
        if stop - start == 1:
            apart += sizes[start]
            groups.append((start, stop, 0))
        else:
            size, inner = _best(common, sizes, start, stop, cost)
            apart += size
            groups += inner
    return (together, [(low, high, length)]) if together <= apart else (apart, groups)


def _common(a: Ids, b: Ids) -> int:
    """Count the tokens that two sequences begin with in common, by halving."""
    low, high = 0, min(len(a), len(b))
    while low < high:
        middle = (low + high + 1) // 2
        if a[low:middle] == b[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low


def _batches(rows: list[Row], batch_tokens: int) -> list[list[Row]]:
    """Cut rows, longest first, into batches of at most `batch_tokens`, padding and prefix counted.

    Behind a long prefix a batch repeats its keys and values for every row.
    """
    batches: list[list[Row]] = []
    width = 0
    for row in sorted(rows, key=lambda row: (-len(row.read), row.read)):
        if batches and (len(batches[-1]) + 1) * width <= batch_tokens:
            batches[-1].append(row)
        else:
            batches.append([row])
            width = len(row.read)
    return batches
