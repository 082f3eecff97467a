"""Designs of experiments: from a plan to its arms, each a mixture over prepared shards.

An arm says what is read in which order; sizes, tokens and seeds come from the plan. A source that
cannot give the plan's tokens within its epochs is refused before anything is trained.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from mind_core.errors import MindError, UsageError
from mind_train.experiments.arms import Arm, Corpus, check_enough, one_length, used_sources
from mind_train.experiments.measures import parallel_pairs
from mind_train.experiments.plan_file import Plan, digest
from mind_train.experiments.prepared_data import Preparation
from mind_train.experiments.proposals import PRINCIPLES, Proposal, propose
from mind_train.train_options import check_keys

LENGTH_BINS = 8
BLOCKS = (1, 8, 64)
REPLAY = (50, 25, 10)
MIXTURE_OPTIONS = (
    "proposals", "seed", "target_tokens", "choose_on", "report_on", "verify", "principles",
    "claim_seeds",
    "matrix",
)  # fmt: skip


def arms_of(plan: Plan, corpus: Corpus) -> list[Arm]:
    """Return the arms of a plan."""
    design: Callable[[Plan, Corpus], list[Arm]] = {
        "grid": _grid, "scaling": _grid, "rate": _grid, "sources": _sources,
        "curriculum": _curriculum, "transfer": _transfer, "mixture": _mixture,
    }[plan.kind]  # fmt: skip
    check_keys("leave_out", plan.leave_out, corpus.sources)
    return design(plan, corpus)


def _equal(plan: Plan, corpus: Corpus, tokens: int) -> dict[str, int]:
    """Take as many tokens of every source as the smallest can give, `tokens` at most."""
    sources = used_sources(plan, corpus)
    if not sources:
        raise UsageError(f"{plan.name} leaves every source out", hint="keep some")
    # The smallest source sets the size, or a model's text would differ in amount too.
    each = min(tokens, *(corpus.of(source) for source in sources))
    return dict.fromkeys(sources, each)


def _grid(plan: Plan, corpus: Corpus) -> list[Arm]:
    """Return the arms that the plan itself describes; one of all text if it describes none."""
    check_keys("options", plan.options, ["arms", "rates", "decay", "target"])
    sources = used_sources(plan, corpus)
    all_of = {source: corpus.of(source) for source in sources}
    # {}: all of every source, which is the same shards for each such plan.
    taken = {} if len(sources) == len(corpus.sources) else all_of
    preparation = Preparation(corpus.fingerprint, plan.held_out_bytes, taken)
    tables = plan.options.get("arms", {"all": {}})
    arms = []
    for name, table in tables.items():
        check_keys(f"options.arms.{name}", table, ["shares"])
        shares = {str(k): float(v) for k, v in table.get("shares", {}).items()}
        arms.append(Arm(name, preparation, shares))
    return arms


def _sources(plan: Plan, corpus: Corpus) -> list[Arm]:
    """Return an arm for each source, with equal tokens and epochs, and a mixed one."""
    check_keys("options", plan.options, ["renamed"])
    (tokens,) = one_length(plan)
    each = _equal(plan, corpus, tokens)
    check_enough(plan, corpus, dict.fromkeys(each, tokens))
    renamed = dict(plan.options.get("renamed", {}))
    check_keys("options.renamed", renamed, corpus.sources)
    preparation = Preparation(corpus.fingerprint, plan.held_out_bytes, each, renamed=renamed)
    arms = [Arm(source, preparation, {source: 1.0}) for source in each]
    return [*arms, Arm("mixed", preparation, dict.fromkeys(each, 1.0))]


def _curriculum(plan: Plan, corpus: Corpus) -> list[Arm]:
    """Return the orders of one data set, each with the last quarter decayed and constant."""
    check_keys("options", plan.options, ["blocks", "ends"])
    (tokens,) = one_length(plan)
    sources = used_sources(plan, corpus)
    share = tokens // len(sources)
    # A little more than is read: the last row of a source is not whole.
    each = {source: min(corpus.of(source), share + share // 20) for source in sources}
    check_enough(plan, corpus, dict.fromkeys(sources, share))
    same = Preparation(corpus.fingerprint, plan.held_out_bytes, each)
    binned = Preparation(corpus.fingerprint, plan.held_out_bytes, each, bins=LENGTH_BINS)
    equal = dict.fromkeys(sources, 1.0)
    single = tuple((1 / len(sources), {source: 1.0}) for source in sources)
    lengths = tuple((1 / LENGTH_BINS, {f"length.{n}": 1.0}) for n in range(LENGTH_BINS))
    measures = ("in_context_gain", "copying")
    found = [
        Arm("uniform", same, equal, measures=measures),
        Arm("blocked", same, phases=single, by_seed=True, measures=measures),
        Arm("ascending", binned, phases=lengths, measures=measures),
        Arm("descending", binned, phases=lengths[::-1], measures=measures),
    ]
    for block in plan.options.get("blocks", BLOCKS):
        found.append(
            Arm(f"blocks-{block}", same, phases=single, block=block, by_seed=True,
                measures=measures)
        )  # fmt: skip
    ends: dict[str, dict[str, Any]] = {
        "decayed": {"name": "wsd", "decay": 0.25},
        "constant": {"name": "constant"},
    }
    chosen = plan.options.get("ends", list(ends))
    check_keys("options.ends", dict.fromkeys(chosen), list(ends))
    return [
        Arm(f"{arm.name} {end}", arm.preparation, arm.shares, arm.phases, ends[end],
            block=arm.block, by_seed=arm.by_seed, measures=measures)
        for arm in found for end in chosen
    ]  # fmt: skip


def _transfer(plan: Plan, corpus: Corpus) -> list[Arm]:
    """Return the ways to a bilingual model, by equal total tokens and by equal Chinese ones.

    Of total tokens D, English then mixed reads D/2 English and D/2 mixed, so D/4 Chinese at a
    replay of one half: that is what each arm of the second design reads of Chinese.
    """
    check_keys("options", plan.options, ["replay", "first", "second", "parallel"])
    first = str(plan.options.get("first", "en"))
    second = str(plan.options.get("second", "zh"))
    (tokens,) = one_length(plan)
    sources = used_sources(plan, corpus)
    for language in (first, second):
        have = sum(corpus.tokens[source].get(language, 0) for source in sources)
        if tokens > plan.max_epochs * have:
            raise MindError(
                f"{plan.name}: {language} has {have:,} training tokens, an arm could ask for "
                f"{tokens:,}: more than {plan.max_epochs:g} epochs",
                hint="more text, or fewer tokens",
            )
    taken = {s: corpus.of(s) for s in sources} if len(sources) < len(corpus.sources) else {}
    preparation = Preparation(corpus.fingerprint, plan.held_out_bytes, taken)
    half = {first: 0.5, second: 0.5}
    measures = (f"alignment@{_parallel(plan)}",) if "parallel" in plan.options else ()
    arms = []
    for design in ("total", "chinese"):
        for replay in plan.options.get("replay", REPLAY):
            kept = replay / 100
            # Tokens of the second part, in units of D: half, or what holds D/4 of Chinese.
            later = 0.5 if design == "total" else 0.25 / (1 - kept)
            shares = {first: kept, second: 1 - kept}
            phases = ((0.5 / (0.5 + later), {first: 1.0}), (later / (0.5 + later), shares))
            arms.append(
                Arm(f"{first} then {replay} % replay, equal {design}", preparation, phases=phases,
                    factor=0.5 + later, measures=measures)
            )  # fmt: skip
        factor = 1.0 if design == "total" else 0.5
        arms.append(
            Arm(f"mixed, equal {design}", preparation, half, factor=factor, measures=measures)
        )
        # Chinese first: half of what is read, so of D/2 tokens two thirds are Chinese.
        whole = 1.0 if design == "total" else 1 / 3
        phases = ((0.5, {second: 1.0}), (0.5, half))
        arms.append(
            Arm(f"{second} then mixed, equal {design}", preparation, phases=phases, factor=whole,
                measures=measures)
        )  # fmt: skip
    return arms


def parallel_files(plan: Plan) -> tuple[Path, Path]:
    """Give the two files of sentences that are translations of each other, line by line."""
    given = plan.options["parallel"]
    if not isinstance(given, list) or len(given) != 2:
        raise UsageError(
            f"{plan.name}: options.parallel is {given!r}", hint='parallel = ["en.txt", "zh.txt"]'
        )
    return plan.folder / given[0], plan.folder / given[1]


def _parallel(plan: Plan) -> str:
    """Return what names the pairs in a cell: the cell is another one where they change."""
    pairs = parallel_pairs(*parallel_files(plan))
    return digest(pairs)[:16]


def _mixture(plan: Plan, corpus: Corpus) -> list[Arm]:
    """Return an arm for each proposed mixture, for natural and for equal shares."""
    check_keys("options", plan.options, MIXTURE_OPTIONS)
    proposals, preparation = proposals_of(plan, corpus)
    first, seeds = plan.sizes[0].name, tuple(plan.options.get("claim_seeds", []))
    claimed = {"natural", *PRINCIPLES}
    return [
        Arm(one.name, preparation, one.shares, size=first,
            seeds=seeds if one.name in claimed else ())
        for one in proposals
    ]  # fmt: skip


def proposals_of(plan: Plan, corpus: Corpus) -> tuple[list[Proposal], Preparation]:
    """Return the proposals of a plan and the shards that they are over.

    With `target_tokens` each source is cut to what it would have at the plan's tokens, so that a
    proxy reads it as often as the target will (the repetition of arXiv:2606.07597).
    """
    (tokens,) = one_length(plan)
    sources = used_sources(plan, corpus)
    target = int(plan.options.get("target_tokens", 0))
    part = min(1.0, tokens / target) if target else 1.0
    have = {source: int(corpus.of(source) * part) for source in sources}
    taken = have if part < 1 or len(sources) < len(corpus.sources) else {}
    found = propose(
        have, tokens, int(plan.options.get("proposals", 32)), plan.max_epochs,
        int(plan.options.get("seed", 0)), bool(plan.options.get("principles", True)),
    )  # fmt: skip
    return found, Preparation(corpus.fingerprint, plan.held_out_bytes, taken)
