"""Try the tests on wrong programs: `bin/test -s mutants [-- --package mind-core --count 20]`.

For each package a seeded choice of mutants (see operators.py), a quarter of them in the writers of
files, indexes, checkpoints, shards and logs, is run one after another against the tests of the
package. First come the tests that are nearest by the names in them
(nearby.py), with the tools that they run as forks. For what they miss each test file runs once with
probes at the changed statements (reach.py), and then all tests that reach one. The first test that
fails has noticed the mutant.

`.mutants/results.jsonl` gets a line for each: {"package", "mutant", "line", "result": "noticed" |
"survived" | "unreached" | "open", "durable", "test", "seconds", "sources", "tests"}; the last two
are hashes of what the result is true of. Killed at any time, a run goes on where it stood, and a
mutant is tried again only if the sources changed, or the file of the test that noticed it, or, for
one that was not noticed, any test. Noticing tests are run once more on the right program: one that
fails there as well notices nothing. The rows of a whole run are in
`.mutants/PACKAGE/seed-SEED.jsonl`, with those of equivalent.jsonl and their reasons.
"""

from __future__ import annotations

import argparse
import fcntl
import hashlib
import json
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

from copies import PACKAGES, WORK, Package, digest, load_libraries, run_tests
from operators import Mutant, in_writers, is_durable
from reach import Reach, find
from trying import FORKS, Trials

RESULTS = WORK / "results.jsonl"
Row = dict[str, Any]


def say(text: str) -> None:
    """Print at once."""
    print(text, flush=True)


def chosen(package: Package, count: int, seed: int) -> list[Mutant]:
    """Draw mutants by a hash of what they are, so that an edit elsewhere leaves the rest drawn."""

    def rank(mutant: Mutant) -> bytes:
        return hashlib.sha256(f"{seed} {package.name} {mutant.key}".encode()).digest()

    guarded = sorted(in_writers(package.mutants), key=rank)[: count // 4]
    keys = {mutant.key for mutant in guarded}
    rest = [mutant for mutant in package.mutants if mutant.key not in keys]
    return guarded + sorted(rest, key=rank)[: count - len(guarded)]


def equivalents() -> dict[str, str]:
    """Return mutants that change nothing that can be seen, with the reason."""
    lines = Path(__file__).with_name("equivalent.jsonl").read_text("utf-8").splitlines()
    return {found["mutant"]: found["reason"] for found in map(json.loads, lines)}


class Results:
    """What is known, and the file that it stands in."""

    def __init__(self) -> None:
        self.rows: dict[str, Row] = {}
        if RESULTS.exists():
            *whole, _torn = RESULTS.read_text("utf-8").split("\n")
            for row in map(json.loads, whole):
                self.rows[row["mutant"]] = row
            RESULTS.write_text("".join(f"{line}\n" for line in whole), "utf-8")

    def of(self, package: Package, mutant: Mutant) -> Row | None:
        """Return a result that is still true."""
        row = self.rows.get(mutant.key)
        if row is None or row["sources"] != package.sources:
            return None
        return row if row["tests"] == tests_state(package, row["test"]) else None

    def row(self, mutant: Mutant) -> Row:
        """Return the last result, true or not."""
        return self.rows[mutant.key]

    def add(self, row: Row) -> None:
        """Keep a result, on the disk too."""
        self.rows[row["mutant"]] = row
        with RESULTS.open("a", encoding="utf-8") as file:
            file.write(json.dumps(row, ensure_ascii=False) + "\n")


def tests_state(package: Package, test: str) -> str:
    """Return a hash of the file of a test, or of all test files if it is none."""
    file = test.partition("::")[0]
    return package.test_files.get(file) or digest([], *package.test_files.values())


def run(package: Package, mutants: list[Mutant], quick: bool) -> list[Row]:
    """Return a result for each mutant."""
    results, known = Results(), equivalents()
    tried = [mutant for mutant in mutants if mutant.key not in known]
    trials = Trials(package)
    while True:
        for mutant in tried:
            if results.of(package, mutant) is None:
                started = time.monotonic()
                test = trials.first(mutant)
                row = row_of(package, mutant, "noticed" if test else "open", test or "")
                results.add({**row, "seconds": round(time.monotonic() - started)})
                say(f"{row['result']:8} {mutant.path}:{mutant.line} {mutant.key}  {test or ''}")
        rest = [m for m in tried if results.row(m)["result"] == "open"]
        reach = find(package, rest, say) if rest and not quick else Reach({}, {})
        for mutant in rest if not quick else []:
            result, test = trials.second(mutant, reach)
            results.add(row_of(package, mutant, result, test))
            say(f"{result:8} {mutant.path}:{mutant.line} {mutant.key}  {test}")
        wrong = noticed_by_mistake(package, [results.row(mutant) for mutant in tried])
        if not wrong:
            break
        trials.unfit |= wrong
        for row in [results.row(mutant) for mutant in tried]:
            if row["test"] in wrong:
                results.add({**row, "sources": ""})
                say(f"{row['test']} fails on the right program too")
    return [
        row_of(package, mutant, "equivalent", "") | {"reason": known[mutant.key]}
        if mutant.key in known
        else results.row(mutant)
        for mutant in mutants
    ]


def row_of(package: Package, mutant: Mutant, result: str, test: str) -> Row:
    """Return a line of the results."""
    return {
        "package": package.name, "mutant": mutant.key, "line": mutant.line, "result": result,
        "durable": is_durable(mutant), "test": test,
        "sources": package.sources, "tests": tests_state(package, test),
    }  # fmt: skip


def noticed_by_mistake(package: Package, rows: list[Row]) -> set[str]:
    """Return noticing tests that fail on the unchanged package as well."""
    tests = sorted({row["test"] for row in rows if "::" in row["test"]})
    states = [tests_state(package, test) for test in tests]
    kept = package.work / f"right-{digest([], *FORKS, package.sources, *tests, *states)}.json"
    if tests and not kept.exists():
        folder = package.work / "copy"
        package.copy_to(folder)
        outcome = run_tests(folder, tests, 3600, "--timeout=300", *FORKS)
        kept.write_text(json.dumps(outcome.failed))
    return set(json.loads(kept.read_text())) if tests else set()


def main() -> None:
    """Run the packages and print what was noticed."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--package", action="append", choices=PACKAGES, help="default: all")
    parser.add_argument("--count", type=int, default=20, help="mutants of each package")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--writers", action="store_true", help="all mutants in writers of files, instead of a draw"
    )
    parser.add_argument(
        "--quick", action="store_true",
        help="leave open what the nearest tests do not notice: no search for all that reach it",
    )  # fmt: skip
    options = parser.parse_args()
    WORK.mkdir(exist_ok=True)
    lock = (WORK / "lock").open("w")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        sys.exit(f"another run uses {WORK}")
    say("package          drawn  equivalent  noticed  survived  unreached       open")
    for package in map(Package, options.package or PACKAGES):
        package.work.mkdir(exist_ok=True)
        load_libraries(package)
        mutants = (
            in_writers(package.mutants)
            if options.writers
            else chosen(package, options.count, options.seed)
        )
        rows = run(package, mutants, options.quick)
        name = "writers" if options.writers else f"seed-{options.seed}"
        lines = [json.dumps(row, ensure_ascii=False) for row in rows]
        (package.work / f"{name}.jsonl").write_text("".join(f"{line}\n" for line in lines), "utf-8")
        counts = Counter(row["result"] for row in rows)
        names = ("equivalent", "noticed", "survived", "unreached", "open")
        numbers = "".join(f"{counts[name]:>11}" for name in names)
        say(f"{package.name:<16}{len(rows):>6}{numbers}")


if __name__ == "__main__":
    main()
