"""mind-train sources."""

from __future__ import annotations

from typing import Annotated, Optional

import typer

from mind_core import cli, options
from mind_train.commands import experiments

ACTIONS = ("run", "matrix", "plot")
WHAT = "Train one model a source, and lay out what each has learned of the others."
EXAMPLES = [
    "mind-train sources run PLAN.toml -o experiments/",
    "mind-train sources run PLAN.toml -o experiments/ -n",
    "mind-train sources matrix PLAN.toml -o experiments/",
    "mind-train sources plot PLAN.toml -o experiments/ --figure sources.svg",
]
COST = experiments.COST


def sources(
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
    session = experiments.opened(context, plan, store, plugin, "sources")
    if what == "run":
        experiments.run(session, dry_run, quiet, progress, retry)
        return
    from mind_train.experiments.matrix import matrix_of, matrix_text

    results = session.results(size)
    matrix = matrix_of(results, session.prepared())
    if what == "matrix":
        from mind_train.experiments.effects import outcomes_of
        from mind_train.experiments.views import left_out_lines, outcomes_text

        text = matrix_text(matrix) + "".join(f"{line}\n" for line in left_out_lines(results))
        cli.write_out(text + outcomes_text(session.plan, outcomes_of(results)))
        return
    from mind_train.experiments.figures import matrix_figure

    experiments.draw(matrix_figure(matrix), figure)
