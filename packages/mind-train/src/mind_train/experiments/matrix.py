"""The matrix of one model a source: trained on rows, evaluated on columns, in bits per byte.

Beside it: the difference to the diagonal and to the mixed model, an interval over documents and
seeds for each entry, rows in the order of a hierarchical clustering, and a baseline: how much of
the text of a column is made of token sequences that the row's training has.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from mind_core.errors import MindError
from mind_core.render.terminal import align_columns
from mind_train.data import DocumentIndex
from mind_train.experiments.curves import NotTestable
from mind_train.experiments.effects import document_error_of, value_of
from mind_train.experiments.outcomes import LEVEL, quantile, spearman
from mind_train.experiments.results import Results
from mind_train.shards import Shards

Floats = npt.NDArray[np.float64]
MIXED = "mixed"
OVERLAP_TOKENS = 3
LARGEST = 2_000_000
"""Tokens of a source's training text that are read for the overlap, at most."""


@dataclass(frozen=True)
class Matrix:
    """Rows are arms in the order of the clustering, columns sources; bits per byte and half-widths.

    `values`, `half` float64 (rows, columns); `overlap` the same shape, a share between 0 and 1.
    `speed` and `last` are (value, half-width) by row; `half` nan: one seed.
    """

    rows: list[str]
    columns: list[str]
    values: Floats
    half: Floats
    overlap: Floats
    speed: list[tuple[float, float]]
    last: list[tuple[float, float]]

    @property
    def to_diagonal(self) -> Floats:
        """Return each entry minus the one of the column's own model."""
        own = [
            self.values[self.rows.index(name), place] if name in self.rows else np.nan
            for place, name in enumerate(self.columns)
        ]
        return np.asarray(self.values - np.array(own))

    @property
    def to_mixed(self) -> Floats:
        """Return each entry minus that of the mixed model."""
        if MIXED not in self.rows:
            return np.full_like(self.values, np.nan)
        return np.asarray(self.values - self.values[self.rows.index(MIXED)])

    def overlap_correlation(self) -> float:
        """Return Spearman's correlation of the loss with the overlap, off the diagonal.

        Near −1: the pattern is that of shared vocabulary.
        """
        chosen = [
            (self.values[i, j], self.overlap[i, j])
            for i, row in enumerate(self.rows)
            for j, column in enumerate(self.columns)
            if row not in (column, MIXED) and np.isfinite(self.overlap[i, j])
        ]
        return spearman([a for a, _ in chosen], [b for _, b in chosen]) if len(chosen) > 2 else 0.0


def matrix_of(results: Results, shards: Path) -> Matrix:
    """Work the matrix out; raises MindError where no cell is finished."""
    if not results.final:
        raise MindError(
            f"no cell of {results.plan.name} is finished", hint="mind-train sources run PLAN"
        )
    columns = sorted({results.source_of(name) for name in results.sets})
    rows = results.arms
    table = np.array([[_entry(results, arm, column) for column in columns] for arm in rows])
    # A row has few seeds: the spread over them is pooled over all rows of a column.
    spread, freedom = _entry_spread(results, rows, columns)
    half = np.array([[_half(results, arm, c, spread, freedom) for c in columns] for arm in rows])
    order = cluster_order(table, rows)
    overlap = overlaps(shards, [rows[i] for i in order], columns)
    speed = _by_seed(results, [rows[i] for i in order], "tokens_to_half")
    last = _by_seed(results, [rows[i] for i in order], "bits_per_byte")
    return Matrix(
        [rows[i] for i in order], columns, table[order], half[order], overlap, speed, last
    )


def _sets(results: Results, column: str) -> list[str]:
    return [name for name in results.sets if results.source_of(name) == column]


def _entry(results: Results, arm: str, column: str) -> float:
    values = [
        results.final[arm, seed][name].bits
        for seed in results.seeds(arm)
        for name in _sets(results, column)
    ]
    return float(np.mean(values))


def _entry_spread(
    results: Results, rows: Sequence[str], columns: Sequence[str]
) -> tuple[Floats, int]:
    """Return the spread over seeds of a column's entries, pooled over rows, and its freedom."""
    squares, freedom = np.zeros(len(columns)), 0
    for arm in rows:
        seeds = results.seeds(arm)
        if len(seeds) < 2:
            continue
        freedom += len(seeds) - 1
        for place, column in enumerate(columns):
            values = [
                np.mean([results.final[arm, seed][n].bits for n in _sets(results, column)])
                for seed in seeds
            ]
            squares[place] += float(np.var(values, ddof=1)) * (len(seeds) - 1)
    return np.sqrt(squares / max(freedom, 1)), freedom


def _half(results: Results, arm: str, column: str, spread: Floats, freedom: int) -> float:
    if freedom == 0:
        return float("nan")
    names = _sets(results, column)
    form = {(arm, name): 1 / len(names) for name in names}
    place = sorted({results.source_of(name) for name in results.sets}).index(column)
    seeds = len(results.seeds(arm))
    # Documents and seeds are drawn independently: their errors add as squares.
    error = np.hypot(document_error_of(results, form), spread[place] / np.sqrt(seeds))
    return float(quantile(LEVEL, freedom) * error)


def _by_seed(results: Results, arms: Sequence[str], measure: str) -> list[tuple[float, float]]:
    """Return a measure on the own sources of arms (all sets of the mixed one), with half-widths.

    nan for an arm that has no such value: one without held-out text of its own, or a curve of one
    point.
    """
    found = []
    for arm in arms:
        on = ("all",) if arm == MIXED else ("own",)
        try:
            values = [value_of(results, measure, on, arm, seed) for seed in results.seeds(arm)]
        except NotTestable:
            values = [float("nan")]
        half = float("nan")
        if len(values) > 1:
            half = quantile(LEVEL, len(values) - 1) * float(np.std(values, ddof=1))
            half /= np.sqrt(len(values))
        found.append((float(np.mean(values)), half))
    return found


def cluster_order(table: Floats, rows: Sequence[str]) -> list[int]:
    """Order rows by average linkage of their distances; the mixed one last."""
    from scipy.cluster.hierarchy import leaves_list, linkage
    from scipy.spatial.distance import pdist

    single = [i for i, name in enumerate(rows) if name != MIXED]
    order = single
    if len(single) > 2:
        # What a column costs any model says nothing of the rows.
        centred = table[single] - table[single].mean(axis=0)
        leaves = leaves_list(linkage(pdist(centred), "average", optimal_ordering=True))
        order = [single[i] for i in leaves]
    return [*order, *(i for i, name in enumerate(rows) if name == MIXED)]


def overlaps(shards: Path, rows: Sequence[str], columns: Sequence[str]) -> Floats:
    """Return the share of a column's held-out token triples that a row's training text has."""
    opened = Shards.open(shards, "text")
    held_out = opened.validation()
    known = {
        name: _grams(DocumentIndex(opened.train()), opened.manifest["groups"], name)
        for name in rows
    }
    table = np.full((len(rows), len(columns)), np.nan)
    if held_out is None:
        return table
    documents = DocumentIndex(held_out)
    for place, column in enumerate(columns):
        wanted = _grams(documents, opened.manifest["groups"], column, unique=False)
        for number, row in enumerate(rows):
            if len(wanted) and len(known[row]):
                # Where each triple would stand; it is known if it stands there already.
                at = np.searchsorted(known[row], wanted)
                found = known[row][np.minimum(at, len(known[row]) - 1)] == wanted
                table[number, place] = float(found.mean())
    return table


def _grams(
    documents: DocumentIndex, groups: Sequence[dict[str, str]], source: str, unique: bool = True
) -> npt.NDArray[np.uint64]:
    """Return the token triples of a source's documents as numbers; of all sources for the mixed."""
    chosen = [
        i for i, g in enumerate(groups) if source in (MIXED, g["source"]) or g["source"] == source
    ]
    numbers = np.flatnonzero(np.isin(documents.groups, chosen))
    parts, read = [], 0
    for number in numbers:
        ids = documents.read(int(number))[0].astype(np.uint64)
        if len(ids) >= OVERLAP_TOKENS:
            # Three ids of 21 bits in one number: vocabularies stay below two million.
            parts.append((ids[:-2] << np.uint64(42)) | (ids[1:-1] << np.uint64(21)) | ids[2:])
        read += len(ids)
        if read > LARGEST:
            break
    if not parts:
        return np.empty(0, np.uint64)
    together = np.concatenate(parts)
    return np.unique(together) if unique else together


def matrix_text(matrix: Matrix) -> str:
    """Lay the matrix out for a terminal."""
    lines = ["bits per byte, trained on (rows), evaluated on (columns)"]
    header = ("", *matrix.columns)

    def rows_of(table: Floats, form: str) -> list[tuple[str, ...]]:
        body = [
            (name, *(format(v, form) if np.isfinite(v) else "–" for v in row))
            for name, row in zip(matrix.rows, table, strict=True)
        ]
        return [header, *body]

    lines += align_columns(rows_of(matrix.values, ".3f"), len(matrix.columns))
    for title, table in (
        ("half of the 95 % interval, documents and seeds", matrix.half),
        ("difference to the column's own model", matrix.to_diagonal),
        ("difference to the mixed model", matrix.to_mixed),
    ):
        lines += ["", title, *align_columns(rows_of(table, "+.3f"), len(matrix.columns))]
    lines += ["", "share of the column's token triples that the row's training has"]
    lines += align_columns(rows_of(matrix.overlap, ".2f"), len(matrix.columns))
    lines.append(
        "rank correlation of loss and overlap off the diagonal: "
        f"{matrix.overlap_correlation():+.2f}"
    )
    speed: list[tuple[str, ...]] = [("", "tokens to half of the drop", "±", "final bits/byte", "±")]
    for name, (tokens, wide), (last, half) in zip(
        matrix.rows, matrix.speed, matrix.last, strict=True
    ):
        shown = ((tokens, ",.0f"), (wide, ",.0f"), (last, ".3f"), (half, ".3f"))
        cells = (format(v, form) if np.isfinite(v) else "–" for v, form in shown)
        speed.append((name, *cells))
    lines += ["", "learning speed, on the own source", *align_columns(speed, 4)]
    return "\n".join(lines) + "\n"


__all__ = ["Matrix", "matrix_of", "matrix_text"]
