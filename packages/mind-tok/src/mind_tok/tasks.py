"""Encoding as tasks over files: each range is encoded by itself, then all are packed into shards.

Which document is held out for validation depends on all before it, and where a shard ends too. So a
task of the first stage leaves ids and hashes, and the one task of the second goes through them in
the order of the inputs, as one process does through what its workers made.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from mind_core.columns import Renaming, given_columns
from mind_core.files import MANIFEST, as_json, read_json
from mind_core.plugins import Plugins
from mind_core.runner import BatchResult, StreamOptions, run_stream
from mind_core.stream import Batch
from mind_core.summary import Summary
from mind_core.tasks import REJECTS, SUMMARIES, WORK
from mind_core.tasks.commit import TaskResult
from mind_core.tasks.merge import check_bad, comparable_summary, counts_of
from mind_core.tasks.options import TaskOptions
from mind_core.tasks.plan import PlannedStage, read_plan
from mind_core.tasks.run import TaskTool, run_job
from mind_core.tasks.tables import chat_batches_of
from mind_core.tasks.task import TaskContext
from mind_core.untrusted import inside
from mind_tok.document_file import read_documents, write_documents
from mind_tok.encode import TOOL, Encoder, ToShards
from mind_tok.pipeline import SHARDS, EncodeOptions, shard_writer
from mind_tok.split import Splitter
from mind_tok.split_writer import SplitWriter

ENCODE, PACK = "encode", "pack"


def run_encode_job(
    encoder: Encoder,
    options: EncodeOptions,
    job: TaskOptions,
    plugins: Plugins,
    *,
    skip_bad: int,
) -> dict[str, Any] | None:
    """Encode files into the shard folder of a job; see `mind_core.tasks.run.run_job`."""
    work = EncodeTasks(encoder, options, skip_bad, plugins.used(), given_columns())
    template = encoder.template.template if encoder.template is not None else None
    settings = {
        "tokenizer": encoder.tokenizer.sha256,
        "chat": encoder.chat,
        "template": template.source if template is not None else "",
        "seed": encoder.seed,
        "validation": options.validation,
        "shard_tokens": options.shard_tokens,
        "emit": options.emit,
        "sampling": encoder.sampling.settings if encoder.sampling is not None else None,
        "components": plugins.used(),
        "fields": [list(pair) for pair in given_columns().pairs],
        "skip_bad": skip_bad,
    }
    used = sorted({version.partition("==")[0] for version in plugins.used().values()})
    tool = TaskTool(
        TOOL,
        settings,
        (PlannedStage(ENCODE), PlannedStage(PACK, tasks=1)),
        work,
        lambda details: _added(details, job.into),
        prepare=encoder.warm_up,
        roots=tuple(name for name in used if not name.endswith(".py")),
        lines=not encoder.chat,
        check=work.check,
    )
    return run_job(tool, job)


@dataclass(frozen=True)
class EncodeTasks:
    """Do a task of encoding: the ids of a range, or the shards of all."""

    encoder: Encoder
    options: EncodeOptions
    skip_bad: int
    components: dict[str, str]
    columns: Renaming

    def __call__(self, context: TaskContext) -> TaskResult:
        """Do a task."""
        return self._encode(context) if context.task.stage == ENCODE else self._pack(context)

    def check(self, summary: dict[str, Any]) -> None:
        """Raise `MindError` if the tasks together passed over more bad records than allowed."""
        check_bad(summary, self.skip_bad)

    def _encode(self, context: TaskContext) -> TaskResult:
        rejects, ids = context.scratch / "rejects", context.scratch / "documents"
        stream = StreamOptions(
            rejects=rejects, jobs=context.cores, skip_bad=self.skip_bad, quiet=True, progress=False
        )
        summary = Summary(TOOL, seed=self.encoder.seed, components=self.components)
        with ids.open("wb") as file:

            def settle(outcome: BatchResult) -> BatchResult:
                write_documents(file, outcome.payload)
                outcome.payload = None
                return outcome

            run_stream(
                summary, ToShards(self.encoder), stream, settle, passes_on=False,
                batches=self._batches(context),
            )  # fmt: skip
        told = comparable_summary(summary)
        (context.scratch / "summary.json").write_bytes(as_json(told))
        name = context.task.name
        files = {
            f"{WORK}/{name}.documents": ids,
            f"{REJECTS}/{name}.jsonl.zst": rejects,
            f"{SUMMARIES}/{name}.json": context.scratch / "summary.json",
        }
        return TaskResult(files, counts_of(told))

    def _batches(self, context: TaskContext) -> Iterator[Batch]:
        source, range_ = context.task.source, context.task.range
        assert source is not None and range_ is not None
        if not self.encoder.chat:
            return context.batches(self.columns)
        return chat_batches_of(source.path, source.name, range_)

    def _pack(self, context: TaskContext) -> TaskResult:
        """Go through all documents in order, as one process does, and fill the shard folder."""
        plan = read_plan(context.job_folder / "plan.json")
        inputs = [
            # Names without folders, as `describe_inputs` gives them.
            {"name": Path(one.name).name, "size": one.size, "sha256": one.sha256}
            for one in plan.inputs
        ]
        folder = context.scratch / SHARDS
        writer = shard_writer(self.encoder, replace(self.options, output=folder), inputs)
        filler = SplitWriter(writer, Splitter(self.options.validation))
        with writer:
            for task in plan.summary_tasks:
                left = inside(context.job_folder, f"{WORK}/{task.name}.documents")
                for documents in read_documents(left):
                    filler.settle(BatchResult(payload=documents))
            filler.finish()
        made = sorted(path for path in folder.rglob("*") if path.is_file())
        # The folder counts as whole by its manifest.
        made.sort(key=lambda path: path == folder / MANIFEST)  # which is linked last
        return TaskResult({f"{SHARDS}/{path.relative_to(folder)}": path for path in made})


def _added(details: Sequence[dict[str, Any]], into: Path) -> dict[str, Any]:
    total: Counter[str] = Counter()
    for each in details:
        total.update(each)
    return {**total, "counts": read_json(inside(into, f"{SHARDS}/{MANIFEST}"))["counts"]}
