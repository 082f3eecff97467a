"""mind-train mixture."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Optional

import typer

from mind_core import cli, options
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


def mixture(
    context: typer.Context,
    action: Annotated[
        Optional[str],  # noqa: UP045
        typer.Argument(metavar="ACTION", help=", ".join(ACTIONS) + ".", show_default=False),
    ] = None,
    plan: experiments.PlanFile = None,
    store: experiments.StoreFolder = None,
    regmix: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option(metavar="DIR", help="Score the fits on RegMix's public runs instead."),
    ] = None,
    figure: experiments.Figure = None,
    retry: experiments.Retry = False,
    seed: options.Seed = 0,
    dry_run: options.DryRun = False,
    plugin: options.PluginFiles = None,
    quiet: options.Quiet = False,
    progress: options.ShowProgress = None,
) -> None:
    """Read the options, then do what is asked with the plan."""
    what = experiments.action_of(context, action, ACTIONS)
    if regmix is not None:
        shared.one_of({"--regmix": regmix, "PLAN.toml": plan})
        from mind_train.experiments.regmix import regmix_scores, regmix_text

        cli.write_out(regmix_text(regmix_scores(regmix)))
        return
    session = experiments.opened(context, plan, store, plugin, "mixture")
    from mind_train.experiments import mixtures

    if what == "propose":
        cli.write_out(mixtures.proposals_text(session.plan))
    elif what == "run":
        _run(session, dry_run, quiet, progress, retry)
    elif what == "simulate":
        scores = mixtures.simulated_scores(session.plan, seed or 0)
        cli.write_out(mixtures.scores_text(scores, "of a planted law, nats"))
    elif what == "fit":
        _fit(session)
    else:
        from mind_train.experiments.figures import mixtures_figure

        experiments.draw(mixtures_figure(mixtures.measured_of(session)), figure)


def _run(session: Session, dry_run: bool, quiet: bool, progress: bool | None, retry: bool) -> None:
    """Run the proposals, then what the fits pick of them at the second size."""
    from mind_core.progress import Progress, log
    from mind_train.experiments.mixtures import verification

    experiments.run(session, dry_run, quiet, progress, retry)
    if dry_run:
        return
    if not all(session.store.is_finished(cell) for cell in session.cells):
        log(shared.TOOL, "not every proposal is finished: nothing is picked yet")
        return
    with Progress(shared.TOOL, progress) as live:
        session.run_more(verification(session), live, quiet, retry)


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
