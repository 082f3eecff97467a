"""The table of clusters: members from all ranges, part by part of the records that stay."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import zstandard

from mind_core.output import open_output
from mind_core.stream import read_lines
from mind_core.tasks import PLAN, WORK
from mind_core.tasks.commit import TaskResult
from mind_core.tasks.plan import read_plan
from mind_core.tasks.task import TaskContext
from mind_dedup.clusters import EXCERPT
from mind_dedup.compared_text import ComparedText
from mind_dedup.tasks.sections import INDEX, SectionWriter, sections_of
from mind_dedup.tasks.settings import DedupSettings
from mind_dedup.tasks.work_files import CLUSTERS, WorkFiles, work_files

_LEVEL = 1


def _members_name(name: str) -> str:
    return f"{CLUSTERS}/{name}.members"


def _table_name(part: int) -> str:
    """Return the name of a part of the table in the job's folder; names ascend with parts."""
    return f"{CLUSTERS}/{part:05}.jsonl.zst"


class Members:
    """Collect the members of clusters of a range, by the part of the record that stays."""

    def __init__(self, compared: ComparedText, parts: int, records: int) -> None:
        self.compared, self.parts, self.records = compared, parts, records
        self._lines: dict[int, list[bytes]] = {}

    def add(self, line: bytes, at: str, told: list[Any]) -> None:
        """Take a record with what `resolve` told of it; `at` is where it lies."""
        _, size, kept, identity, *match = told
        record = orjson.loads(line)
        text = record.get("text") if self.compared.is_text else self.compared(record)
        reason, _, notes, _ = match or (None, None, {"duplicate_of": identity}, None)
        member = {
            "cluster": notes["duplicate_of"],
            "cluster_at": notes.get("duplicate_at") if match else at,
            "size": size,
            "id": record.get("id"),
            "at": at,
            "kept": not match,
            "reason": reason,
            "similarity": notes.get("similarity"),
            "source": record.get("source"),
            "text": text[:EXCERPT] if isinstance(text, str) else None,
        }
        part = kept * self.parts // self.records
        self._lines.setdefault(part, []).append(orjson.dumps([kept, member]) + b"\n")

    def write(self, path: Path, name: str) -> dict[str, Path]:
        """Write the members, part by part; return the files by their names in the job."""
        compressor = zstandard.ZstdCompressor(_LEVEL)
        with SectionWriter(path) as writer:
            for part, lines in sorted(self._lines.items()):
                writer.add(part, compressor.compress(b"".join(lines)))
        name = f"{WORK}/{_members_name(name)}"
        return {name: path, f"{name}{INDEX}": path.with_name(path.name + INDEX)}


def clusters(settings: DedupSettings, context: TaskContext) -> TaskResult:
    """Write the clusters of one part in the order of the records that stay."""
    part, path = context.task.place, context.scratch / "clusters.zst"
    members = list(_members(work_files(context.job_folder), part))
    # Stable: within a cluster the order of the inputs, in which ranges are read, stays.
    members.sort(key=lambda one: int(one[0]))
    with (
        path.open("wb") as raw,
        zstandard.ZstdCompressor(settings.level or 3).stream_writer(raw) as file,
    ):
        for _, member in members:
            file.write(orjson.dumps(member, option=orjson.OPT_APPEND_NEWLINE))
    return TaskResult({_table_name(part): path}, {"members": len(members)})


def _members(files: WorkFiles, part: int) -> Iterator[list[Any]]:
    decompressor = zstandard.ZstdDecompressor()
    for task in files.ranges:
        for data in sections_of(files.work(_members_name(task.name)), part):
            yield from map(orjson.loads, decompressor.decompress(data).splitlines())


def write_table(job: Path, path: Path) -> None:
    """Write the table of a complete job to one file, the parts in their order."""
    stage = next(one for one in read_plan(job / PLAN).stages if one.name == CLUSTERS)
    with open_output(path) as output:
        for part in range(stage.tasks or 0):
            for batch in read_lines(job / _table_name(part)):
                output.write(batch.data)
