"""What `mind-dedup --into` costs beside one process, and whether it keeps the same bytes.

`python benchmarks/dedup_jobs.py FILE|FOLDER... [--partitions 16] [-j 2]`; CPU seconds with all
children, the largest process, and the bytes that the stages leave for each other. The inputs are
planned beforehand, so that both read files that the system holds already.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import resource
import tempfile
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from measuring import cost_of

from mind_core.stream import read_lines
from mind_core.tasks.plan import read_plan


def main() -> None:
    """Measure and print; fail if the kept bytes differ."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("inputs", nargs="+")
    parser.add_argument("--partitions", type=int, default=16)
    parser.add_argument("-j", "--jobs", type=int, default=2)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        job, one = Path(name, "job"), Path(name, "one.jsonl.zst")
        command = [
            "mind-dedup", *given.inputs, "--into", str(job), "--allow", "-q",
            "--partitions", str(given.partitions),
        ]  # fmt: skip
        planned = cost_of([*command, "--plan-only"])
        plan = read_plan(job / "plan.json")
        tasks = cost_of([*command, "-j", str(given.jobs)])
        largest = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1e3
        paths = [each.path for each in plan.inputs]
        alone = cost_of(["mind-dedup", *paths, "-o", str(one), "--allow", "-q"])
        outputs = [job / f"output/{task.name}.jsonl.zst" for task in plan.summary_tasks]
        summary = json.loads((job / "summary.json").read_bytes())
        size = summary["bytes_in"] / 1e6
        same = _digest(outputs) == _digest([one])
        print(f"{summary['in']:,} records, {size:,.0f} MB; kept {summary['kept']:,}; "
              f"bytes kept {'the same' if same else 'DIFFER'}")  # fmt: skip
        print(f"one process         {alone.cpu:7.1f} CPU s, {size / alone.cpu:5.1f} MB/s a core, "
              f"{alone.peak / 1e6:,.0f} MB")  # fmt: skip
        speed = f"{size / tasks.cpu:5.1f} MB/s a core"
        print(f"a job, -j {given.jobs}         {tasks.cpu:7.1f} CPU s, {speed}, {largest:,.0f} MB "
              "in the largest process")  # fmt: skip
        print(f"its plan            {planned.cpu:7.1f} CPU s")
        _print_stages(job, summary["in"])
        assert same


def _print_stages(job: Path, records: int) -> None:
    """Print what each stage left for the next ones, by the done files."""
    left: Counter[str] = Counter()
    counts: dict[str, Counter[str]] = {}
    for path in sorted((job / "done").iterdir()):
        told = json.loads(path.read_bytes())
        left[told["stage"]] += sum(
            file["size"] for name, file in told["files"].items() if name.startswith("work/")
        )
        numbers = {name: n for name, n in told["counts"].items() if isinstance(n, int)}
        counts.setdefault(told["stage"], Counter()).update(numbers)
    for stage, size in left.items():
        print(f"{stage:12} left {size / 1e6:9,.1f} MB, {size / records:6.1f} bytes a record; "
              f"{dict(counts[stage])}")  # fmt: skip
    print(f"in all       left {left.total() / 1e6:9,.1f} MB, {left.total() / records:6.1f}")


def _digest(paths: Iterable[Path]) -> str:
    """Return the SHA-256 of the lines of files, one after the other."""
    checksum = hashlib.sha256()
    for path in paths:
        for batch in read_lines(path):
            checksum.update(batch.data)
    return checksum.hexdigest()


if __name__ == "__main__":
    main()
