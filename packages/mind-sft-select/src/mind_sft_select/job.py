"""Scoring as tasks over files: the bytes of one process, which never scores two files together.

A shard of records is scored at once, and what is scored together rounds together. So a file is cut
between two shards alone, and a task ends with what one process makes of the same records.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from mind_core.chats import ChatFormat
from mind_core.columns import Renaming, given_columns
from mind_core.errors import MindError
from mind_core.files import as_json, read_json, sha256_file
from mind_core.progress import log
from mind_core.runner import StreamOptions, run_stream
from mind_core.stream import Batch
from mind_core.summary import Summary
from mind_core.tasks import OUTPUT, PLAN, REJECTS, SUMMARIES, WORK
from mind_core.tasks.commit import TaskResult
from mind_core.tasks.merge import check_bad, comparable_summary, counts_of
from mind_core.tasks.options import TaskOptions
from mind_core.tasks.plan import PlannedStage, read_plan
from mind_core.tasks.run import TaskTool, run_job
from mind_core.tasks.tables import chat_batches_of
from mind_core.tasks.task import TaskContext
from mind_core.untrusted import inside
from mind_sft_select.instructions import InstructionParser, batches_of_lines
from mind_sft_select.score_stream import TOOL, ScoreStep
from mind_sft_select.scoring.run import SHARD_RECORDS, ScoreOptions, open_answer_model

SCORE = "score"
_FROM_RECORDS = ("languages", "model")
"""Details that are not added up, but made anew of what all tasks found."""


_MAX_FACTS = 1 << 33
"""Bytes of two numbers for each record of one task, at most."""


def run_score_job(
    options: ScoreOptions,
    layout: ChatFormat,
    job: TaskOptions,
    *,
    level: int | None,
    skip_bad: int,
    shard: int = SHARD_RECORDS,
) -> dict[str, Any] | None:
    """Score files, each as tasks of a job; see `mind_core.tasks.run.run_job`."""
    model = open_answer_model(options)
    kind = _device_kind(options)
    work = ScoreTasks(options, layout, kind, level, skip_bad, shard, given_columns())
    settings = {
        **model.identity(),
        "device": kind,
        "shard_records": shard,
        "layout": layout.name,
        "plugins": [sha256_file(Path(path)) for path in layout.files],
        "fields": [list(pair) for pair in work.columns.pairs],
        "level": level,
        "skip_bad": skip_bad,
    }

    def details(told: Sequence[dict[str, Any]]) -> dict[str, Any]:
        # Never scores here: it only sums up what the tasks' own have found.
        step = ScoreStep(model, None)
        for task in read_plan(job.into / PLAN).summary_tasks:
            facts = read_json(inside(job.into, f"{WORK}/{task.name}.facts"), _MAX_FACTS)
            for held, found in ((step.lengths, "lengths"), (step.entropies, "entropies")):
                for name, values in facts[found].items():
                    held.setdefault(name, []).extend(values)
        if (warning := step.warning()) is not None:
            log(TOOL, f"warning: {warning}")
        total: Counter[str] = Counter()
        for each in told:
            total.update({n: v for n, v in each.items() if n not in _FROM_RECORDS})
        return {**total, "languages": step.details()["languages"], "model": model.model.section()}

    tool = TaskTool(
        TOOL,
        settings,
        (PlannedStage(SCORE),),
        work,
        details,
        together=shard,
        spawn=True,
        check=lambda summary: check_bad(summary, skip_bad),
    )
    return run_job(tool, job)


@dataclass(frozen=True)
class ScoreTasks:
    """Score the instructions of a file, or of a range of one."""

    options: ScoreOptions
    layout: ChatFormat
    device_kind: str
    level: int | None
    skip_bad: int
    shard: int
    columns: Renaming

    def __call__(self, context: TaskContext) -> TaskResult:
        """Do a task; raises `MindError` where `--device auto` is another kind than planned."""
        if (kind := _device_kind(self.options)) != self.device_kind:
            raise MindError(
                f"the job was planned to score on {self.device_kind}, and this would be {kind}",
                cause="another kind of device rounds differently",
                hint=f"--device {self.device_kind} everywhere, or another folder",
            )
        step = ScoreStep(open_answer_model(self.options), None)
        scratch, name = context.scratch, context.task.name
        stream = StreamOptions(
            output=scratch / "output", rejects=scratch / "rejects", jobs=context.cores,
            level=self.level, skip_bad=self.skip_bad, quiet=True, progress=False,
        )  # fmt: skip

        def finish(summary: Summary) -> None:
            summary.details |= {**step.details(), "model": step.model.model.section()}

        summary = run_stream(
            Summary(TOOL), InstructionParser(format=self.layout), stream, step, finish,
            batches=batches_of_lines(self._batches(context), self.shard),
        )  # fmt: skip
        told = comparable_summary(summary)
        (scratch / "summary.json").write_bytes(as_json(told))
        facts = {"lengths": step.lengths, "entropies": step.entropies}
        (scratch / "facts").write_bytes(orjson.dumps(facts))
        suffix = "jsonl" if self.level == 0 else "jsonl.zst"
        files = {
            f"{OUTPUT}/{name}.{suffix}": scratch / "output",
            f"{REJECTS}/{name}.jsonl.zst": scratch / "rejects",
            f"{SUMMARIES}/{name}.json": scratch / "summary.json",
            f"{WORK}/{name}.facts": scratch / "facts",
        }
        return TaskResult(files, counts_of(told))

    def _batches(self, context: TaskContext) -> Iterator[Batch]:
        source, range_ = context.task.source, context.task.range
        assert source is not None and range_ is not None
        # A part of a file holds lines; a whole one may be an array or a table.
        if (range_.start, range_.stop) != (0, source.size):
            return context.batches(self.columns)
        return chat_batches_of(source.path, source.name, range_)


def _device_kind(options: ScoreOptions) -> str:
    """Return `cpu` or `cuda`."""
    from mind_eval.models.model import usable_device

    return usable_device(options.device).partition(":")[0]
