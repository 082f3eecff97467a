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
"""CPU seconds that a test may take."""


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
        """Return what reaches a mutant."""
        return self.reached.get(mutant.key, Reached())


def find(package: Package, mutants: list[Mutant], say: Callable[[str], None]) -> Reach:
    """Run each test file once on a copy with probes; what is known of a file is not run again."""
    numbered = dict(enumerate(sorted(mutants, key=lambda mutant: mutant.key)))
    wanted = {mutant.key for mutant in mutants}
    about = digest([Path(__file__).with_name("probes.py")], package.sources)
    folder = package.work / "copy"
    ready = False
    reach = Reach({}, {})
    for file, state in package.test_files.items():
        name = Path(file).stem
        kept = package.work / "reach" / f"{name}-{state}-{about}.json"
        if not kept.exists() or not wanted <= set(json.loads(kept.read_text("utf-8"))["asked"]):
            if not ready:
                package.copy_to(folder)
                add_probes(folder, numbered)
                ready = True
            say(f"{file}: which mutants it reaches")
            _run(folder, file, kept, numbered)
        _add(reach, json.loads(kept.read_text("utf-8")))
    return reach


def _run(folder: Path, file: str, kept: Path, numbered: dict[int, Mutant]) -> None:
    hits = kept.parent / "hits.tsv"
    kept.parent.mkdir(parents=True, exist_ok=True)
    hits.unlink(missing_ok=True)
    outcome = run_tests(folder, [file], 1800, probes=hits, each=LONGEST)
    reached: dict[str, list[str]] = {}
    for number, test in read_hits(hits):
        names = reached.setdefault(numbered[number].key, [])
        name = test.rpartition(" (")[0]
        if test.endswith("(setup)") or not test:
            # What a fixture or an import does holds for other tests of the file as well.
            names.append(file)
        if name in outcome.passed:
            names.append(name)
    found = {
        "asked": sorted(mutant.key for mutant in numbered.values()),
        "seconds": outcome.passed,
        "failed": sorted(set(outcome.failed)),
        "reached": {key: sorted(set(names)) for key, names in sorted(reached.items())},
    }
    partial = kept.with_suffix(".partial")
    partial.write_text(json.dumps(found, ensure_ascii=False, indent=1), "utf-8")
    partial.replace(kept)


def _add(reach: Reach, found: dict[str, dict[str, list[str]]]) -> None:
    for key, names in found["reached"].items():
        into = reach.reached.setdefault(key, Reached())
        into.tests += [name for name in names if "::" in name]
        into.files += [name for name in names if "::" not in name]
    reach.seconds.update(found["seconds"])  # type: ignore[arg-type]
