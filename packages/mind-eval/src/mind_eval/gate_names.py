"""Which names a run will measure, known before it: a gate about anything else is refused then."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml  # type: ignore[import-untyped]  # it has no types

from mind_core.errors import UsageError, did_you_mean
from mind_core.plugins import Plugins
from mind_core.recipe import Recipe
from mind_core.text.languages import language_of
from mind_core.whole_files import MAX_JSON_BYTES, read_whole
from mind_eval.benchmarks.benchmark import Benchmark, check_task_file, names_file
from mind_eval.gates import CUT, Gate
from mind_eval.options import RunOptions
from mind_eval.prompts.bounded_yaml import DAMAGES, BoundedLoader
from mind_eval.suites import averages_of, make_benchmarks, small_of

HELDOUT = "heldout"
RATIOS = ("nats_per_token", "bits_per_byte")
COUNTS = ("documents", "tokens", "bytes")


def check_names(
    gates: Sequence[Gate], recipe: Recipe, options: RunOptions, plugins: Plugins
) -> None:
    """Raise `UsageError` for a gate about nothing that a run will measure: before it, not after.

    Looked at are the benchmarks with their metrics, the averages whose members all run, the
    languages of the held-out text that is read (with `--limit`, its first records), and the names
    in task files. Names of lm-eval's own tasks are known once they are loaded, so any may be one.
    """
    if not gates:
        return
    known = benchmark_names(make_benchmarks(recipe, plugins), recipe)
    open_ended = any(not names_file(task) for task in options.tasks)
    files = [_task_name(Path(task)) for task in options.tasks if names_file(task)]
    wanted = {g.name.split(".")[1] for g in gates if g.name.startswith(f"{HELDOUT}.")}
    languages = heldout_languages(options.heldout, options.limit, wanted)
    known += [
        f"{HELDOUT}.{language}.{name}"
        for language in languages or sorted(wanted)
        for name in (*RATIOS, *COUNTS)
        if options.heldout
    ]
    for gate in gates:
        head = gate.name.partition(".")[0]
        if gate.name in known or head in files or (open_ended and head not in (HELDOUT, "average")):
            continue
        raise UsageError(
            f"--require {gate}: nothing will be measured under the name {gate.name!r}",
            cause=_why(head, languages, options),
            hint=did_you_mean(gate.name, known) or f"measured will be: {', '.join(known)}",
        )


def benchmark_names(benchmarks: Mapping[str, Benchmark], recipe: Recipe) -> list[str]:
    """List the names that benchmarks and their averages will have in a gate."""
    from mind_eval.metrics.likelihoods import SMALL
    from mind_eval.prompts.spec import GENERATE_UNTIL, MULTIPLE_CHOICE, read_spec

    known, scored = [], set()
    for name, benchmark in benchmarks.items():
        if benchmark.measure["labels"]:
            scored.add(name)
            spec = read_spec(benchmark.yaml, name)
            more = SMALL if spec.kind == MULTIPLE_CHOICE and small_of(recipe) else ()
            cut = (CUT,) if spec.kind == GENERATE_UNTIL else ()
            known += [name, *(f"{name}.{metric}" for metric in (*spec.metrics, *more, *cut))]
    for group, members in averages_of(recipe).items():
        if scored.issuperset(members):
            known.append(f"average.{group}")
    return known


def heldout_languages(
    inputs: Sequence[str], limit: int | None, wanted: Collection[str]
) -> list[str] | None:
    """List the languages of held-out text, `all` among them, reading until all wanted are found.

    None: a pipe can be read once only, so its languages are not known before.
    """
    if not wanted or not inputs:
        return []
    if not all(Path(name).is_file() for name in inputs):
        return None
    from mind_eval.perplexity import read_texts

    found = {"all"}
    for record in read_texts(inputs, limit):
        found.add(language_of(record))
        if found.issuperset(wanted):
            break
    return sorted(found)


def _why(head: str, languages: list[str] | None, options: RunOptions) -> str | None:
    if head != HELDOUT or not options.heldout or not languages:
        return None
    read = "" if options.limit is None else f"the first {options.limit:,} records of "
    return f"{read}the held-out text has {', '.join(languages)}"


def _task_name(path: Path) -> str:
    """Read the name of a task out of its YAML, without running the functions that it names."""
    check_task_file(path)
    try:
        config: Any = yaml.load(read_whole(path, MAX_JSON_BYTES).decode("utf-8"), Loader=_NamesOnly)
    except DAMAGES:
        return ""
    return str(config.get("task", "")) if isinstance(config, dict) else ""


class _NamesOnly(BoundedLoader):
    """Read YAML as data: what `!function` names is not looked up."""


_NamesOnly.add_constructor("!function", lambda loader, node: loader.construct_scalar(node))
