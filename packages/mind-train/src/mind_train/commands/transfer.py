"""mind-train transfer."""

from __future__ import annotations

from typing import Annotated, Optional

import typer

from mind_core import cli, options
from mind_train.commands import experiments

ACTIONS = ("run", "table", "plot")
WHAT = "Compare the ways to a bilingual model: one language first, or both from the start."
EXAMPLES = [
    "mind-train transfer run PLAN.toml -o experiments/",
    "mind-train transfer run PLAN.toml -o experiments/ -n",
    "mind-train transfer table PLAN.toml -o experiments/",
    "mind-train transfer plot PLAN.toml -o experiments/ --figure transfer.svg",
]
COST = experiments.COST


def transfer(
    context: typer.Context,
    action: Annotated[
        Optional[str],  # noqa: UP045
        typer.Argument(metavar="ACTION", help=", ".join(ACTIONS) + ".", show_default=False),
    ] = None,
    plan: experiments.PlanFile = None,
    store: experiments.StoreFolder = None,
    size: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option(metavar="NAME", help="Results of this size. Default: the plan's first."),
    ] = None,
    figure: experiments.Figure = None,
    retry: experiments.Retry = False,
    dry_run: options.DryRun = False,
    plugin: options.PluginFiles = None,
    quiet: options.Quiet = False,
    progress: options.ShowProgress = None,
) -> None:
    """Read the options, then do what is asked with the plan."""
    what = experiments.action_of(context, action, ACTIONS)
    session = experiments.opened(context, plan, store, plugin, "transfer")
    if what == "run":
        experiments.run(session, dry_run, quiet, progress, retry)
        return
    results = session.results(size)
    if what == "table":
        from mind_train.experiments.effects import outcomes_of
        from mind_train.experiments.views import arms_text, measures_text, outcomes_text

        cli.write_out(arms_text(results) + measures_text(results))
        cli.write_out(outcomes_text(session.plan, outcomes_of(results)))
        return
    from mind_train.experiments.figures import curves_figure

    experiments.draw(curves_figure(results, "held-out loss, both languages"), figure)
