"""Second and third stage: keys to pairs of records that share one, and pairs to groups."""

from __future__ import annotations

import numpy as np

from mind_core.tasks import WORK
from mind_core.tasks.commit import TaskResult
from mind_core.tasks.task import TaskContext
from mind_dedup.tasks.groups import Forest, parts_of_groups
from mind_dedup.tasks.key_runs import pairs_of_part
from mind_dedup.tasks.settings import DedupSettings
from mind_dedup.tasks.work_files import GROUPS, PAIRS, WorkFiles, work_files

_BYTES_PER_PAIR = 160
"""What a pair takes while it is united."""

RECORDS, PARTS = "records", "parts"


def pairs_name(part: int) -> str:
    """Return the name of the pairs of a part, below the work of a job."""
    return f"{PAIRS}/{part}.pairs"


def groups_name(column: str) -> str:
    """Return the name of a column of the records that are in groups."""
    return f"{GROUPS}.{column}"


def pairs(settings: DedupSettings, context: TaskContext) -> TaskResult:
    """Write the pairs that the keys of one part make."""
    files, part = work_files(context.job_folder), context.task.place
    ranges = zip(files.keys, files.firsts.tolist(), strict=False)
    count = 0
    with (context.scratch / "pairs").open("wb") as file:
        for found in pairs_of_part(ranges, settings.partitions, part, settings.memory):
            file.write(found.tobytes())
            count += len(found)
    return TaskResult({f"{WORK}/{pairs_name(part)}": context.scratch / "pairs"}, {"pairs": count})


def groups(settings: DedupSettings, context: TaskContext) -> TaskResult:
    """Write which records are in a group, and which part of the next stages it belongs to."""
    files = work_files(context.job_folder)
    forest = Forest(context.scratch / "forest", int(files.firsts[-1]))
    # Groups are of all parts together: records may be connected by keys of different parts.
    for part in range(settings.partitions):
        _unite(forest, files, part, settings.memory // _BYTES_PER_PAIR)
    records, parts = context.scratch / RECORDS, context.scratch / PARTS
    grouped = roots = 0
    with records.open("wb") as numbers_file, parts.open("wb") as parts_file:
        for numbers, first in forest.groups():
            numbers_file.write(numbers.tobytes())
            parts_file.write(parts_of_groups(first, settings.partitions).tobytes())
            grouped += len(numbers)
            roots += int((first == numbers).sum())
    named = {f"{WORK}/{groups_name(path.name)}": path for path in (records, parts)}
    return TaskResult(named, {"records": grouped, "groups": roots})


def _unite(forest: Forest, files: WorkFiles, part: int, pairs_at_once: int) -> None:
    path = files.work(pairs_name(part))
    for begin in range(0, path.stat().st_size, 16 * pairs_at_once):
        found = np.fromfile(path, np.int64, 2 * pairs_at_once, offset=begin)
        forest.unite(found.reshape(-1, 2))
