"""mind-train experiment."""

from __future__ import annotations

from typing import Annotated

import typer

from mind_core import cli
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


@experiments.experiment_command(
    ACTIONS,
    "action plan store size figure language retry dry_run plugin json quiet progress",
)
def experiment(
    given: experiments.ExperimentOptions,
    language: Annotated[str, typer.Option(metavar="en|zh", help="Language of the page.")] = "en",
) -> None:
    """Read the options, then do what is asked with the plan."""
    session = given.open(None)
    from mind_core.records import encode
    from mind_train.experiments import views

    if given.action == "plan":
        cli.write_out(session.cost())
    elif given.action == "run":
        given.run(session)
    elif given.action == "status":
        cli.write_out(views.status_text(session.plan, session.cells, session.store))
    elif given.action == "table" and given.json:
        for cell in session.cells:
            if session.store.is_finished(cell):
                for record in session.store.records(cell, session.plan.name):
                    cli.write_out(encode(record).decode())
    elif given.action == "table" and session.plan.kind == "rate":
        from mind_train.experiments.rate_rule import best_rates, rates_text

        cli.write_out(rates_text(best_rates(session.plan, session.cells, session.store)))
    elif given.action == "table":
        cli.write_out(views.arms_text(session.results(given.size)))
    elif given.action == "runs":
        cli.write_out(views.runs_csv(session.plan, session.cells, session.store))
    elif given.action == "page":
        from mind_train.experiments.page import figure_of, section

        if given.figure is not None:
            given.draw(figure_of(session))
        cli.write_out(section(session, language, given.figure.name if given.figure else ""))
    else:
        from mind_train.experiments.effects import outcomes_of

        outcomes = outcomes_of(session.results(given.size))
        cli.write_out(views.outcomes_text(session.plan, outcomes))
