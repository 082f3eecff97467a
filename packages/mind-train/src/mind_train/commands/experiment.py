"""mind-train experiment."""

from __future__ import annotations

from typing import Annotated, Optional

import typer

from mind_core import cli, options
from mind_train.commands import experiments

ACTIONS = ("plan", "run", "status", "table", "claims", "page", "runs")
WHAT = "Run a plan of experiments: many small models, one table, and a verdict for each claim."
EXAMPLES = [
    "mind-train experiment plan PLAN.toml -o experiments/",
    "mind-train experiment run PLAN.toml -o experiments/",
    "mind-train experiment status PLAN.toml -o experiments/",
    "mind-train experiment table PLAN.toml -o experiments/ --json > records.jsonl",
    "mind-train experiment claims PLAN.toml -o experiments/",
    "mind-train experiment runs LADDER.toml -o experiments/ > runs.csv",
    "mind-train experiment page PLAN.toml -o experiments/ --figure plan.svg > plan.md",
]
COST = experiments.COST


def experiment(
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
    language: Annotated[str, typer.Option(metavar="en|zh", help="Of the page.")] = "en",
    retry: experiments.Retry = False,
    dry_run: options.DryRun = False,
    plugin: options.PluginFiles = None,
    json: options.Json = False,
    quiet: options.Quiet = False,
    progress: options.ShowProgress = None,
) -> None:
    """Read the options, then do what is asked with the plan."""
    what = experiments.action_of(context, action, ACTIONS)
    session = experiments.opened(context, plan, store, plugin, None)
    from mind_core.records import encode
    from mind_train.experiments import views

    if what == "plan":
        cli.write_out(session.cost())
    elif what == "run":
        experiments.run(session, dry_run, quiet, progress, retry)
    elif what == "status":
        cli.write_out(views.status_text(session.plan, session.cells, session.store))
    elif what == "table" and json:
        for cell in session.cells:
            if session.store.is_finished(cell):
                for record in session.store.records(cell, session.plan.name):
                    cli.write_out(encode(record).decode())
    elif what == "table" and session.plan.kind == "rate":
        from mind_train.experiments.rate_rule import best_rates, rates_text

        cli.write_out(rates_text(best_rates(session.plan, session.cells, session.store)))
    elif what == "table":
        cli.write_out(views.arms_text(session.results(size)))
    elif what == "runs":
        cli.write_out(views.runs_csv(session.plan, session.cells, session.store))
    elif what == "page":
        from mind_train.experiments.page import figure_of, section

        if figure is not None:
            experiments.draw(figure_of(session), figure)
        cli.write_out(section(session, language, figure.name if figure else ""))
    else:
        from mind_train.experiments.effects import outcomes_of

        outcomes = outcomes_of(session.results(size))
        cli.write_out(views.outcomes_text(session.plan, outcomes))
