"""mind-train curriculum."""

from __future__ import annotations

from mind_core import cli
from mind_train.commands import experiments

ACTIONS = ("run", "table", "plot")
WHAT = "Train on one data set in several orders: uniform, blocked, by length, in blocks."
EXAMPLES = [
    "mind-train curriculum run PLAN.toml -o experiments/",
    "mind-train curriculum run PLAN.toml -o experiments/ -n",
    "mind-train curriculum table PLAN.toml -o experiments/",
    "mind-train curriculum plot PLAN.toml -o experiments/ --figure curriculum.svg",
]
COST = experiments.COST


@experiments.experiment_command(ACTIONS)
def curriculum(given: experiments.ExperimentOptions) -> None:
    """Read the options, then do what is asked with the plan."""
    session = given.open("curriculum")
    if given.action == "run":
        given.run(session)
        return
    results = session.results(given.size)
    if given.action == "table":
        from mind_train.experiments.effects import outcomes_of
        from mind_train.experiments.views import arms_text, measures_text, outcomes_text

        cli.write_out(arms_text(results) + measures_text(results))
        cli.write_out(outcomes_text(session.plan, outcomes_of(results)))
        return
    from mind_train.experiments.figures import curves_figure

    given.draw(curves_figure(results, "held-out loss, all sources"))
