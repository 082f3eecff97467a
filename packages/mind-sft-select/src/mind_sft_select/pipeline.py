"""The stream: records → messages → scores → the band → kept or rejected, with the reason."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from mind_core.chats import read_chat_batches
from mind_core.errors import GateError
from mind_core.plugins import Plugins
from mind_core.progress import log
from mind_core.recipe import Recipe
from mind_core.runner import BatchResult, StreamOptions, run_stream
from mind_core.summary import Summary
from mind_sft_select.bands import Band, quantile_band
from mind_sft_select.clusters import fit_clusters
from mind_sft_select.config import SelectionConfig
from mind_sft_select.instructions import Instruction, InstructionParser
from mind_sft_select.replayable_input import ReplayableInput, make_replayable
from mind_sft_select.score_sources import (
    ModelScores,
    RandomKeys,
    RecordedScores,
    RecordScores,
    ScoreTable,
)
from mind_sft_select.selection import TOOL, SelectionRule, Selector


def make_plugins(files: Sequence[str | Path] = ()) -> Plugins:
    """Load the built-ins and the given plugin files; installed plugins wait to be asked for."""
    from mind_sft_select import builtins, hookspecs

    return Plugins("mind_sft_select", hookspecs, builtins, files)


def run_selection(
    config: SelectionConfig, recipe: Recipe, plugins: Plugins, options: StreamOptions
) -> Summary:
    """Select instructions from a stream and return the summary.

    With fixed bounds a record is decided as it passes. Quantiles, clusters and --max need all
    scores first: then the input is read twice, and what is no file waits in a temporary one.
    """
    summary = Summary(
        TOOL,
        seed=config.seed,
        recipe=dict(recipe.values),
        components=plugins.used(),
        started=config.started,
    )
    if config.uses_model and not options.quiet and config.model_details():
        log(TOOL, f"scores on {config.device_name()}")
    scores = ModelScores(config.scorers, config.names)
    rule = config.rule()
    # The common case: one pass, whatever the size of the input.
    if not config.needs_all:
        selector = Selector(rule, scores, config.mark)
        return _select(selector, config, summary, ReplayableInput(options))
    with tempfile.TemporaryDirectory(prefix="mind-sft-select-") as folder:
        inputs = make_replayable(options, Path(folder))
        first = score_all(rule, scores, config, inputs, Path(folder))
        rule = fit_rule(rule, config, first)
        selector = Selector(rule, RecordedScores(first.scores), config.mark)
        return _select(selector, config, summary, inputs)


def _select(
    selector: Selector, config: SelectionConfig, summary: Summary, inputs: ReplayableInput
) -> Summary:
    from mind_sft_select.score_stats import details
    from mind_sft_select.warnings import warnings

    def finish(summary: Summary) -> None:
        summary.details.update(details(selector), model=config.model_details())

    batches = read_chat_batches(inputs.options.inputs)
    work = InstructionParser(inputs.names, config.format)
    run_stream(summary, work, inputs.options, selector, finish, batches=batches)
    for line in warnings(selector, summary, config):
        log(TOOL, f"warning: {line}")
    return summary


@dataclass
class ScorePass:
    """Finish batches by scoring them only; passes an empty line on for each record."""

    rule: SelectionRule
    model: ModelScores
    scores: ScoreTable
    keys: RandomKeys

    def __call__(self, outcome: BatchResult) -> BatchResult:
        """Score a batch and hold what was found."""
        instructions: list[Instruction] = outcome.payload
        for given, scores in zip(instructions, self.model(instructions), strict=True):
            self.scores.add(scores)
            self.keys.add(given.record)
            # Counted in this pass too, so that too many bad records stop it here, before the
            # second.
            if (error := self.rule.not_finite(given, scores)) is not None:
                outcome.bad.append((error, b""))
                continue
            outcome.keep(b"")
        outcome.payload = None
        return outcome


def score_all(
    rule: SelectionRule,
    model: ModelScores,
    config: SelectionConfig,
    inputs: ReplayableInput,
    folder: Path,
) -> ScorePass:
    """Score the whole input as the run itself will read it, and hold the scores."""
    first = ScorePass(rule, model, ScoreTable(len(config.scorers)), RandomKeys(config.seed))
    aside = replace(
        inputs.options, output=folder / "scores", rejects=None, summary=None, quiet=True
    )
    batches = read_chat_batches(aside.inputs)
    run_stream(
        Summary(TOOL), InstructionParser(inputs.names, config.format), aside, first, batches=batches
    )
    return first


def fit_rule(rule: SelectionRule, config: SelectionConfig, first: ScorePass) -> SelectionRule:
    """Fit what depends on the whole set: the band's quantiles, the clusters, and the draw.

    Raises `GateError` where quantiles are asked of scores that are all equal.
    """
    known = [(place, scores) for place, scores in enumerate(first.scores) if scores.is_scored]
    if not known:
        return rule
    if config.quantile is not None:
        gaps: dict[str, list[float]] = {}
        for _, scores in known:
            gap = rule.gap(scores)
            if gap is not None:
                gaps.setdefault(scores.language, []).append(gap)
        # These two keep everything whatever the scores are.
        if config.quantile != (0.0, 1.0):
            refuse_equal(rule.notes[0], gaps, config.per_language)
        rule = replace(rule, band=quantile_band(gaps, *config.quantile, config.per_language))
    if config.clusters is not None:
        values = [scores.values[0] for _, scores in known]
        rule = replace(rule, clusters=fit_clusters(values, config.clusters, config.seed))
    if config.max is not None:
        # Only of those in the band: N are to be left, not N less what the band takes.
        inside = [place for place, scores in known if _is_inside(rule, scores)]
        rule = replace(rule, drawn=first.keys.smallest(inside, config.max))
    return rule


def refuse_equal(name: str, gaps: Mapping[str, Sequence[float]], per_language: bool) -> None:
    """Raise `GateError` for several scores that are all one number: no quantile divides them."""
    groups = (
        dict(gaps) if per_language else {"all": [g for values in gaps.values() for g in values]}
    )
    for language, values in sorted(groups.items()):
        if len(values) > 1 and len(set(values)) == 1:
            raise GateError(
                f"all {len(values):,} {name} scores of language {language} are {values[0]:g}",
                cause="a quantile of equal scores would keep every record",
                hint="look at the scorer with --mark; --max N draws N records at random",
            )


def _is_inside(rule: SelectionRule, scores: RecordScores) -> bool:
    gap = rule.gap(scores)
    band: Band | None = rule.band
    return gap is not None and (band is None or band.verdict(gap, scores.language) is None)
