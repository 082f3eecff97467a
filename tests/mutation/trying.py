"""Try one wrong program: which test notices it?"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

from copies import ROOT, Package, run_tests
from nearby import Sources, distances_of, runs_tools_alone, starts_a_process, tests_of
from operators import Mutant
from reach import Reach

FIRST, NEXT = 8, 16
"""So many of the nearest tests are tried at first, and after them."""
SECONDS = 20.0
"""CPU seconds for each of these parts."""
FORKS = ("-p", "forked_tools")
OF_TOOLS = 10
"""So many tests that run tools are tried between them."""


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
    def _tests(self) -> dict[str, set[str]]:
        return tests_of(ROOT, self.package.test_files)

    def first(self, mutant: Mutant) -> str | None:
        """Return the test that notices a mutant, among the nearest; each tool runs in a fork."""
        by_kind: tuple[dict[str, set[str]], dict[str, set[str]]] = ({}, {})
        for test, names in self._tests.items():
            if test not in self.unfit and not starts_a_process(names):
                by_kind[0][test] = names
            elif test not in self.unfit and runs_tools_alone(names):
                by_kind[1][test] = names
        plain = self._nearest(mutant, by_kind[0])
        of_tools = self._nearest(mutant, by_kind[1])
        parts = [plain[:FIRST], plain[FIRST : FIRST + NEXT], of_tools[:OF_TOOLS]]
        return self._first_failure(mutant, parts, SECONDS, *FORKS)

    def _nearest(self, mutant: Mutant, names_of: dict[str, set[str]]) -> list[str]:
        distances = distances_of(mutant, self._sources, names_of)
        near = self._sources.distances(mutant).keys()
        return sorted(names_of, key=lambda t: (distances[t], -len(names_of[t] & near), t))

    def second(self, mutant: Mutant, reach: Reach) -> tuple[str, str]:
        """Return the result of all tests that reach a mutant, and the test that noticed."""
        tests, files = self._in_order(mutant, reach), reach.of(mutant).files
        if not tests and not files:
            return "unreached", ""
        test = self._first_failure(mutant, [tests, *([file] for file in files)])
        return ("survived", "") if test is None else ("noticed", test)

    def _in_order(self, mutant: Mutant, reach: Reach) -> list[str]:
        distances = distances_of(mutant, self._sources, self._tests)

        def key(test: str) -> tuple[int, float, str]:
            return distances[test.partition("[")[0]], reach.seconds[test], test

        return sorted((t for t in reach.of(mutant).tests if t not in self.unfit), key=key)

    def _first_failure(
        self, mutant: Mutant, parts: list[list[str]], seconds: float = 600, *options: str
    ) -> str | None:
        folder = self.package.work / "copy"
        self.package.change(folder, mutant)
        skipped = [f"--deselect={test}" for test in sorted(self.unfit)]
        for part in filter(None, parts):
            outcome = run_tests(folder, part, seconds, "-x", "--timeout=120", *options, *skipped)
            # The limit of a test notices endless loops; that of all together says nothing.
            if outcome.failed or (outcome.code and not outcome.cut):
                return (outcome.failed or [part[0].partition("::")[0]])[0]
        return None
