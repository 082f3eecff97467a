"""The run of `elo`: verdicts in, ratings out, every verdict that says nothing counted."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from mind_core import MindError, Reason
from mind_core.errors import BadRecord
from mind_core.files import atomic_file, write_json
from mind_core.output import check_distinct
from mind_core.progress import log
from mind_core.runner import BatchResult, StreamOptions, run_stream
from mind_core.stream import Batch
from mind_core.summary import Summary
from mind_domain.domain import TOOL
from mind_domain.ratings.ballots import Ballot, read_ballot
from mind_domain.ratings.rating import RatingRule, rate
from mind_domain.ratings.show import plot_ratings


@dataclass(frozen=True)
class BallotReader:
    """Read the verdicts of a batch."""

    def __call__(self, batch: Batch) -> BatchResult:
        """Return the outcome with the ballots as payload."""
        outcome = BatchResult(payload=[])
        for position, line, record in outcome.records(batch):
            try:
                ballot = read_ballot(record, position)
            except BadRecord as error:
                outcome.bad.append((error, line))
                continue
            if isinstance(ballot, Reason):
                outcome.reject(record, TOOL, "elo", ballot)
            else:
                outcome.payload.append(ballot)
        return outcome


def run_elo(
    rule: RatingRule, options: StreamOptions, output: Path | None, plot: Path | None
) -> dict[str, Any]:
    """Rate the models of a stream of verdicts; write JSON and a plot if they are asked for."""
    check_distinct(options.inputs, output, plot)
    ballots: list[Ballot] = []

    def hold(outcome: BatchResult) -> BatchResult:
        ballots.extend(outcome.payload)
        outcome.kept = [b""] * len(outcome.payload)
        return outcome

    summary = Summary(TOOL, seed=rule.seed, recipe={"model": rule.model, "prior": rule.prior})
    # The line of the summary is told at the end, when the ratings stand.
    aside = replace(options, quiet=True)
    done = run_stream(summary, BallotReader(), aside, hold, passes_on=False)
    if not ballots:
        raise MindError("there is nothing to rate: no verdict in the input")
    report = rate(ballots, rule)
    report["left_out"] = dict(sorted(done.rejected.items()))
    report["bad"] = dict(sorted(done.bad.items()))
    if output is not None:
        write_json(output, report)
    if plot is not None:
        with atomic_file(plot) as file:
            file.write(plot_ratings(report).encode())
    if not options.quiet:
        log(TOOL, done.line())
    return report
