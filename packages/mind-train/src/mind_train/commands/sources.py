"""mind-train sources."""

from __future__ import annotations

from mind_core import cli
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


@experiments.experiment_command(ACTIONS)
def sources(given: experiments.ExperimentOptions) -> None:
    """Read the options, then do what is asked with the plan."""
    session = given.open("sources")
    if given.action == "run":
        given.run(session)
        return
    from mind_train.experiments.matrix import matrix_of, matrix_text

    results = session.results(given.size)
    matrix = matrix_of(results, session.prepared())
    if given.action == "matrix":
        from mind_train.experiments.effects import outcomes_of
        from mind_train.experiments.views import left_out_lines, outcomes_text

        text = matrix_text(matrix) + "".join(f"{line}\n" for line in left_out_lines(results))
        cli.write_out(text + outcomes_text(session.plan, outcomes_of(results)))
        return
    from mind_train.experiments.figures import matrix_figure

    given.draw(matrix_figure(matrix))
