"""What a benchmark's YAML says: the part of lm-eval's task language that is data alone.

Read without lm-eval, which takes seconds to import. A task that brings Python with it (`!function`)
is for `--task`, which goes through lm-eval.
"""

from __future__ import annotations

import dataclasses
import math
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml  # type: ignore[import-untyped]  # it has no types

from mind_core import MindError
from mind_core.errors import UsageError, did_you_mean
from mind_core.untrusted import inside
from mind_core.whole_files import MAX_JSON_BYTES, read_whole
from mind_eval.benchmarks.benchmark import FOLDER, Benchmark, check_task_file, imported
from mind_eval.benchmarks.rows import Row
from mind_eval.prompts.bounded_yaml import DAMAGES, BoundedLoader
from mind_eval.prompts.templates import CHOICES, TARGET, TEXT, FieldTemplate

MULTIPLE_CHOICE, LOGLIKELIHOOD, GENERATE_UNTIL = (
    "multiple_choice",
    "loglikelihood",
    "generate_until",
)
KINDS = (MULTIPLE_CHOICE, LOGLIKELIHOOD, GENERATE_UNTIL)
FIRST, DRAWN = "first_n", "default"
KNOWN = {
    "task", "output_type", "test_split", "fewshot_split", "training_split", "validation_split",
    "fewshot_config", "description", TEXT, TARGET, CHOICES, "target_delimiter",
    "fewshot_delimiter", "generation_kwargs", "metric_list", "metadata", "num_fewshot", "include",
    "tag",
}  # fmt: skip
DEEPEST = 8
"""How many files may include each other in a row."""

POOLS = ("fewshot_split", "training_split", "validation_split")


NEW_TOKENS = 256
"""Tokens to write where a task does not say: lm-eval's default."""

Scorer = Callable[[Row, str], Mapping[str, float]]
"""From an item and what was written to metrics, a name each."""

LIMIT = "max_gen_toks"
"""Under which name lm-eval's task language has that limit, in `generation_kwargs`."""

CUT = "cut"
"""The share of texts that the limit ended, and neither an end token nor a stop string."""


@dataclass(frozen=True)
class Spec:
    """A task: its templates, where shots come from, how answers are asked for and measured."""

    name: str
    kind: str
    config: Mapping[str, Any]
    text: FieldTemplate
    target: FieldTemplate
    shot_target: FieldTemplate
    choice: FieldTemplate | list[str] | None
    description: str
    delimiter: str
    separator: str
    test_split: str
    pool: str | None
    sampler: str
    metrics: tuple[str, ...]
    metadata: Mapping[str, Any]
    scorer: Scorer | None = None
    """Measures a text by the benchmark's own rules, in place of the metrics that all share."""

    @property
    def stops(self) -> tuple[str, ...]:
        """Give the strings that end what is written."""
        until = (self.config.get("generation_kwargs") or {}).get("until") or []
        return (until,) if isinstance(until, str) else tuple(until)

    @property
    def new_tokens(self) -> int:
        """Give the most tokens to write."""
        return int((self.config.get("generation_kwargs") or {}).get(LIMIT, NEW_TOKENS))

    @property
    def room(self) -> int:
        """Give how many tokens of the context a prompt must leave free."""
        return self.new_tokens if self.kind == GENERATE_UNTIL else 0


def with_limit(spec: Spec, limit: int | None = None) -> Spec:
    """Return a task in which the model writes at most so many tokens, and `cut` is measured.

    None leaves the task's own limit; tasks in which nothing is written are left as they are.
    """
    if spec.kind != GENERATE_UNTIL:
        return spec
    limit = limit or spec.new_tokens
    listed = spec.config.get("metric_list") or [{"metric": name} for name in spec.metrics]
    config = {
        **spec.config,
        "generation_kwargs": {**(spec.config.get("generation_kwargs") or {}), LIMIT: limit},
        "metric_list": [*listed, {"metric": CUT, "aggregation": "mean", "higher_is_better": False}],
    }
    return dataclasses.replace(spec, config=config, metrics=(*spec.metrics, CUT))


def in_paragraphs(spec: Spec) -> Spec:
    """Return a task whose texts no blank line ends, as models in a conversation write them."""
    # A stop string of an empty line ends base models, which would go on with another question.
    kept = [stop for stop in spec.stops if stop.strip() or "\n\n" not in stop]
    if spec.kind != GENERATE_UNTIL or len(kept) == len(spec.stops):
        return spec
    options = {**(spec.config.get("generation_kwargs") or {}), "until": kept}
    return dataclasses.replace(spec, config={**spec.config, "generation_kwargs": options})


def spec_of(benchmark: Benchmark, name: str) -> Spec:
    """Read the task of a benchmark's form, with the benchmark's own scorer if it names one."""
    spec = read_spec(benchmark.yaml, name)
    scorer = benchmark.measure.get("scorer")
    return dataclasses.replace(spec, scorer=imported(scorer, benchmark.folder)) if scorer else spec


def read_spec(path: Path, name: str) -> Spec:
    """Read a task's YAML; raise `MindError` that names what is wrong in it."""
    return make_spec(read_config(path), name, str(path))


def read_config(path: Path, depth: int = 0) -> dict[str, Any]:
    """Read a YAML file with what it includes."""
    check_task_file(path)
    try:
        config = yaml.load(read_whole(path, MAX_JSON_BYTES).decode("utf-8"), BoundedLoader)
    except DAMAGES as error:
        raise MindError(
            f"{path} cannot be read as a task",
            cause=" ".join(str(error).split()),
            hint="a task with Python in it (!function) is for --task, with --allow-task-code",
        ) from error
    if not isinstance(config, dict):
        raise MindError(f"{path} is not the YAML of a task")
    if "include" in config:
        if depth == DEEPEST:
            raise MindError(f"{path}: task files include each other")
        # What a file says itself comes before what it includes.
        config = {**read_config(_beside(path, config.pop("include")), depth + 1), **config}
    return config


def _beside(path: Path, name: object) -> Path:
    """Return the file that a task includes: of its own folder, or both are mind-eval's own."""
    folder = path.resolve().parent
    if isinstance(name, str) and folder.is_relative_to(FOLDER):
        found = (folder / name).resolve()
        if found.is_relative_to(FOLDER):
            return found
    return inside(path.parent, name)


def make_spec(config: Mapping[str, Any], name: str, where: str) -> Spec:
    """Check a task's config and compile its templates."""
    for key in config:
        if key not in KNOWN:
            raise MindError(
                f"{where}: {key!r} is not of the part of the task language that is read here",
                hint=did_you_mean(key, KNOWN) or "--task reads all of it, through lm-eval",
            )
    kind = config.get("output_type", GENERATE_UNTIL)
    if kind not in KINDS:
        raise MindError(f"{where}: output_type {kind!r} is none of {', '.join(KINDS)}")
    fewshot = config.get("fewshot_config") or {}
    sampler = fewshot.get("sampler", DRAWN)
    if sampler not in (FIRST, DRAWN):
        raise MindError(
            f"{where}: sampler {sampler!r} is not known", hint=f"{DRAWN!r} or {FIRST!r}"
        )
    for key in fewshot:
        if key not in ("sampler", TARGET):
            raise MindError(f"{where}: fewshot_config.{key} is not read here", hint="--task does")
    for key in (TEXT, TARGET, *([CHOICES] if kind == MULTIPLE_CHOICE else [])):
        if config.get(key) is None:
            raise MindError(f"{where}: {key!r} is missing")
    choices = config.get(CHOICES)
    several = choices is not None
    return Spec(
        name=name,
        kind=kind,
        config=config,
        text=FieldTemplate(str(config[TEXT]), TEXT, several),
        target=FieldTemplate(str(config[TARGET]), TARGET, several),
        shot_target=FieldTemplate(str(fewshot.get(TARGET, config[TARGET])), TARGET, several),
        choice=choices if isinstance(choices, list) or not several
        else FieldTemplate(str(choices), CHOICES, several),
        description=str(config.get("description") or ""),
        delimiter=str(config.get("target_delimiter", " ")),
        separator=str(config.get("fewshot_delimiter", "\n\n")),
        test_split=str(config.get("test_split", "test")),
        pool=next((config[split] for split in POOLS if config.get(split)), None),
        sampler=sampler,
        metrics=_metrics(config.get("metric_list") or [{"metric": default_metric(kind)}], where),
        metadata=config.get("metadata") or {},
    )  # fmt: skip


def _metrics(listed: object, where: str) -> tuple[str, ...]:
    """Return the names of a task's metrics."""
    rows = listed if isinstance(listed, list) else [None]
    names = tuple(row.get("metric") if isinstance(row, Mapping) else None for row in rows)
    if not all(isinstance(name, str) for name in names):
        raise MindError(
            f"{where}: metric_list is {listed!r:.100}", hint="a list of {metric: NAME, ...}"
        )
    return tuple(map(str, names))


def default_metric(kind: str) -> str:
    """Name the metric of a task that names none."""
    return "exact_match" if kind == GENERATE_UNTIL else "acc"


def check_forms(forms: Mapping[str, Any], form: str, name: str) -> None:
    """Raise `UsageError` for a form that a benchmark does not have."""
    if form not in forms:
        raise UsageError(f"{name} has no form {form!r}", hint=f"known: {', '.join(forms)}")


NO_POOL = "none"


@dataclass
class PromptNotes:
    """Count the shots that were kept, the prompts that do not fit even without, and chance."""

    asked: int = 0
    kept: Counter[int] = field(default_factory=Counter)
    overlong: list[str] = field(default_factory=list)
    chances: list[float] = field(default_factory=list)
    pool: str = NO_POOL
    order: str = ""

    @property
    def chance(self) -> float | None:
        """Give the accuracy of guessing, mean over items; None where nothing is chosen."""
        return math.fsum(self.chances) / len(self.chances) if self.chances else None

    def as_dict(self) -> dict[str, Any]:
        """Give the notes as JSON values; `kept` maps a number of shots to the items with it."""
        items = self.kept.total()
        return {
            "asked": self.asked,
            "kept": {str(number): count for number, count in sorted(self.kept.items())},
            "kept_mean": sum(n * c for n, c in self.kept.items()) / items if items else None,
            "overlong_without_shots": len(self.overlong),
            "overlong_items": self.overlong[:20],
            "pool": self.pool,
            "order": self.order,
        }
