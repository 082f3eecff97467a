"""Try one wrong program: which test notices it?"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

from copies import ROOT, Package, run_tests
from nearby import Sources, in_order, tests_of
from operators import Mutant
from reach import Reach

NEAR = 40
"""So many test functions are tried by their names, before it is looked for what reaches it."""
FEW = 10
SECONDS = 90
"""CPU seconds for the nearest, and for the near ones."""


@dataclass
class Trials:
    """A package, its tests, and what was found out about them."""

    package: Package
    unfit: set[str] = field(default_factory=set)
    """Tests that fail on the right program."""

    @cached_property
    def _sources(self) -> Sources:
        return Sources(self.package.source)

    @cached_property
    def _tests(self) -> dict[str, tuple[set[str], int]]:
        return tests_of(ROOT, self.package.test_files)

    def near(self, mutant: Mutant) -> str | None:
        """Return the test that notices a mutant, among those near by their names."""
        tests = [test for _, test in in_order(mutant, self._sources, self._tests)][:NEAR]
        return self._first_failure(mutant, [tests[:FEW], tests[FEW:]], SECONDS)

    def reaching(self, mutant: Mutant, reach: Reach) -> tuple[str, str]:
        """Return the result of all tests that reach a mutant, and the test that noticed."""
        found = reach.of(mutant)
        tests = [test for test in found.tests if test not in self.unfit]
        if not tests and not found.files:
            return "unreached", ""
        test = self._first_failure(mutant, [tests, *([file] for file in found.files)], 1200)
        return ("survived", "") if test is None else ("noticed", test)

    def _first_failure(self, mutant: Mutant, parts: list[list[str]], seconds: float) -> str | None:
        folder = self.package.work / "mutant"
        self.package.change(folder, mutant)
        skipped = [f"--deselect={test}" for test in sorted(self.unfit)]
        for part in filter(None, parts):
            outcome = run_tests(folder, part, seconds, "-x", "--timeout=120", *skipped)
            if outcome.failed or outcome.code > 0:
                return (outcome.failed or [part[0].partition("::")[0]])[0]
        return None
