"""The run of `count`: from records, or files of counts, to one file of counts."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

from mind_core.errors import UsageError
from mind_core.output import check_distinct, open_output
from mind_core.plugins import Plugins
from mind_core.progress import Progress, log, run_with_progress
from mind_core.runner import BatchResult, StreamOptions, check_stream, run_stream
from mind_core.summary import Summary
from mind_tok.checks import check_paths
from mind_tok.counting import (
    CUTS,
    WORDS,
    Totals,
    UnitCounter,
    UnitCounts,
    as_record,
    cut_of,
    read_counts,
)
from mind_tok.encode import TOOL
from mind_tok.pipeline import TokenizerTrainOptions
from mind_tok.tokenizer import HOOK, Tokenizer


def count(stream: StreamOptions, memory: int, kind: str, plugins: Plugins) -> None:
    """Count the units of records and write them, sorted."""
    assert stream.output is not None
    if kind not in CUTS:
        raise UsageError(f"--kind {kind!r} is not trained on counts", hint=", ".join(CUTS))
    check_stream(stream)
    output = stream.output
    counts = UnitCounts(memory)

    def settle(outcome: BatchResult) -> BatchResult:
        counts.add(outcome.payload)
        outcome.payload = None
        return outcome

    def finish(summary: Summary) -> None:
        units, total = _write(output, counts.merged(), CUTS[kind])
        summary.details.update(units=units, occurrences=total)
        summary.note = f"{units:,} units, {total:,} occurrences in {output}"

    summary = Summary(TOOL, components=plugins.used())
    # The counts are the output: records are passed on to nobody.
    without = replace(stream, output=None)
    run_stream(summary, UnitCounter(CUTS[kind]), without, settle, finish, passes_on=False)


def merge(stream: StreamOptions) -> None:
    """Add up files of counts."""
    assert stream.output is not None
    if any(str(name) == "-" for name in stream.inputs) or not stream.inputs:
        raise UsageError("--merge wants files", hint="name the files of counts")
    check_distinct(stream.inputs, stream.output)
    # Counts of one kind are added up; a file of another one is refused when it is read.
    cut = cut_of(stream.inputs[0])
    units, total = _write(stream.output, read_counts(stream.inputs, cut), cut)
    if not stream.quiet:
        log(TOOL, f"{units:,} units, {total:,} occurrences in {stream.output}")


def train(options: TokenizerTrainOptions, stream: StreamOptions, plugins: Plugins) -> None:
    """Train a tokenizer on files of counts and write its folder."""
    check_paths(stream, options.output)
    if any(str(name) == "-" for name in stream.inputs) or not stream.inputs:
        raise UsageError("--counts wants files", hint="name the files of counts")
    kind: Any = plugins.make(HOOK, options.kind, options.kind_options)
    if not hasattr(kind, "train_counts"):
        raise UsageError(
            f"a {options.kind} tokenizer is not trained on counts",
            hint=f"{', '.join(CUTS)} are; or train on a sample of the texts, without --counts",
        )
    totals = Totals(read_counts(stream.inputs, CUTS.get(options.kind, WORDS)))
    with Progress(TOOL, stream.progress) as progress:
        tokenizer: Tokenizer = run_with_progress(
            progress,
            f"training {options.kind} on counts",
            lambda: kind.train_counts(totals, options.vocab_size),
        )
    # No names: the same counts in 1, 7 or 64 files give the same folder.
    told = {"units": totals.units, "occurrences": totals.occurrences}
    tokenizer.manifest.update(plugin=plugins.used(), counts=told)
    tokenizer.save(options.output)
    if not stream.quiet:
        log(TOOL, f"{tokenizer.vocab_size:,} entries from counts in {options.output}")


def _write(path: Path, counts: Iterable[tuple[str, int]], cut: str) -> tuple[int, int]:
    totals = Totals(counts)
    with open_output(path) as output:
        for unit, number in totals:
            output.write(as_record(unit, number, cut))
    return totals.units, totals.occurrences
