"""Decide what is read together: shared beginnings once, answers to one question in one batch.

Sequences with one context are a row; what their answers read beyond it are its branches. Rows that
begin alike (the few-shot block of a subject) are a group: its prefix goes through the model once.
A plan depends on the sequences alone, so that any number of ranks, and a resumed run, compute
every number in the same batch.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from mind_eval.shared_prefixes import MIN_SAVED, STEP, prefix_groups

MIN_CONTEXT = 8
"""Answers branch off no context that is shorter."""

TREE_TOKENS = 1024
"""The most tokens of a context with the answers that branch off it: its mask is their square."""

PAIRS = 1024
"""Pairs of tokens in a mask that cost about as much as one more token in all the rest."""

MIN_SAVED_GENERATING = 2048
"""The same where each group is written on by itself, token after token."""


Ids = tuple[int, ...]


@dataclass(frozen=True)
class ScoredSequence:
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
class PrefixTree:
    """A text and what may go on from its end, each way by itself."""

    trunk: Ids
    branches: tuple[Ids, ...] = ()

    @property
    def tokens(self) -> Ids:
        """Give trunk and branches one after another."""
        return sum(self.branches, self.trunk)


@dataclass
class ContextGroup:
    """A context with what is read right after it, and the answers that branch off behind it."""

    context: Ids
    tail: Ids = ()
    members: list[int] = field(default_factory=list)
    branches: dict[Ids, list[int]] = field(default_factory=dict)

    @property
    def read(self) -> Ids:
        """Give the row's tokens."""
        return self.context + self.tail

    @property
    def width(self) -> int:
        """Count the tokens of the row with its branches."""
        return len(self.context) + len(self.tail) + sum(map(len, self.branches))


@dataclass(frozen=True)
class PrefixBatch:
    """Rows that go through the model as one batch behind a shared prefix; the unit of work."""

    prefix: Ids
    rows: tuple[ContextGroup, ...]

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
        return sum(row.width - start for row in self.rows)


def plan(
    sequences: Sequence[ScoredSequence],
    batch_tokens: int,
    *,
    share: bool = True,
    min_saved: int = MIN_SAVED,
) -> list[PrefixBatch]:
    """Cut sequences into units of at most `batch_tokens` tokens with padding and prefix.

    `share` False makes a row of each different input, for models whose cache cannot branch.
    `min_saved` is what a prefix must save to make a group of its own. Time is about linear in the
    tokens.
    """
    units = []
    for prefix, rows in _groups(_rows(sequences, share), share, min_saved):
        bounded, deep = _bounded(rows, len(prefix), min(TREE_TOKENS, batch_tokens))
        for batch in _batches(bounded, batch_tokens):
            units.append(PrefixBatch(prefix, tuple(batch)))
        for row in deep:
            # At a multiple of STEP, where prefixes are looked for; the last token of the context
            # stays in the row, as its state predicts.
            own = row.context[: (len(row.context) - 1) // STEP * STEP]
            for batch in _batches(_cut(row), batch_tokens):
                units.append(PrefixBatch(own, tuple(batch)))
    return units


def shares(units: Sequence[PrefixBatch], ranks: int) -> list[list[PrefixBatch]]:
    """Cut units, in their order, into one run of about equal cost for each rank."""
    # Runs and not every n-th unit: neighbours share a prefix, which a rank then reads once.
    total, done = sum(unit.cost for unit in units), 0
    parts: list[list[PrefixBatch]] = [[] for _ in range(ranks)]
    for unit in units:
        # A unit goes to the rank in whose share its middle lies, so all ranks cut alike without
        # talking.
        middle = done + unit.cost // 2
        parts[min(ranks - 1, middle * ranks // max(1, total))].append(unit)
        done += unit.cost
    return parts


def _rows(sequences: Sequence[ScoredSequence], share: bool) -> list[ContextGroup]:
    """Collect sequences by context; an answer of one reading is read in its row.

    Answers branch off a context that is worth it. After a single token (the first windows of all
    held-out documents) each is a row, so that those that begin alike can still be a group.
    """
    by_context: dict[Ids, dict[Ids, list[int]]] = {}
    for index, sequence in enumerate(sequences):
        assert 0 < sequence.scored < len(sequence.tokens), "something to read and to predict"
        # Answers to one question share their context to the token; what differs is the tail.
        context = sequence.context
        tail = sequence.tokens[len(context) : -1]
        by_context.setdefault(context, {}).setdefault(tail, []).append(index)
    rows = []
    for context, tails in by_context.items():
        # An empty tail is an answer of one token: the context's last state predicts it, nothing
        # more is read, so it never needs a row or branch of its own.
        row = ContextGroup(context, (), tails.pop((), []))
        row.branches = tails
        # What branches spare is the context, once for every tail after the first.
        saved = len(context) * (len(tails) - 1)
        if share and len(context) >= MIN_CONTEXT and saved >= MIN_SAVED:
            rows.append(row)
        else:
            rows += _cut(row)
    return rows


def _cut(row: ContextGroup) -> list[ContextGroup]:
    """Make a row of each branch; what nothing is read for joins the first."""
    if not row.branches:
        return [row]
    rows = [
        ContextGroup(row.context, tail, list(members)) for tail, members in row.branches.items()
    ]
    # Any row of this context predicts these; the first is as good as another.
    rows[0].members += row.members
    return rows


def _bounded(
    rows: list[ContextGroup], start: int, max_width: int
) -> tuple[list[ContextGroup], list[ContextGroup]]:
    """Cut rows into trees of at most `max_width` tokens past `start`.

    Return also those that are too deep for it, whose context is better read once as a prefix.

    A tree's mask is the square of its tokens, so a branch joins one only while the context that it
    spares is worth the pairs of tokens that it adds.
    """
    bounded: list[ContextGroup] = []
    deep: list[ContextGroup] = []
    for row in rows:
        context = len(row.context) - start
        if not row.branches:
            bounded.append(row)
        # Half: beside such a context a tree has room for few branches, and the next tree would read
        # the context again.
        elif context > max_width // 2:
            deep.append(row)
        else:
            bounded += _trees(row, context, max_width)
    return bounded, deep


def _trees(row: ContextGroup, context: int, max_width: int) -> Iterator[ContextGroup]:
    """Cut the branches of one row, in their order, into trees; see `_bounded`."""
    tree, width = ContextGroup(row.context, (), row.members), context
    for tail, members in row.branches.items():
        # Another branch adds its square and twice its product with those that are there; a tree of
        # its own would read the context again.
        pairs = 2 * len(tail) * (width - context) - context * context
        if tree.branches and (width + len(tail) > max_width or pairs > context * PAIRS):
            yield _plain(tree)
            tree, width = ContextGroup(row.context), context
        tree.branches[tail] = members
        width += len(tail)
    yield _plain(tree)


def _plain(tree: ContextGroup) -> ContextGroup:
    """Read a branch that has no other beside it in its row."""
    # A single branch is the context gone on: as a plain row it needs no mask.
    return _cut(tree)[0] if len(tree.branches) == 1 else tree


def _groups(
    rows: list[ContextGroup], share: bool, min_saved: int
) -> list[tuple[Ids, list[ContextGroup]]]:
    """Group rows by the prefix that is worth a pass of its own; the rest have none."""
    # Sorted by tokens, rows that begin alike stand together.
    rows = sorted(rows, key=lambda row: row.read)
    # One row shares with nobody; without sharing there are no prefixes to look for.
    if not share or len(rows) < 2:
        return [((), rows)] if rows else []
    found: list[tuple[Ids, list[ContextGroup]]] = []
    alone: list[ContextGroup] = []
    # The last token of a context is read in its row: its hidden state predicts.
    limits = [len(row.context) - 1 for row in rows]
    for low, high, length in prefix_groups([row.read for row in rows], limits, min_saved):
        # Length 0 is the root of the tree: rows that have nothing in common worth a pass.
        if length:
            found.append((rows[low].context[:length], rows[low:high]))
        else:
            alone += rows[low:high]
    return [*found, ((), alone)] if alone else found


def _batches(rows: list[ContextGroup], batch_tokens: int) -> list[list[ContextGroup]]:
    """Cut rows, widest first, into batches of at most `batch_tokens`, padding and prefix counted.

    Behind a long prefix a batch repeats its keys and values for every row.
    """
    batches: list[list[ContextGroup]] = []
    width = 0
    # Widest first, so the first row of a batch says how wide all are padded.
    for row in sorted(rows, key=lambda row: (-row.width, row.read)):
        if batches and (len(batches[-1]) + 1) * width <= batch_tokens:
            batches[-1].append(row)
        else:
            batches.append([row])
            width = row.width
    return batches
