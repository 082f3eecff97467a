"""Which tests reach a mutant, and how long each of them takes."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from copies import Package, digest, run_tests
from operators import Mutant
from probes import add_probes, read_hits

LONGEST = 120
"""Seconds after which a test is not used."""


@dataclass
class Reached:
    """Tests that reach a mutant by themselves, and files that reach it while they are set up."""

    tests: list[str] = field(default_factory=list)
    files: list[str] = field(default_factory=list)


@dataclass
class Reach:
    """By mutant, what reaches it; by test, its seconds."""

    reached: dict[str, Reached]
    seconds: dict[str, float]

    def of(self, mutant: Mutant) -> Reached:
        """Return what reaches a mutant, the quickest first."""
        found = self.reached.get(mutant.key, Reached())
        by_file: dict[str, float] = {}
        for test, taken in self.seconds.items():
            file = test.partition("::")[0]
            by_file[file] = by_file.get(file, 0.0) + taken
        return Reached(
            sorted(found.tests, key=lambda test: (self.seconds[test], test)),
            sorted(found.files, key=lambda file: (by_file.get(file, 0.0), file)),
        )


def find(package: Package, mutants: list[Mutant], say: Callable[[str], None]) -> Reach:
    """Run each test file once on a copy with probes; what is known of a file is not run again."""
    numbered = dict(enumerate(sorted(mutants, key=lambda mutant: mutant.key)))
    wanted = {mutant.key for mutant in mutants}
    about = digest([Path(__file__).with_name("probes.py")], package.sources)
    folder = package.work / "probes"
    ready = False
    reach = Reach({}, {})
    for file, state in package.test_files.items():
        kept = package.work / "reach" / f"{Path(file).stem}-{state}-{about}.json"
        if not kept.exists() or not wanted <= set(json.loads(kept.read_text("utf-8"))["asked"]):
            if not ready:
                package.copy_to(folder)
                add_probes(folder, numbered)
                ready = True
            say(f"{file}: which mutants it reaches")
            _run_file(folder, file, kept, numbered)
        _add(reach, file, json.loads(kept.read_text("utf-8")))
    return reach


def _run_file(folder: Path, file: str, kept: Path, numbered: dict[int, Mutant]) -> None:
    hits = kept.parent / "hits.tsv"
    kept.parent.mkdir(parents=True, exist_ok=True)
    hits.unlink(missing_ok=True)
    outcome = run_tests(folder, [file], 1800, f"--timeout={LONGEST}", probes=hits)
    reached: dict[str, list[str]] = {}
    for number, test in read_hits(hits):
        tests = reached.setdefault(numbered[number].key, [])
        # What a fixture does holds for other tests of the file as well.
        name = test.rpartition(" (")[0]
        if test.endswith("(setup)") or not test:
            tests.append("")
        if name in outcome.passed:
            tests.append(name)
    found = {
        "asked": sorted(mutant.key for mutant in numbered.values()),
        "seconds": outcome.passed,
        "failed": sorted(set(outcome.failed)),
        "reached": {key: sorted(set(tests)) for key, tests in sorted(reached.items())},
    }
    partial = kept.with_suffix(".partial")
    partial.write_text(json.dumps(found, ensure_ascii=False, indent=1), "utf-8")
    partial.replace(kept)


def _add(reach: Reach, file: str, found: dict[str, dict[str, list[str]]]) -> None:
    for key, tests in found["reached"].items():
        into = reach.reached.setdefault(key, Reached())
        into.tests += [test for test in tests if test]
        if "" in tests:
            into.files.append(file)
    reach.seconds.update(found["seconds"])  # type: ignore[arg-type]
