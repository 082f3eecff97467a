"""The corridor: one function for each verb, from plain options to a finished result."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

from mind_core import MindError, Reason, Record
from mind_core.errors import UsageError
from mind_core.files import atomic_file
from mind_core.flow import StreamOptions, run_flow
from mind_core.output import check_distinct, open_output, write_records
from mind_core.plugins import Plugins
from mind_core.progress import Progress, say
from mind_core.reasons import describe
from mind_core.recipe import Recipe, load_recipe
from mind_core.records import annotate, encode
from mind_core.stream import read_records
from mind_core.summary import Summary
from mind_domain import builtins, hookspecs
from mind_domain.domain import TOOL, Domain, Judge
from mind_domain.reading import read_all
from mind_domain.splitting import TEST, TRAIN, SplitRule, dated, split


def make_plugins(files: Sequence[str | Path] = ()) -> Plugins:
    """Load the built-ins, and plugins from files."""
    return Plugins("mind_domain", hookspecs, builtins, files)


def recipe_for(
    plugins: Plugins, domain: str, name: str | None, given: Mapping[str, Any], sets: Sequence[str]
) -> Recipe:
    """Return the effective recipe: one table with all options of the domain.

    A flag comes before the recipe, `--set DOMAIN.OPTION=VALUE` before both.
    """
    recipe = load_recipe(name, "mind_domain") if name else Recipe("default")
    table = recipe.values.setdefault(domain, {})
    if not isinstance(table, dict):
        raise UsageError(f"recipe {recipe.name}: {domain!r} is a value, not a table")
    for option, default in plugins.find("register_domains", domain).options().items():
        if default is not ... and default is not None:
            table.setdefault(option, default)
    table.update({key: value for key, value in given.items() if value is not None})
    for assignment in sets:
        recipe.set(assignment)
    recipe.check_keys({domain: None})
    return recipe


def make_domain(plugins: Plugins, name: str, recipe: Recipe) -> Domain:
    """Make a domain with the options of its recipe table."""
    return cast(Domain, plugins.make("register_domains", name, recipe.values.get(name)))


def make_judge(plugins: Plugins, name: str) -> Judge:
    """Make a judge."""
    return cast(Judge, plugins.make("register_judges", name))


def run_label(plugins: Plugins, name: str, recipe: Recipe, options: StreamOptions) -> Summary:
    """Label a stream of dated texts; kept are those with a label, in the order they came."""
    from mind_domain.labelling import DropCopies, LabelWork

    domain = make_domain(plugins, name, recipe)
    summary = Summary(TOOL, recipe=recipe.values, components=plugins.used())

    def finish(summary: Summary) -> None:
        summary.note = _classes(summary.details)

    return run_flow(summary, LabelWork(name, domain), options, DropCopies(), finish)


def run_sft(
    plugins: Plugins, name: str, recipe: Recipe, language: str, options: StreamOptions
) -> Summary:
    """Turn a stream of labelled records into chats."""
    from mind_domain.chats import ChatWork

    domain = make_domain(plugins, name, recipe)
    values = {**recipe.values, "language": language}
    summary = Summary(TOOL, recipe=values, components=plugins.used())
    return run_flow(summary, ChatWork(domain, language), options)


@dataclass(frozen=True)
class SplitFiles:
    """Where the two sides go."""

    train: Path
    test: Path


def run_split(rule: SplitRule, files: SplitFiles, options: StreamOptions) -> Summary:
    """Split labelled records by date into two files; holds the whole input in memory.

    Neither side is completed before the rejects and the summary are.
    """
    check_distinct(options.inputs, files.train, files.test, options.rejects, options.summary)
    values = {name: getattr(rule, name) for name in ("train_size", "test_size", "balance")}
    summary = Summary(TOOL, seed=rule.seed, recipe={"date": str(rule.date), **values})
    with tempfile.TemporaryDirectory(prefix=f"{TOOL}-") as folder, ExitStack() as stack:
        bad = Path(folder) / "bad" if options.rejects else None
        known, read = read_all(
            lambda record, position: (record, dated(record, position)),
            replace(options, rejects=bad),
        )
        sides = split([one for _, one in known], rule)
        # Closed in the reverse order: the sides are completed last, when nothing else can fail.
        outputs = {
            TRAIN: stack.enter_context(open_output(files.train, options.level)),
            TEST: stack.enter_context(open_output(files.test, options.level)),
        }
        rejects = stack.enter_context(open_output(options.rejects)) if options.rejects else None
        told = stack.enter_context(atomic_file(options.summary)) if options.summary else None
        summary.records_in, summary.bytes_in, summary.bad = read.records_in, read.bytes_in, read.bad
        if rejects is not None and bad is not None:
            rejects.write(b"".join(map(encode, read_records([bad]))))
        for (record, one), side in zip(known, sides, strict=True):
            if isinstance(side, Reason):
                summary.rejected[f"split.{side}"] += 1
                if rejects is not None:
                    rejects.write(encode(_rejected(record, side)))
                continue
            summary.kept += 1
            summary.details.setdefault(side, Counter())[one.label] += 1
            outputs[side].write(encode(record))
        summary.check()
        summary.bytes_out = sum(output.bytes for output in outputs.values())
        if told is not None:
            told.write(summary.as_json())
    counts = ((side, summary.details.get(side, {})) for side in (TRAIN, TEST))
    summary.note = "; ".join(f"{side}: {_classes(labels)}" for side, labels in counts)
    if not options.quiet:
        say(TOOL, summary.line())
    return summary


def _rejected(record: Record, reason: Reason) -> Record:
    annotate(record, "rejected", tool=TOOL, step="split", **describe(reason))
    return record


def _classes(counts: Mapping[str, int]) -> str:
    names = ((name.removeprefix("label_"), count) for name, count in sorted(counts.items()))
    return ", ".join(f"{count:,} {name}" for name, count in names)


@dataclass(frozen=True)
class ScoreOptions:
    """What a user may say about scoring."""

    model: Path
    domain: str = "finance"
    method: str = "likelihood"
    language: str = "auto"
    judge: str = "exact"
    draws: int = 1000
    seed: int = 0
    predictions: Path | None = None


def run_score(
    plugins: Plugins, recipe: Recipe, options: StreamOptions, how: ScoreOptions
) -> dict[str, Any]:
    """Score a checkpoint on labelled records or chats; return the scores as JSON values."""
    from mind_domain.scoring import item_of, predict, prediction_record, report
    from mind_train import load_checkpoint

    domain = make_domain(plugins, how.domain, recipe)
    judge = make_judge(plugins, how.judge)
    items, read = read_all(
        lambda record, position: item_of(record, domain, how.language, position), options
    )
    if not items:
        raise MindError("there is nothing to score: the input has no records")
    model = load_checkpoint(how.model)
    with Progress(TOOL, options.progress) as progress:
        predictions = predict(
            model, items, how.method, lambda done: progress.count(done, "answers")
        )
    if how.predictions is not None:
        write_records(how.predictions, map(prediction_record, items, predictions))
    return {
        "tool": TOOL,
        "domain": how.domain,
        "method": how.method,
        "seed": how.seed,
        "model": {"step": model.step, "fingerprint": model.fingerprint},
        "components": plugins.used(),
        "bad": dict(sorted(read.bad.items())),
        **report(items, predictions, domain.labels, judge, how.draws, how.seed),
    }
