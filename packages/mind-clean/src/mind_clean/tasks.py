"""Cleaning as tasks over files: each range of an input is a task, and a survey comes before.

A recipe without steps of two passes is one stage. With one, there are three: `survey` reads
each range up to that step and counts its keys, `count` adds up the counts of all ranges, `clean`
goes on where the survey ended. So a task ends with what one process over all inputs would make.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from mind_clean.funnel import Funnel
from mind_clean.pipeline import CleanOptions, CleanPasses, StepKeyCounter, step_with_counts
from mind_clean.readers import task_batches
from mind_clean.steps import Step, make_steps
from mind_core.columns import Renaming, given_columns
from mind_core.files import as_json, read_json
from mind_core.plugins import Plugins
from mind_core.recipe import Recipe
from mind_core.runner import StreamOptions, run_passes
from mind_core.stream import Batch, read_batches
from mind_core.summary import Summary
from mind_core.tasks import OUTPUT, REJECTS, SUMMARIES, WORK
from mind_core.tasks.commit import TaskResult
from mind_core.tasks.merge import check_bad, comparable_summary, counts_of
from mind_core.tasks.options import TaskOptions
from mind_core.tasks.plan import PlannedStage
from mind_core.tasks.run import TaskTool, run_job
from mind_core.tasks.task import TaskContext

SURVEY, COUNT, CLEAN = "survey", "count", "clean"
_KEYS = "keys"
# Of zstd: what a survey writes is read once by the next stage, so speed counts more than size.
_SURVEY_LEVEL = 1
_EXTRAS = ("trafilatura",)
"""Steps that are done by a distribution of this name, which is not always installed."""


def run_clean_job(
    plugins: Plugins,
    recipe: Recipe,
    options: TaskOptions,
    clean: CleanOptions,
    *,
    level: int | None,
    skip_bad: int,
) -> dict[str, Any] | None:
    """Clean files by a recipe, each as tasks of a job; see `mind_core.tasks.run.run_job`."""
    steps = make_steps(plugins, recipe)
    work = CleanTasks(steps, clean, level, skip_bad, recipe.values, plugins.used(), given_columns())
    settings = {
        "recipe": recipe.values,
        "components": plugins.used(),
        "from": clean.read_as,
        "archives": clean.archives,
        "fields": [list(pair) for pair in given_columns().pairs],
        "mark": clean.mark,
        "keep_html": clean.keep_html,
        "record_seconds": clean.record_seconds,
        "level": level,
        "skip_bad": skip_bad,
    }
    used = sorted({version.partition("==")[0] for version in plugins.used().values()})
    tool = TaskTool(
        "mind-clean",
        settings,
        work.stages,
        work,
        added_details,
        prepare=work.prepare,
        roots=(
            # A plugin that is a file is no distribution.
            *(name for name in used if not name.endswith(".py")),
            *(step.name for step in steps if step.name in _EXTRAS),
        ),
        # An archive has no lines to cut between: it is one task.
        lines=clean.read_as != "warc",
        check=work.check,
    )
    return run_job(tool, options)


@dataclass(frozen=True)
class CleanTasks:
    """Do a task of cleaning: a survey of a range, the counts of all, or a range to its end."""

    steps: tuple[Step, ...]
    options: CleanOptions
    level: int | None
    skip_bad: int
    recipe: dict[str, Any]
    components: dict[str, str]
    columns: Renaming

    @property
    def stages(self) -> tuple[PlannedStage, ...]:
        """Return the stages: a survey and its counts for each step of two passes, then the rest."""
        surveys = len(self._cleaning().counted)
        stages = []
        for pass_number in range(surveys):
            stages += [PlannedStage(_name(SURVEY, pass_number, surveys)),
                       PlannedStage(_name(COUNT, pass_number, surveys), tasks=1)]  # fmt: skip
        return (*stages, PlannedStage(CLEAN))

    def __call__(self, context: TaskContext) -> TaskResult:
        """Do a task."""
        places = [stage.name for stage in self.stages]
        place = places.index(context.task.stage)
        if places[place].startswith(COUNT):
            return self._count(context, place // 2)
        if place == len(places) - 1:
            return self._clean(context, place // 2)
        return self._survey(context, place // 2)

    def prepare(self) -> None:
        """Let the components load what they need."""
        for step in self.steps:
            step.prepare()

    def check(self, summary: dict[str, Any]) -> None:
        """Raise `MindError` if the tasks together passed over more bad records than allowed."""
        check_bad(summary, self.skip_bad)

    def _survey(self, context: TaskContext, pass_number: int) -> TaskResult:
        cleaning = self._cleaning()
        counting = StepKeyCounter.of(self.steps[cleaning.counted[pass_number]])
        options = self._stream(context, _SURVEY_LEVEL)
        summary = self._run_pass(context, cleaning, pass_number, options, counting)
        keys = context.scratch / _KEYS
        counting.counter.write(keys)
        summary_file = context.scratch / "summary.json"
        summary_file.write_bytes(as_json(summary))
        stem = f"{WORK}/{pass_number}/{context.task.name}"
        files = {
            f"{stem}.jsonl.zst": _path(options.output),
            f"{stem}.rejects.zst": _path(options.rejects),
            f"{stem}.json": summary_file,
            f"{stem}.keys": keys.with_name("keys.keys"),
            f"{stem}.counts": keys.with_name("keys.counts"),
        }
        return TaskResult(files, counts_of(summary))

    def _count(self, context: TaskContext, pass_number: int) -> TaskResult:
        from mind_clean.key_counts import read_counted, write_table

        counting = StepKeyCounter.of(self.steps[self._cleaning().counted[pass_number]])
        for path in sorted((context.job_folder / WORK / str(pass_number)).rglob("*.counts")):
            counted = read_counted(path.with_suffix(""))
            counting.counter.add_counted(counted.keys, counted.counts)
        table = context.scratch / _KEYS
        write_table(counting.counter.table(counting.component.min_count), table)
        stem = f"{WORK}/{COUNT}/{pass_number}"
        return TaskResult({
            f"{stem}.keys": table.with_name("keys.keys"),
            f"{stem}.counts": table.with_name("keys.counts"),
        })  # fmt: skip

    def _clean(self, context: TaskContext, pass_number: int) -> TaskResult:
        options = self._stream(context, self.level)
        summary = self._run_pass(context, self._cleaning(), pass_number, options, None)
        rejects = self._all_rejects(context, pass_number, _path(options.rejects))
        summary_file = context.scratch / "summary.json"
        summary_file.write_bytes(as_json(summary))
        suffix = "jsonl" if self.level == 0 else "jsonl.zst"
        name = context.task.name
        files = {
            f"{OUTPUT}/{name}.{suffix}": _path(options.output),
            f"{REJECTS}/{name}.jsonl.zst": rejects,
            f"{SUMMARIES}/{name}.json": summary_file,
        }
        return TaskResult(files, counts_of(summary))

    def _run_pass(
        self,
        context: TaskContext,
        cleaning: CleanPasses,
        pass_number: int,
        options: StreamOptions,
        counting: StepKeyCounter | None,
    ) -> dict[str, Any]:
        """Run one pass over a range, or over what the pass before left of it."""
        before = None if not pass_number else _JobCounts(
            self.steps[cleaning.counted[pass_number - 1]], context.job_folder / WORK / COUNT,
            str(pass_number - 1),
        )  # fmt: skip
        summary = Summary("mind-clean", recipe=self.recipe)
        summary.components = self.components

        def finish(summary: Summary) -> None:
            rows = cleaning.funnel.rows_as_met()
            summary.details["funnel"] = [{"walk": pass_number, **row} for row in rows]

        with ExitStack() as stack:
            batches = self._batches(context, pass_number, stack)
            only = cleaning.make_pass(pass_number, before, counting)
            run_passes(summary, [only], options, finish, batches=batches)
        answer = comparable_summary(summary)
        if not pass_number:
            return answer
        return _chained(_earlier(context, pass_number, "json"), answer)

    def _batches(self, context: TaskContext, pass_number: int, stack: ExitStack) -> Iterator[Batch]:
        if pass_number:
            path = _path_of(context, pass_number - 1, "jsonl.zst")
            step = self.steps[self._cleaning().counted[pass_number - 1]]
            name = f"{context.task.name} after {step.name}"
            return (replace(batch, name=name) for batch in read_batches([path]))
        how = self.options
        return task_batches(how.read_as, context, self.columns, stack, how.archives)

    def _all_rejects(self, context: TaskContext, pass_number: int, last: Path) -> Path:
        """Return the rejects of all passes as one stream: frames follow each other in a file."""
        if not pass_number:
            return last
        # zstd readers take frames one after another as one stream, so nothing has to be
        # decompressed.
        joined = context.scratch / "all-rejects.zst"
        with joined.open("wb") as file:
            for part in [*(_path_of(context, n, "rejects.zst") for n in range(pass_number)), last]:
                file.write(part.read_bytes())
        return joined

    def _cleaning(self) -> CleanPasses:
        return CleanPasses(self.steps, self.options, Funnel(max_sources=None))

    def _stream(self, context: TaskContext, level: int | None) -> StreamOptions:
        return StreamOptions(
            output=context.scratch / "output",
            rejects=context.scratch / "rejects",
            jobs=context.cores,
            level=level,
            skip_bad=self.skip_bad,
            quiet=True,
            progress=False,
        )


@dataclass(frozen=True)
class _JobCounts:
    """The counts of all ranges, in the job's folder."""

    step: Step
    folder: Path
    name: str

    def with_counts(self) -> Step:
        """Return the step, now that the counts are known."""
        from mind_clean.key_counts import read_counted

        return step_with_counts(self.step, read_counted(self.folder / self.name))


def added_details(details: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return the details of a job: numbers added up, and one funnel of all tasks."""
    total: Counter[str] = Counter()
    rows: list[dict[str, Any]] = []
    for each in details:
        rows += each["funnel"]
        total.update({name: value for name, value in each.items() if name != "funnel"})
    funnel = Funnel()
    # Sorted by walk, as one process meets them: which sources are named depends on the first met.
    funnel.add_rows(sorted(rows, key=lambda row: int(row["walk"])))  # as one process meets them
    return {**total, "funnel": funnel.rows()}


def _chained(first: dict[str, Any], then: dict[str, Any]) -> dict[str, Any]:
    """Return the summary of two passes over the same records: what came in, and what is left."""
    total = {**then, "in": first["in"], "bytes_in": first["bytes_in"]}
    for name in ("rejected", "marked", "bad"):
        total[name] = dict(sorted((Counter(first[name]) + Counter(then[name])).items()))
    rows = first["details"].pop("funnel") + then["details"].pop("funnel")
    added = Counter(first["details"])
    added.update(then["details"])
    total["details"] = {**added, "funnel": rows}
    return total


def _earlier(context: TaskContext, pass_number: int, suffix: str) -> dict[str, Any]:
    found: dict[str, Any] = read_json(_path_of(context, pass_number - 1, suffix))
    return found


def _path_of(context: TaskContext, pass_number: int, suffix: str) -> Path:
    return context.job_folder / WORK / str(pass_number) / f"{context.task.name}.{suffix}"


def _path(path: Path | None) -> Path:
    assert path is not None
    return path


def _name(stage: str, pass_number: int, pass_count: int) -> str:
    return stage if pass_count == 1 else f"{stage}-{pass_number + 1}"
