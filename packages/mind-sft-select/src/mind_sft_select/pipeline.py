"""The corridor: records → messages → scores → the band → kept or rejected, with the reason."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from mind_core import Record
from mind_core.errors import BadRecord
from mind_core.flow import Outcome, StreamOptions, run_flow
from mind_core.plugins import Plugins
from mind_core.progress import say
from mind_core.recipe import Recipe
from mind_core.stream import Batch
from mind_core.summary import Summary
from mind_sft_select.bands import Band, quantile_band
from mind_sft_select.clusters import fit_clusters
from mind_sft_select.judge import TOOL, Judge, Rule
from mind_sft_select.plan import Plan
from mind_sft_select.rereading import Rereadable, rereadable
from mind_sft_select.scored import Draws, Live, Replay, Scored, Scores

CONSUMED = ("instruction", "input", "output", "conversations")


def make_plugins(files: Sequence[str | Path] = ()) -> Plugins:
    """Load the built-ins and the given plugin files; installed plugins wait to be asked for."""
    from mind_sft_select import builtins, hookspecs

    return Plugins("mind_sft_select", hookspecs, builtins, files)


def run_selection(plan: Plan, recipe: Recipe, plugins: Plugins, options: StreamOptions) -> Summary:
    """Select instructions from a stream and return the summary.

    With fixed bounds a record is decided as it passes. Quantiles, clusters and --max need all
    scores first: then the input is read twice, and what is no file waits in a temporary one.
    """
    summary = Summary(
        TOOL,
        seed=plan.seed,
        recipe=dict(recipe.values),
        components=plugins.used(),
        started=plan.started,
    )
    live = Live(plan.scorers)
    rule = plan.rule()
    if not plan.needs_all:
        return _flow(Judge(rule, live, plan.mark), plan, summary, Rereadable(options))
    with tempfile.TemporaryDirectory(prefix="mind-sft-select-") as folder:
        twice = rereadable(options, Path(folder))
        survey = take_survey(live, plan, twice, Path(folder))
        rule = settled_rule(rule, plan, survey)
        return _flow(Judge(rule, Replay(survey.scores), plan.mark), plan, summary, twice)


def _flow(judge: Judge, plan: Plan, summary: Summary, twice: Rereadable) -> Summary:
    from mind_sft_select.figures import details

    def finish(summary: Summary) -> None:
        summary.details.update(details(judge), model=plan.model_details())

    run_flow(summary, Parse(twice.names), twice.options, judge, finish)
    for line in warnings(judge, summary):
        say(TOOL, f"warning: {line}")
    return summary


@dataclass(frozen=True)
class Parse:
    """Turn lines into records with `messages`; runs in the workers.

    `names` has what to call an input that is read from a copy.
    """

    names: Mapping[str, str] = field(default_factory=dict)

    def __call__(self, batch: Batch) -> Outcome:
        """Parse one batch; what is no instruction is bad."""
        from mind_tok.chat import messages_of

        batch = replace(batch, name=self.names.get(batch.name, batch.name))
        outcome = Outcome(payload=[])
        for position, line, record in outcome.records(batch):
            try:
                messages = messages_of(record, position)
            except BadRecord as error:
                outcome.bad.append((error, line))
                continue
            if "messages" not in record:
                for name in CONSUMED:
                    record.pop(name, None)
            record["messages"] = messages
            outcome.payload.append(record)
        return outcome


@dataclass
class Survey:
    """Settle batches by scoring them only; passes an empty line on for each record."""

    live: Live
    scores: Scores
    draws: Draws

    def __call__(self, outcome: Outcome) -> Outcome:
        """Score a batch and hold what was found."""
        records: list[Record] = outcome.payload
        for record, scored in zip(records, self.live(records), strict=True):
            self.scores.add(scored)
            self.draws.add(record)
            outcome.keep(b"")
        outcome.payload = None
        return outcome


def take_survey(live: Live, plan: Plan, twice: Rereadable, folder: Path) -> Survey:
    """Score the whole input as the run itself will read it, and hold the scores."""
    survey = Survey(live, Scores(len(plan.scorers)), Draws(plan.seed))
    aside = replace(twice.options, output=folder / "survey", rejects=None, summary=None, quiet=True)
    run_flow(Summary(TOOL), Parse(twice.names), aside, survey)
    return survey


def settled_rule(rule: Rule, plan: Plan, survey: Survey) -> Rule:
    """Fit what depends on the whole set: the band's quantiles, the clusters, and the draw."""
    known = [
        (place, scored)
        for place, scored in enumerate(survey.scores)
        if not math.isnan(scored.values[0])
    ]
    if not known:
        return rule
    if plan.quantile is not None:
        gaps: dict[str, list[float]] = {}
        for _, scored in known:
            gap = rule.gap(scored)
            if gap is not None:
                gaps.setdefault(scored.language, []).append(gap)
        rule = replace(rule, band=quantile_band(gaps, *plan.quantile, plan.per_language))
    if plan.clusters is not None:
        scores = [scored.values[0] for _, scored in known]
        rule = replace(rule, clusters=fit_clusters(scores, plan.clusters, plan.seed))
    if plan.max is not None:
        inside = [place for place, scored in known if _is_inside(rule, scored)]
        rule = replace(rule, drawn=survey.draws.smallest(inside, plan.max))
    return rule


def _is_inside(rule: Rule, scored: Scored) -> bool:
    gap = rule.gap(scored)
    band: Band | None = rule.band
    return gap is not None and (band is None or band.verdict(gap, scored.language) is None)


def warnings(judge: Judge, summary: Summary) -> Iterator[str]:
    """Say what a user should not overlook: nothing kept, or one language of several."""
    scored = [s for s in judge.seen if not math.isnan(s.values[0])]
    if len(judge.seen) and not scored:
        yield f"none of {len(judge.seen):,} was scored: {_unscored(judge, summary)}"
    elif scored and not judge.kept and judge.rule.band is not None:
        gaps = [gap for s in scored if (gap := judge.rule.gap(s)) is not None]
        reach = (
            f"gaps run from {min(gaps):.3f} to {max(gaps):.3f}"
            if gaps
            else "no language of them has a reference"
        )
        yield f"no record lies in the band; {reach}; --quantile LOW,HIGH keeps a share instead"
    languages = {s.language for s in scored}
    if len(languages) > 1 and len(judge.kept) == 1:
        yield (
            f"only {next(iter(judge.kept))} records lie in the band, of {len(languages)} languages"
        )


def _unscored(judge: Judge, summary: Summary) -> str:
    """Count the reasons why nothing was scored; what is too long can be cut."""
    counts = (summary.rejected + summary.marked).items()
    reasons = {name.removeprefix(f"{judge.rule.step}."): count for name, count in counts}
    said = ", ".join(f"{count:,} {reason}" for reason, count in sorted(reasons.items()))
    context = summary.details["model"].get("context")
    if "too_long" in reasons and context:
        said += (
            f" for the context of {context} tokens; --set {judge.rule.step}.long=cut scores what "
            "fits"
        )
    return said
