"""What a job of tasks costs: beside one process over the same pages, for each task, and a rerun.

`python benchmarks/jobs.py [--tasks 10000]`; CPU seconds of the command with all its children. The
pages are those that are shipped; for the cost of tasks, files of one short record each.
"""

from __future__ import annotations

import argparse
import subprocess
import tempfile
from pathlib import Path

from measuring import cost_of

PAGES = Path(__file__).parent.parent / "tests" / "data" / "pages"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tasks", type=int, default=10_000)
    tasks: int = parser.parse_args().tasks
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        steps = ["--without", "site_phrases", "-q"]
        pages = [str(path) for path in sorted(PAGES.glob("*.zst"))]
        stream = cost_of(
            ["mind-clean", *pages, *steps, "-o", str(folder / "one.zst"),
             "--rejects", str(folder / "rejects.zst")])  # fmt: skip
        job = cost_of(["mind-clean", *pages, *steps, "--into", str(folder / "pages")])
        print(f"{len(pages)} files of pages, one process  {stream.cpu:7.1f} CPU s")
        print(f"{len(pages)} files of pages, a job        {job.cpu:7.1f} CPU s")
        many = folder / "many"
        many.mkdir()
        for number in range(tasks):
            (many / f"{number:06}.jsonl").write_bytes(b'{"id": "a", "text": "some text"}\n')
        command = ["mind-clean", str(many), "--step", "whitespace", "-q", "--into",
                   str(folder / "out")]  # fmt: skip
        first, again = cost_of(command), cost_of(command)
        print(f"{tasks:,} tasks of one record       {first.cpu:7.1f} CPU s, "
              f"{first.cpu / tasks * 1e3:.1f} ms a task")  # fmt: skip
        print(f"rerun of the complete job          {again.cpu:7.1f} CPU s")
        (folder / "out" / "manifest.json").unlink()
        merged = cost_of(command)
        print(f"rerun without its manifest         {merged.cpu:7.1f} CPU s")
        asked = cost_of(["mind-clean", "status", str(folder / "out")], stdout=subprocess.DEVNULL)
        print(f"status                             {asked.cpu:7.1f} CPU s")


if __name__ == "__main__":
    main()
