"""Which rows each step reads: token shares, phases and orders as pure functions of the step.

All rows have the same length, so a share of the rows is a share of the tokens. Sources take turns
as in fair queueing: row j of a source with weight w stands at time (2j + 1) / 2w, and the rows are
read in the order of their times. After any number of rows every source has its share to within
a row or two, so to the row in each batch, and nothing but arithmetic is needed to find step N.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

from mind_core import MindError
from mind_core.errors import UsageError, did_you_mean
from mind_train.data import Dataset, Example
from mind_train.permutation import row_of

UNIFORM, BLOCKED = "uniform", "blocked"
ORDERS = (UNIFORM, BLOCKED)
UNIT = 10**9
ALL = "all"


@dataclass(frozen=True)
class MixtureSource:
    """Rows of one kind; ``seed`` keys the order inside it."""

    name: str
    rows: Dataset
    seed: int


@dataclass(frozen=True)
class Phase:
    """Some steps with one mixture: a weight for each source (0 = none), summing to about UNIT."""

    steps: int
    weights: tuple[int, ...]
    order: str = UNIFORM
    batch: int = 0
    """Rows a step; 0 takes the mixture's."""
    planned: int = 0
    """The steps it was to have, where it was cut; 0: ``steps``."""

    def taken(self, rows: int) -> list[int]:
        """Count each source's rows among the first ``rows`` of the phase."""
        if self.order == UNIFORM:
            return fair_counts(rows, self.weights)
        counts, left = [], rows
        # One source after the other, by the shares of the phase as it was planned: a run that was
        # cut short goes on as if it had never been.
        for whole in fair_counts((self.planned or self.steps) * self.batch, self.weights):
            counts.append(min(whole, left))
            left -= counts[-1]
        return counts


def fair_counts(rows: int, weights: Sequence[int]) -> list[int]:
    """Count each source's rows among the first ``rows`` in the order of their times; exact."""
    total = sum(weights)
    # Each share to the nearest row; the sum may then be off by as many rows as half the sources.
    # Rounded with whole numbers: (2 · rows · w + total) / (2 · total) is rows · w / total + ½.
    counts = [(2 * rows * w + total) // (2 * total) for w in weights]
    active = [i for i, w in enumerate(weights) if w]
    while sum(counts) < rows:  # at most half as many turns as there are sources
        # Fractions, since two sources may stand at the same time exactly, and floats would decide
        # by noise.
        # The source whose next row has the earliest time; its number decides between equals.
        i = min(active, key=lambda i: (Fraction(2 * counts[i] + 1, 2 * weights[i]), i))
        counts[i] += 1
    while sum(counts) > rows:
        some = [i for i in active if counts[i]]
        # The last row that was taken is the one with the latest time.
        i = max(some, key=lambda i: (Fraction(2 * counts[i] - 1, 2 * weights[i]), i))
        counts[i] -= 1
    return counts


class Mixture:
    """The rows of a whole run: sources and phases."""

    def __init__(
        self, sources: Sequence[MixtureSource], phases: Sequence[Phase], batch: int
    ) -> None:
        self.sources, self.batch = list(sources), batch
        self.phases = [replace(phase, batch=phase.batch or batch) for phase in phases]
        self.steps = sum(phase.steps for phase in phases)
        self._before: list[tuple[int, list[int]]] = []  # first step of each phase, rows read by it
        step, counts = 0, [0] * len(self.sources)
        for phase in self.phases:
            self._before.append((step, counts))
            taken = phase.taken(phase.steps * phase.batch)
            counts = [a + b for a, b in zip(counts, taken, strict=True)]
            step += phase.steps
        self.totals = counts

    def read(self, step: int) -> list[int]:
        """Count the rows of each source that the first ``step`` steps read."""
        phase, first, before = self._at(step)
        return [
            a + b for a, b in zip(before, phase.taken((step - first) * phase.batch), strict=True)
        ]

    def _at(self, step: int) -> tuple[Phase, int, list[int]]:
        """Give the phase of a step (counted from 0), its first step, and what was read by it."""
        # The last phase that begins at or before the step; a phase of no steps is passed by the
        # next.
        number = max(i for i, (first, _) in enumerate(self._before) if first <= step)
        return self.phases[number], *self._before[number]

    def batch_at(self, step: int) -> int:
        """Count the rows of a step (counted from 0)."""
        return self._at(step)[0].batch

    def rows_by(self, step: int) -> int:
        """Count the rows of the first ``step`` steps."""
        return sum(self.read(step))

    def history(self) -> list[dict[str, Any]]:
        """Describe the phases by names, for a run that goes on from this one."""
        names = [source.name for source in self.sources]
        return [
            {
                "steps": phase.steps,
                "planned": phase.planned,
                "batch": phase.batch,
                "order": phase.order,
                "weights": {n: w for n, w in zip(names, phase.weights, strict=True) if w},
            }
            for phase in self.phases
        ]

    def rows(self, step: int, start: int = 0, stop: int | None = None) -> list[Example]:
        """Read rows start … stop - 1 of the batch of a step (counted from 0)."""
        places: list[tuple[MixtureSource, int]] = []
        # What the step reads of a source lies between the counts before it and after it.
        for source, a, b in zip(self.sources, self.read(step), self.read(step + 1), strict=True):
            places += [(source, index) for index in range(a, b)]
        return [
            # Rows are numbered over all epochs: the permutation is of one, the second number says
            # which.
            source.rows.row(row_of(index, len(source.rows), source.seed), index // len(source.rows))
            for source, index in places[start:stop]
        ]

    def achieved(self, step: int) -> dict[str, dict[str, float]]:
        """Tell what each source has given by a step: rows, share of all rows, epochs."""
        counts = self.read(step)
        whole = max(sum(counts), 1)
        return {
            source.name: {
                "rows": count,
                "share": count / whole,
                "epochs": count / len(source.rows),
            }
            for source, count in zip(self.sources, counts, strict=True)
        }

    def check(self, max_epochs: float, rounding: float = 0.0) -> Mixture:
        """Raise MindError for a source read more than ``max_epochs`` times; 0 allows all.

        ``rounding`` rows more are allowed: to whole steps. Gives the mixture back.
        """
        for source, total in zip(self.sources, self.totals, strict=True):
            rows = len(source.rows)
            if max_epochs and total > max_epochs * rows + rounding:
                alone = source.name == ALL
                smaller = "" if alone else "give it a smaller share, "
                raise MindError(
                    f"{'the data' if alone else source.name} would be read {total / rows:,.2f} "
                    f"times, more than data.max_epochs = {max_epochs:g}",
                    cause=f"{'the steps ask' if alone else 'its share asks'} for {total:,} rows, "
                    f"it has {rows:,}",
                    hint=f"{smaller}train fewer steps, or raise data.max_epochs (0: no limit)",
                )
        return self


def resolve(shares: dict[str, float], groups: Sequence[str]) -> dict[str, list[int]]:
    """Find the groups ("source/language") that each name of a table of shares means.

    A name is a group, a source, or a language. Raises UsageError for one that is none, and for
    names that mean the same group.
    """
    found: dict[str, list[int]] = {}
    owner: dict[int, str] = {}
    # "web/zh" is a source and a language; the last slash parts them.
    parts = [name.rpartition("/") for name in groups]
    known = sorted({*groups, *(p[0] for p in parts), *(p[2] for p in parts)})
    for name, share in shares.items():
        if isinstance(share, bool) or not isinstance(share, int | float) or not 0 <= share < 1e9:
            raise UsageError(f"the share of {name} is {share!r}", hint="give a number from 0 on")
        members = [
            i for i, (source, _, language) in enumerate(parts)
            if name in (groups[i], source, language)
        ]  # fmt: skip
        if not members:
            raise UsageError(
                f"the shards have no source {name!r}",
                hint=did_you_mean(name, known) or f"they have {', '.join(known)}",
            )
        for i in members:
            if i in owner:
                raise UsageError(
                    f"{owner[i]!r} and {name!r} both mean {groups[i]}",
                    hint="give each source one share",
                )
            owner[i] = name
        found[name] = members
    if not any(shares.values()):
        raise UsageError("no source has a share above 0", hint="give at least one")
    return found


def as_weights(shares: dict[str, float], names: Sequence[str]) -> tuple[int, ...]:
    """Give whole weights for the named sources; shares are relative to their sum."""
    # Exact, although shares are floats: Fraction takes each float for the number that it is.
    whole = sum(Fraction(share) for share in shares.values())
    # Whole numbers, so that the order of rows is exact arithmetic on any machine.
    return tuple(round(Fraction(shares.get(name, 0)) / whole * UNIT) for name in names)


def source_seed(seed: int, name: str) -> int:
    """Key the order inside a source; by its name, so that other sources do not change it."""
    # crc32 and not hash(), which differs from process to process.
    # In the upper 32 bits, so that no two seeds below 2^32 give two sources one key.
    return seed if name == ALL else seed ^ (zlib.crc32(name.encode()) << 32)
