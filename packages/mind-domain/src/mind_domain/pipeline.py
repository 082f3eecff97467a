"""One function for each verb, from plain options to a finished result."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, cast, runtime_checkable

from mind_core.errors import UsageError
from mind_core.plugins import Plugins
from mind_core.progress import log
from mind_core.recipe import Recipe, load_recipe
from mind_core.runner import Pass, StreamOptions, run_passes, run_stream
from mind_core.summary import Summary
from mind_domain import builtins, hookspecs
from mind_domain.domain import TOOL, AnyDomain, Domain, FittedDomain, Judge, ReadingDomain
from mind_domain.judges.trial import RankingJudge
from mind_domain.split_files import name_counts


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
        # `...` is an option that has to be given; None has no spelling in TOML.
        if default is not ... and default is not None:
            table.setdefault(option, default)
    table.update({key: value for key, value in given.items() if value is not None})
    for assignment in sets:
        recipe.set(assignment)
    # Last: `--set` may name a table that no domain here has.
    recipe.check_keys({domain: None})
    return recipe


def make_domain(plugins: Plugins, name: str, recipe: Recipe) -> AnyDomain:
    """Make a domain with the options of its recipe table."""
    return cast(AnyDomain, plugins.make("register_domains", name, recipe.values.get(name)))


def make_classifier(plugins: Plugins, name: str, recipe: Recipe) -> Domain:
    """Make a domain that has classes; one of dialogues alone raises `UsageError`."""
    domain = make_domain(plugins, name, recipe)
    if not isinstance(domain, Domain):
        raise UsageError(
            f"domain {name!r} has no classes: it is one of dialogues",
            hint="its verbs are read, bucket, answer, judge and elo",
        )
    return domain


@runtime_checkable
class Remarking(Protocol):
    """A domain that finds things wrong with its own data as a whole."""

    def remarks(self) -> Sequence[str]:
        """Say what is wrong, in sentences."""

    def counts(self) -> Mapping[str, Any]:
        """Give counts for the summary."""


def make_judge(plugins: Plugins, name: str) -> Judge:
    """Make a judge of single answers; one that ranks replies raises `UsageError`."""
    judge = plugins.make("register_judges", name)
    if isinstance(judge, RankingJudge):
        raise UsageError(
            f"judge {name!r} ranks replies, and does not compare an answer with a label",
            hint="it is for `mind-domain judge`; here: exact",
        )
    return cast(Judge, judge)


def make_ranking_judge(plugins: Plugins, name: str, sets: Sequence[str]) -> RankingJudge:
    """Make a judge of replies with its options, as NAME.OPTION=VALUE."""
    recipe = Recipe("judge", {name: {}})
    for assignment in sets:
        recipe.set(assignment)
    recipe.check_keys({name: None})
    judge = plugins.make("register_judges", name, recipe.values[name])
    if not isinstance(judge, RankingJudge):
        raise UsageError(
            f"judge {name!r} compares an answer with a label, and ranks no replies",
            hint="it is for `mind-domain score`; here: endpoint, checkpoint, tsv, rankings, nll",
        )
    return judge


def run_read(plugins: Plugins, name: str, recipe: Recipe, options: StreamOptions) -> Summary:
    """Bring raw rows of a domain's data sets into records."""
    from mind_domain.raw_rows import raw_batches
    from mind_domain.reading import RowReader

    domain = make_domain(plugins, name, recipe)
    if not isinstance(domain, ReadingDomain):
        raise UsageError(f"domain {name!r} reads no raw rows", hint="its plugin offers no `read`")
    summary = Summary(TOOL, recipe=recipe.values, components=plugins.used())
    batches = raw_batches(options.inputs)
    run_stream(summary, RowReader(domain), options, finish=_warn_of_midnights, batches=batches)
    return summary


def run_label(plugins: Plugins, name: str, recipe: Recipe, options: StreamOptions) -> Summary:
    """Label a stream of dated texts; kept are those with a label, in the order they came.

    Where edges between classes are fitted, the stream is read twice: returns first, then classes.
    """
    from mind_domain.labelling import ChangeClassifier, RecordLabeller, StoryDeduplicator

    domain = make_classifier(plugins, name, recipe)
    summary = Summary(TOOL, recipe=recipe.values, components=plugins.used())
    if isinstance(domain, Remarking):
        for remark in domain.remarks():
            log(TOOL, remark)
        summary.details["prices"] = domain.counts()
    until = domain.fits_until if isinstance(domain, FittedDomain) else None
    stories = StoryDeduplicator(fit_until=until)

    def classifier() -> ChangeClassifier:
        assert isinstance(domain, FittedDomain)
        fitted = domain.fit(stories.changes)
        edges = tuple(float(edge) for edge in str(getattr(fitted, "edges", "")).split(","))
        summary.details["fitted"] = {
            "edges": list(edges), "returns": len(stories.changes), "until": str(until)
        }  # fmt: skip
        return ChangeClassifier(fitted, edges)

    def finish(summary: Summary) -> None:
        _warn_of_midnights(summary)
        labels = {k: n for k, n in summary.details.items() if k.startswith("label_")}
        summary.note = name_counts(labels)

    # Made anew for each pass, as the second depends on what the first has found.
    passes = [Pass(lambda: RecordLabeller(name, domain), stories, "the returns")]
    if until is not None:
        passes.append(Pass(classifier))
    return run_passes(summary, passes, options, finish)


MIDNIGHTS = 0.2
"""The share of stamps at midnight from which a user is told: more is no chance."""


def _warn_of_midnights(summary: Summary) -> None:
    count = summary.details.get("rule_midnight_as_date", 0)
    if summary.kept and count > MIDNIGHTS * summary.kept:
        log(
            TOOL,
            f"{count:,} of {summary.kept:,} times are exactly midnight and were read as bare dates,"
            " known at the end of the day; --midnight time reads them as times",
        )


def run_sft(
    plugins: Plugins,
    name: str,
    recipe: Recipe,
    language: str,
    options: StreamOptions,
    *,
    cot: str = "none",
    random_labels: bool = False,
    seed: int = 0,
) -> Summary:
    """Turn a stream of labelled records into chats."""
    from mind_domain.chat_format import ChatBuilder

    domain = make_classifier(plugins, name, recipe)
    values = {**recipe.values, "language": language, "cot": cot, "random_labels": random_labels}
    summary = Summary(TOOL, recipe=values, components=plugins.used())
    return run_stream(summary, ChatBuilder(domain, language, cot, random_labels, seed), options)
