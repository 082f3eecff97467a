"""From measured mixtures to a choice: fits, their scores, what they pick, and how that does.

The fits choose on one target (`choose_on`), and what they choose is reported on another
(`report_on`): a mixture that was chosen for a target looks better on it than it is. What is picked
is trained at the plan's second size beside natural shares, equal shares and the best of the
proposals.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mind_core.errors import MindError
from mind_core.render.terminal import align_columns
from mind_train.experiments.arms import Arm
from mind_train.experiments.cell import Cell
from mind_train.experiments.cells import cells_of_arms, corpus_at
from mind_train.experiments.curves import NotTestable
from mind_train.experiments.designs import proposals_of
from mind_train.experiments.effects import sets_of
from mind_train.experiments.mixture_laws import (
    FITTERS,
    Score,
    best_mixture,
    matrix_only,
    scores_of,
)
from mind_train.experiments.plan_file import Plan, read_plan
from mind_train.experiments.proposals import Proposal, propose
from mind_train.experiments.results import Results, gather
from mind_train.experiments.session import Session

Floats = npt.NDArray[np.float64]
CANDIDATES = 3000
NOISE = 0.005
"""The noise of a simulated run, as a share of its loss."""


@dataclass(frozen=True)
class MeasuredMixtures:
    """Mixtures with a result: names, shares (n, sources), losses on both targets (n,)."""

    sources: list[str]
    names: list[str]
    shares: Floats
    chosen_on: Floats
    reported_on: Floats


def targets(plan: Plan) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the sets to choose on and to report on, "all" where the plan names none."""
    found = []
    for name in ("choose_on", "report_on"):
        given = plan.options.get(name, ["all"])
        found.append(tuple(given) if isinstance(given, list) else (str(given),))
    return found[0], found[1]


def measured_of(session: Session) -> MeasuredMixtures:
    """Gather the finished proposals; raises MindError where there are fewer than eight."""
    results = gather(session.plan, session.cells, session.store)
    proposals, _ = proposals_of(session.plan, corpus_at(session.plan))
    # What is finished: a fit may begin before the last proposal is trained.
    there = [one for one in proposals if results.seeds(one.name)]
    if len(there) < 8:
        raise MindError(
            f"{len(there)} of {len(proposals)} mixtures are measured; a fit needs 8",
            hint="mind-train mixture run PLAN",
        )
    choose, report = targets(session.plan)
    return MeasuredMixtures(
        sorted(there[0].shares),
        [one.name for one in there],
        np.array([[one.shares[name] for name in sorted(one.shares)] for one in there]),
        np.array([_mean(results, one.name, choose) for one in there]),
        np.array([_mean(results, one.name, report) for one in there]),
    )


def _mean(results: Results, arm: str, on: tuple[str, ...]) -> float:
    try:
        names = sets_of(results, on, arm)
    except NotTestable as error:
        raise MindError(
            f"mixture {arm} was not scored on {', '.join(on)}",
            cause=error,
            hint="choose_on and report_on of the plan's options name a held-out set, its source or "
            f"its language; these runs have {', '.join(results.sets) or 'none'}",
        ) from None
    return float(
        np.mean([results.final[arm, s][name].bits for s in results.seeds(arm) for name in names])
    )


def matrix_rows(session: Session, sources: Sequence[str]) -> Floats | None:
    """Return the loss of each source's own model on the target, where the plan names a matrix."""
    name = session.plan.options.get("matrix")
    if name is None:
        return None
    plan = read_plan(session.plan.folder / str(name), "sources")
    # The matrix lies in the same store, under a plan of its own.
    found = Session.open(session.plan.folder / str(name), session.store.folder, session.plugins)
    results = gather(plan, found.cells, session.store)
    missing = [source for source in sources if not results.seeds(source)]
    if missing:
        raise MindError(
            f"the matrix of {plan.name} has no model of {', '.join(missing)}",
            hint="mind-train sources run its plan, or leave options.matrix out",
        )
    choose, _ = targets(session.plan)
    return np.array([_mean(results, source, choose) for source in sources])


def picks_of(session: Session, measured: MeasuredMixtures) -> list[Proposal]:
    """Return what each fit would pick, and the mixtures that it is held against."""
    plan = session.plan
    corpus = corpus_at(plan)
    have = {name: corpus.of(name) for name in measured.sources}
    # A seed that no plan uses for its proposals, so that candidates are other mixtures.
    drawn = propose(have, plan.tokens[0], CANDIDATES, plan.max_epochs, 1 << 20, principles=False)
    candidates = np.array([[one.shares[n] for n in measured.sources] for one in drawn])
    found = []
    for law, fitter in FITTERS.items():
        best = best_mixture(fitter(measured.shares, measured.chosen_on), candidates)
        found.append(_proposal(f"pick of {law}", measured.sources, best))
    rows = matrix_rows(session, measured.sources)
    if rows is not None:
        best = best_mixture(matrix_only(rows), candidates)
        found.append(_proposal("pick of matrix", measured.sources, best))
    place = int(np.argmin(measured.chosen_on))
    found.append(_proposal("best of the proposals", measured.sources, measured.shares[place]))
    for name in ("natural", "equal"):
        if name in measured.names:
            shares = measured.shares[measured.names.index(name)]
            found.append(_proposal(name, measured.sources, shares))
    return found


def _proposal(name: str, sources: Sequence[str], shares: Floats) -> Proposal:
    rounded = {source: round(float(s), 6) for source, s in zip(sources, shares, strict=True)}
    return Proposal(name, rounded)


def verification(session: Session, picks: Sequence[Proposal] | None = None) -> list[Cell]:
    """Return the cells in which the picks are trained at the second size; [] if none is asked."""
    plan = session.plan
    seeds = plan.options.get("verify", [])
    if not seeds or len(plan.sizes) < 2:
        return []
    _, preparation = proposals_of(plan, corpus_at(plan))
    chosen = picks_of(session, measured_of(session)) if picks is None else picks
    arms = [Arm(one.name, preparation, one.shares) for one in chosen]
    return cells_of_arms(plan, session.plugins, arms, plan.sizes[1].name, seeds)


def simulated_scores(plan: Plan, seed: int) -> list[Score]:
    """Score the fits on a planted mixing law over the plan's own proposals, with a run's noise."""
    proposals, _ = proposals_of(plan, corpus_at(plan))
    sources = sorted(proposals[0].shares)
    shares = np.array([[one.shares[name] for name in sources] for one in proposals])
    draw = np.random.default_rng(seed)
    slopes = draw.normal(-0.6, 0.8, len(sources))
    # The form of a mixing law, planted: can fits on these proposals tell its slopes apart?
    losses = 1.0 + 1.5 * np.exp(shares @ slopes)
    losses = losses * (1 + NOISE * draw.standard_normal(len(losses)))
    return scores_of([one.name for one in proposals], shares, losses, None, seed)


def proposals_text(plan: Plan) -> str:
    """Lay out the proposed mixtures: the share of each source, and its epochs at most."""
    corpus = corpus_at(plan)
    proposals, preparation = proposals_of(plan, corpus)
    sources = sorted(proposals[0].shares)
    have = {s: preparation.tokens.get(s, corpus.of(s)) for s in sources}
    rows = [("mixture", *sources, "most epochs")]
    for one in proposals:
        epochs = max(one.shares[s] * plan.tokens[0] / max(have[s], 1) for s in sources)
        rows.append((one.name, *(f"{one.shares[s]:.3f}" for s in sources), f"{epochs:.2f}"))
    return "\n".join(align_columns(rows, len(sources) + 1)) + "\n"


def scores_text(scores: Sequence[Score], unit: str) -> str:
    """Lay out how the fits do on mixtures that they have not seen."""
    rows: list[tuple[str, ...]] = [
        ("fit", "Spearman, left out", "regret", "natural", "equal", "random search")
    ]
    for one in scores:
        fixed = ["–" if v is None else f"{v:.4f}" for v in (one.natural, one.equal)]
        rows.append(
            (one.law, f"{one.spearman:+.3f}", f"{one.regret:.4f}", *fixed, f"{one.random:.4f}")
        )
    lines = align_columns(rows, 5)
    lines.append(
        f"regret: {unit} above the best measured mixture; random search: the best of the half"
    )
    lines.append("that the fit has seen")
    return "\n".join(lines) + "\n"


def verified_text(session: Session, cells: Sequence[Cell]) -> str:
    """Lay out how the picks did at the second size, on both targets."""
    results = gather(session.plan, cells, session.store, session.plan.sizes[1].name)
    choose, report = targets(session.plan)
    rows = [("mixture", "seeds", "chosen on", "reported on")]
    for arm in results.arms:
        rows.append(
            (arm, str(len(results.seeds(arm))), f"{_mean(results, arm, choose):.4f}",
             f"{_mean(results, arm, report):.4f}")
        )  # fmt: skip
    lines = [
        f"trained at {results.size}, bits per byte on {', '.join(choose)} and {', '.join(report)}"
    ]
    lines += align_columns(rows, 3) if len(rows) > 1 else ["none is finished"]
    return "\n".join([*lines, *results.left_out]) + "\n"
