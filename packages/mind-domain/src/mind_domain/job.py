"""Replies and reasons as tasks over files, with a log of each task that outlasts its attempts.

What a server was asked is paid for. So the log of a task lies in the job's folder and not with an
attempt: whoever does the task again asks what is not in it yet. What one process writes depends on
replies alone, so a job ends with its bytes wherever a model replies the same each time.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import orjson

from mind_core import MindError, Record
from mind_core.columns import Renaming, given_columns
from mind_core.errors import UsageError
from mind_core.files import as_json, make_folder, read_json
from mind_core.output import open_output
from mind_core.plugins import Plugins
from mind_core.records import encode
from mind_core.runner import StreamOptions
from mind_core.tasks import OUTPUT, PLAN, REJECTS, SUMMARIES, WORK
from mind_core.tasks.commit import TaskResult
from mind_core.tasks.merge import check_bad, comparable_summary, counts_of
from mind_core.tasks.options import TaskOptions
from mind_core.tasks.plan import PlannedStage, read_plan
from mind_core.tasks.run import TaskTool, run_job
from mind_core.tasks.task import TaskContext
from mind_core.untrusted import inside, path_in
from mind_domain.answering import (
    Dialogue,
    answered,
    ask_models,
    counted,
    first_refusal,
    read_question,
    refusals,
    require_distinct,
)  # fmt: skip
from mind_domain.distilling import (
    DistilRule,
    ask_teacher,
    keep_rates,
    make_lesson,
    sort_lessons,
)  # fmt: skip
from mind_domain.domain import TOOL, Domain
from mind_domain.reading import WholeSummary, read_all
from mind_domain.requests import Limits
from mind_domain.teachers import Decoding, Writer, open_writer

IDS, DISTINCT, ANSWER, DISTIL = "ids", "distinct", "answer", "distil"
LOGS = "answers"
"""The folder of a job that keeps what models said, a log for each task."""

_MAX_IDS = 1 << 32
_BUDGETS = "a job asks each question of its inputs once: name as many inputs as may be asked"


@dataclass(frozen=True)
class AskingTasks:
    """What all tasks share that ask models: places, names as they were planned, and limits."""

    places: tuple[tuple[str, str], ...]
    """Of each model: what it is called, and where it is."""

    planned: tuple[str, ...]
    """Of each model: address and model of a server, fingerprint and step of a checkpoint."""

    limits: Limits
    level: int | None
    skip_bad: int
    columns: Renaming

    def writers(self) -> dict[str, Writer]:
        """Return the models; raise `MindError` for a checkpoint that is another one here."""
        found = {name: _writer(place) for name, place in self.places}
        for (name, place), planned in zip(self.places, self.planned, strict=True):
            if found[name].name != planned:
                raise MindError(
                    f"{place} is not the model that the job was planned with",
                    cause=f"{found[name].name}, planned was {planned}",
                    hint="put the same checkpoint there on each machine, or make a new job",
                )
        return found

    def options(self, context: TaskContext) -> StreamOptions:
        """Return how a task reads its range, and where it writes what is not kept."""
        return StreamOptions(
            rejects=context.scratch / "rejects", summary=context.scratch / "summary.json",
            skip_bad=self.skip_bad, quiet=True, progress=False,
        )  # fmt: skip

    def log_file(self, context: TaskContext) -> Path:
        """Return the log of a task, in a folder that is there."""
        path = path_in(context.job_folder, f"{LOGS}/{context.task.name}.jsonl")
        make_folder(path.parent)
        return path

    def result(self, context: TaskContext, kept: list[Record], summary: WholeSummary) -> TaskResult:
        """Write what a task ends with."""
        scratch, name = context.scratch, context.task.name
        with open_output(scratch / "output", self.level) as output:
            output.write(b"".join(map(encode, kept)))
        summary.bytes_out = output.bytes
        with summary.beside(self.options(context)):
            pass
        told = comparable_summary(summary)
        (scratch / "summary.json").write_bytes(as_json(told))
        suffix = "jsonl" if self.level == 0 else "jsonl.zst"
        files = {
            f"{OUTPUT}/{name}.{suffix}": scratch / "output",
            f"{REJECTS}/{name}.jsonl.zst": scratch / "rejects",
            f"{SUMMARIES}/{name}.json": scratch / "summary.json",
        }
        return TaskResult(files, counts_of(told))


@dataclass(frozen=True)
class AnswerTasks:
    """Note the ids of a range, see that none comes twice, let models reply to a range."""

    asking: AskingTasks
    decoding: Decoding

    def __call__(self, context: TaskContext) -> TaskResult:
        """Do a task."""
        if context.task.stage == IDS:
            return self._ids(context)
        return self._distinct(context) if context.task.stage == DISTINCT else self._answer(context)

    def _read(self, context: TaskContext) -> tuple[list[Dialogue], WholeSummary]:
        batches = context.batches(self.asking.columns)
        return read_all(read_question, self.asking.options(context), batches)

    def _ids(self, context: TaskContext) -> TaskResult:
        dialogues, _ = self._read(context)
        path = context.scratch / "ids"
        path.write_bytes(orjson.dumps([one.key for one in dialogues]))
        return TaskResult({f"{WORK}/{context.task.name}.ids": path})

    def _distinct(self, context: TaskContext) -> TaskResult:
        """Refuse ids that come twice before anything is asked."""
        keys: list[str] = []
        for task in read_plan(context.job_folder / PLAN).summary_tasks:
            path = inside(context.job_folder, f"{WORK}/{task.name}.ids")
            # Ids of all tasks together: a question in one range may have the id of one in another.
            keys += read_json(path, _MAX_IDS)
        if not keys:
            raise MindError("there is nothing to answer: the inputs have no conversations")
        require_distinct(keys)
        return TaskResult({}, {"ids": len(keys)})

    def _answer(self, context: TaskContext) -> TaskResult:
        # Opened in the process that does the task, once for all of its tasks: see `_writer`.
        asking, writers = self.asking, self.asking.writers()
        dialogues, summary = self._read(context)
        replied, _ = ask_models(
            dialogues, writers, self.decoding, asking.limits, asking.log_file(context)
        )
        # From here on nothing depends on what was asked now and what was in the log, so an attempt
        # that goes on writes the bytes of one that was never interrupted.
        kept: list[Record] = []
        counts: Counter[str] = Counter({"cut": 0, "empty": 0})
        refused: Counter[str] = Counter()
        for one, replies in zip(dialogues, replied, strict=True):
            record = answered(one, replies, writers, self.decoding)
            if missing := refusals(replies):
                refused.update(missing.values())
                summary.reject(record, ANSWER, first_refusal(missing))
            else:
                kept.append(record)
                counts.update(counted(replies))
        summary.seed = self.decoding.seed
        summary.details |= {**counts, "no_reply": dict(sorted(refused.items()))}
        return asking.result(context, kept, summary)


@dataclass(frozen=True)
class DistilTasks:
    """Ask the teacher about the records of a range."""

    asking: AskingTasks
    domain: Domain
    rule: DistilRule

    def __call__(self, context: TaskContext) -> TaskResult:
        """Do a task."""
        asking, (writer,) = self.asking, self.asking.writers().values()
        lessons, summary = read_all(
            lambda record, position: make_lesson(record, position, self.domain, self.rule),
            asking.options(context),
            context.batches(asking.columns),
        )
        log_file = asking.log_file(context)
        replies, _ = ask_teacher(lessons, writer, self.rule, asking.limits, log_file)
        kept, outcomes = sort_lessons(lessons, replies, writer.name, self.rule, summary)
        summary.details["outcomes"] = outcomes
        return asking.result(context, kept, summary)


def asking_tasks(
    places: Sequence[tuple[str, str]], limits: Limits, stream: StreamOptions
) -> AskingTasks:
    """Open the models once, to know what the job is planned with.

    Raises `UsageError` for a budget: tasks at work at once know nothing of each other.
    """
    for option, value in (("requests", limits.requests), ("total-tokens", limits.tokens)):
        # A task that is done again would count its budget from 0.
        if value:
            raise UsageError(f"--max-{option} does not go with --into", hint=_BUDGETS)
    planned = tuple(_writer(place).name for _, place in places)
    level, skip_bad = stream.level, stream.skip_bad
    return AskingTasks(tuple(places), planned, limits, level, skip_bad, given_columns())


def run_answer_job(asking: AskingTasks, decoding: Decoding, job: TaskOptions) -> Any:
    """Let every model answer every question of files; see `mind_core.tasks.run.run_job`."""
    stages = (PlannedStage(IDS), PlannedStage(DISTINCT, tasks=1), PlannedStage(ANSWER))
    settings = {**_settings(asking), "decoding": asdict(decoding)}
    return _run(asking, settings, stages, AnswerTasks(asking, decoding), _added, (), job)


def run_distil_job(
    asking: AskingTasks,
    domain: Domain,
    recipe: dict[str, Any],
    rule: DistilRule,
    plugins: Plugins,
    job: TaskOptions,
) -> Any:
    """Ask the teacher about every record of files; see `mind_core.tasks.run.run_job`."""
    settings = {**_settings(asking), "recipe": recipe, "components": plugins.used(),
                "rule": asdict(rule)}  # fmt: skip
    used = sorted({version.partition("==")[0] for version in plugins.used().values()})
    # Packages of plugins, whose code is part of what a job's results depend on.
    roots = tuple(name for name in used if not name.endswith(".py"))
    work = DistilTasks(asking, domain, rule)
    return _run(asking, settings, (PlannedStage(DISTIL),), work, _added_lessons, roots, job)


def _settings(asking: AskingTasks) -> dict[str, Any]:
    return {
        "models": [[name, planned] for (name, _), planned in
                   zip(asking.places, asking.planned, strict=True)],
        "fields": [list(pair) for pair in asking.columns.pairs],
        "level": asking.level,
        "skip_bad": asking.skip_bad,
    }  # fmt: skip


def _run(
    asking: AskingTasks,
    settings: dict[str, Any],
    stages: tuple[PlannedStage, ...],
    work: Any,
    details: Any,
    roots: tuple[str, ...],
    job: TaskOptions,
) -> dict[str, Any] | None:
    tool = TaskTool(
        TOOL, settings, stages, work, details, roots=roots, spawn=True,
        check=lambda summary: check_bad(summary, asking.skip_bad),
    )  # fmt: skip
    return run_job(tool, job)


def _added(details: Sequence[dict[str, Any]]) -> dict[str, Any]:
    refused: Counter[str] = Counter()
    for each in details:
        refused.update(each["no_reply"])
    counts = {name: sum(each[name] for each in details) for name in ("cut", "empty")}
    return {**counts, "no_reply": dict(sorted(refused.items()))}


def _added_lessons(details: Sequence[dict[str, Any]]) -> dict[str, Any]:
    outcomes: dict[str, Counter[str]] = defaultdict(Counter)
    for each in details:
        for label, counts in each["outcomes"].items():
            outcomes[label].update(counts)
    return {"keep_rates": keep_rates(outcomes)}


@lru_cache(maxsize=8)
def _writer(place: str) -> Writer:
    """Open a model once in a process, for all tasks that it does."""
    return open_writer(place)
