"""mind-train sources, curriculum and transfer: experiments whose arms follow from a few words."""

from __future__ import annotations

from mind_core import cli
from mind_train.commands import experiments

COST = experiments.COST
TABLE_ACTIONS = ("run", "table", "plot")
MATRIX_ACTIONS = ("run", "matrix", "plot")


def _examples(command: str, actions: tuple[str, ...]) -> list[str]:
    run, table, plot = (f"mind-train {command} {one} PLAN.toml -o experiments/" for one in actions)
    return [run, f"{run} -n", table, f"{plot} --figure {command}.svg"]


SOURCES_WHAT = "Train one model a source, and lay out what each has learned of the others."
SOURCES_EXAMPLES = _examples("sources", MATRIX_ACTIONS)
CURRICULUM_WHAT = "Train on one data set in several orders: uniform, blocked, by length, in blocks."
CURRICULUM_EXAMPLES = _examples("curriculum", TABLE_ACTIONS)
TRANSFER_WHAT = "Compare the ways to a bilingual model: one language first, or both from the start."
TRANSFER_EXAMPLES = _examples("transfer", TABLE_ACTIONS)


@experiments.experiment_command(MATRIX_ACTIONS)
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


@experiments.experiment_command(TABLE_ACTIONS)
def curriculum(given: experiments.ExperimentOptions) -> None:
    """Read the options, then do what is asked with the plan."""
    _compare_arms(given, "curriculum", "held-out loss, all sources")


@experiments.experiment_command(TABLE_ACTIONS)
def transfer(given: experiments.ExperimentOptions) -> None:
    """Read the options, then do what is asked with the plan."""
    _compare_arms(given, "transfer", "held-out loss, both languages")


def _compare_arms(given: experiments.ExperimentOptions, design: str, title: str) -> None:
    """Train the arms of a design, print what each has reached, or draw their curves."""
    session = given.open(design)
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

    given.draw(curves_figure(results, title))
