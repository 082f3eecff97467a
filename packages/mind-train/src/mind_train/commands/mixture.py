"""mind-train mixture."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Optional

import typer

from mind_core import cli
from mind_train.commands import experiments, shared

if TYPE_CHECKING:
    from mind_train.experiments.session import Session

ACTIONS = ("propose", "run", "simulate", "fit", "plot")
WHAT = "Choose a mixture of sources by small runs: propose, train, fit, and hold against baselines."
EXAMPLES = [
    "mind-train mixture propose PLAN.toml -o experiments/",
    "mind-train mixture run PLAN.toml -o experiments/",
    "mind-train mixture simulate PLAN.toml -o experiments/ --seed 3",
    "mind-train mixture fit PLAN.toml -o experiments/",
    "mind-train mixture fit --regmix regmix/",
    "mind-train mixture plot PLAN.toml -o experiments/ --figure mixture.svg",
]
COST = experiments.COST


@experiments.experiment_command(
    ACTIONS, "action plan store regmix figure retry seed dry_run plugin quiet progress"
)
def mixture(
    given: experiments.ExperimentOptions,
    regmix: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option(metavar="DIR", help="Score the fits on RegMix's public runs instead."),
    ] = None,
) -> None:
    """Read the options, then do what is asked with the plan."""
    if regmix is not None:
        shared.one_of({"--regmix": regmix, "PLAN.toml": given.plan})
        from mind_train.experiments.regmix import regmix_scores, regmix_text

        cli.write_out(regmix_text(regmix_scores(regmix)))
        return
    session = given.open("mixture")
    from mind_train.experiments import mixtures

    if given.action == "propose":
        cli.write_out(mixtures.proposals_text(session.plan))
    elif given.action == "run":
        _run(session, given)
    elif given.action == "simulate":
        scores = mixtures.simulated_scores(session.plan, given.seed)
        cli.write_out(mixtures.scores_text(scores, "of a planted law, nats"))
    elif given.action == "fit":
        _fit(session)
    else:
        from mind_train.experiments.figures import mixtures_figure

        given.draw(mixtures_figure(mixtures.measured_of(session)))


def _run(session: Session, given: experiments.ExperimentOptions) -> None:
    """Run the proposals, then what the fits pick of them at the second size."""
    from mind_core.progress import Progress, log
    from mind_train.experiments.mixtures import verification

    given.run(session)
    if given.dry_run:
        return
    if not all(session.store.is_finished(cell) for cell in session.cells):
        log(shared.TOOL, "not every proposal is finished: nothing is picked yet")
        return
    with Progress(shared.TOOL, given.progress) as live:
        session.run_more(verification(session), live, given.quiet, given.retry)


def _fit(session: Session) -> None:
    from mind_train.experiments import mixtures
    from mind_train.experiments.effects import outcomes_of
    from mind_train.experiments.mixture_laws import scores_of
    from mind_train.experiments.views import outcomes_text

    measured = mixtures.measured_of(session)
    rows = mixtures.matrix_rows(session, measured.sources)
    scores = scores_of(measured.names, measured.shares, measured.chosen_on, rows)
    cli.write_out(mixtures.scores_text(scores, "bits/byte"))
    picks = mixtures.picks_of(session, measured)
    for pick in picks:
        shares = ", ".join(f"{n} {s:.3f}" for n, s in pick.shares.items())
        cli.write_out(f"{pick.name}: {shares}\n")
    if cells := mixtures.verification(session, picks):
        cli.write_out(mixtures.verified_text(session, cells))
    cli.write_out(outcomes_text(session.plan, outcomes_of(session.results())))
