"""From a recipe's [data] and [[phase]] to a mixture over shards, its epochs checked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from mind_core import MindError
from mind_tok.shards import ShardSet
from mind_train.config import Settings
from mind_train.continuing import Start, continued_phases
from mind_train.data import Dataset
from mind_train.datasets.groups import GroupDataset, GroupIndex
from mind_train.datasets.reshuffled import ReshuffledDataset
from mind_train.datasets.text import TextDataset
from mind_train.mixture import (
    ALL,
    UNIT,
    Mixture,
    MixtureSource,
    Phase,
    as_weights,
    resolve,
    source_seed,
)
from mind_train.models.language_model import Config
from mind_train.shards import Shards


def row_length(resolved: Settings, config: Config) -> int:
    """Give the row length T: the recipe's, or the model's whole context."""
    sequence = resolved.train.sequence or config.context
    if sequence > config.context:
        raise MindError(
            f"train.sequence {sequence} is longer than the model's context {config.context}",
            hint=f"--set train.sequence={config.context}, or a larger model.context",
        )
    return sequence


def plain_mixture(resolved: Settings, rows: Dataset, start: Start | None = None) -> Mixture:
    """Make the mixture of a single source."""
    source = MixtureSource(ALL, rows, resolved.seed)
    batch = resolved.train.batch
    phases = [
        Phase(phase.steps, (UNIT,), phase.order, phase.batch or batch) for phase in resolved.phases
    ] or [Phase(resolved.train.total(len(rows)), (UNIT,), batch=batch)]
    if start is not None:
        phases = continued_phases(start.history, start.step, phases, [ALL])
    return _within_epochs(Mixture([source], phases, batch), resolved)


def _within_epochs(mixture: Mixture, resolved: Settings) -> Mixture:
    """Refuse to read anything more often than the recipe allows; epochs become whole steps."""
    # Half a batch: epochs were rounded to the nearest step.
    rounding = resolved.train.batch / 2 if resolved.train.epochs else 0.0
    return mixture.check(resolved.data.max_epochs, rounding)


def mixture_of(
    resolved: Settings, opened: Shards, sequence: int, start: Start | None = None
) -> Mixture:
    """Make the mixture of a recipe's [data] and [[phase]] over text shards; check the epochs.

    Where a phase has no shares, nor [data], every source has the share of its tokens. What was read
    before ``start`` comes first, and counts.
    """
    split = opened.train()
    tables = [dict(phase.shares or resolved.data.shares) for phase in resolved.phases]
    if not resolved.phases:
        tables = [dict(resolved.data.shares)]
    if not any(tables):
        # No shares anywhere: all text is one source, in the order of the shards.
        return plain_mixture(resolved, _all_rows(resolved, split, sequence), start)
    groups = [f"{g['source']}/{g['language']}" for g in opened.manifest["groups"]]
    index = GroupIndex(split.shards, len(groups))
    natural = {name: float(index.tokens(i)) for i, name in enumerate(groups)}
    tables = [table or natural for table in tables]
    wanted = [table_shares(table, groups) for table in tables]
    before = {} if start is None else {n: 1.0 for kept in start.history for n in kept["weights"]}
    before.pop(ALL, None)  # the check of the phases says what is wrong with it
    # The sources of the past as one more table, so that they stay sources though none reads them
    # now.
    wanted.append(table_shares(before, groups) if before else {})
    used = sorted({name for shares in wanted for name, share in shares.items() if share})
    sources = []
    for name, members in _members([t for t in wanted if t], used, groups).items():
        seed = source_seed(resolved.seed, name)
        rows: Dataset = (
            ReshuffledDataset(split.shards, sequence, seed, name, members)
            if resolved.data.reshuffle_documents
            else GroupDataset(index, members, sequence, name)
        )
        sources.append(MixtureSource(name, rows, seed))
    names = [source.name for source in sources]
    # Without the table of the past, which is no phase.
    weights = [as_weights(shares, names) for shares in wanted[:-1]]
    batch = resolved.train.batch
    if resolved.phases:
        pairs = zip(resolved.phases, weights, strict=True)
        phases = [Phase(phase.steps, w, phase.order, phase.batch or batch) for phase, w in pairs]
    else:
        steps = resolved.train.total(sum(len(source.rows) for source in sources))
        phases = [Phase(steps, weights[0], batch=batch)]
    if start is not None:
        phases = continued_phases(start.history, start.step, phases, names)
    return _within_epochs(Mixture(sources, phases, batch), resolved)


def _all_rows(resolved: Settings, split: ShardSet, sequence: int) -> Dataset:
    """Make rows of all the text, each epoch in an order of its own if that is asked for."""
    if resolved.data.reshuffle_documents:
        return ReshuffledDataset(split.shards, sequence, resolved.seed)
    return TextDataset(split, sequence)


def table_shares(table: Mapping[str, float], groups: Sequence[str]) -> dict[str, float]:
    """Check a table of shares against the groups of the shards; give it back."""
    resolve(dict(table), groups)
    return dict(table)


def _members(
    tables: Sequence[Mapping[str, float]], used: Sequence[str], groups: Sequence[str]
) -> dict[str, list[int]]:
    """Find the groups of each name in use; phases may not cut the same text in different ways."""
    found: dict[str, list[int]] = {}
    for table in tables:
        for name, members in resolve(dict(table), groups).items():
            if name in used:
                found[name] = members
    owner: dict[int, str] = {}
    for name, members in found.items():
        for i in members:
            if i in owner:
                raise MindError(
                    f"{owner[i]!r} and {name!r} both mean {groups[i]}, in different phases",
                    cause="its rows would be read by one without the other's knowledge",
                    hint="name the same sources in every phase",
                )
            owner[i] = name
    return {name: found[name] for name in used}
