"""Try one wrong program: which test notices it?"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property

from copies import ROOT, Package, run_tests
from nearby import Sources, distances_of, runs_tools_alone, starts_a_process, tests_of
from operators import Mutant
from reach import Reach, find

NEAR = 10
"""Of each mutant, so many of the nearest tests are looked at first."""
FEW = 12
"""So many of the nearest tests are tried first."""
SECONDS = 60.0
"""What the tests after them may take together, before all others are searched."""
FILES = 2
"""So many whole files that reach it in a fixture are tried at first."""
OF_TOOLS = 10
"""So many tests that run tools are tried, the nearest, each tool in a fork."""


@dataclass
class Trials:
    """A package, its tests, and what was found out about them."""

    package: Package
    watched: list[Mutant]
    say: Callable[[str], None]
    unfit: set[str] = field(default_factory=set)
    """Tests that fail on the right program."""

    @cached_property
    def _sources(self) -> Sources:
        return Sources(self.package.source)

    @cached_property
    def _tests(self) -> dict[str, set[str]]:
        return tests_of(ROOT, self.package.test_files)

    @cached_property
    def _cheap(self) -> list[str]:
        """The nearest tests of all mutants, without those that start processes."""
        names_of = {t: n for t, n in self._tests.items() if not starts_a_process(n)}
        near = {test for one in self.watched for test in self._nearest(one, names_of)[:NEAR]}
        return sorted(near)

    @cached_property
    def _first_reach(self) -> Reach:
        return find(self.package, self.watched, self.say, self._cheap)

    def first(self, mutant: Mutant) -> str | None:
        """Return the test that notices a mutant, among those that start no process."""
        reach = self._first_reach
        tests = self._in_order(mutant, reach)
        more, taken = [], 0.0
        for test in tests[FEW:]:
            taken += reach.seconds[test]
            if taken <= SECONDS:
                more.append(test)
        files = [
            [test for test in self._cheap if test.startswith(f"{file}::")]
            for file in reach.of(mutant).files[:FILES]
        ]
        found = self._first_failure(mutant, [tests[:FEW], more, *files])
        if found is not None:
            return found
        options = ("-p", "forked_tools")
        return self._first_failure(mutant, [self._of_tools(mutant)], SECONDS, *options)

    def _of_tools(self, mutant: Mutant) -> list[str]:
        """Return the nearest tests that run tools."""
        names_of = {t: n for t, n in self._tests.items() if runs_tools_alone(n)}
        return [t for t in self._nearest(mutant, names_of) if t not in self.unfit][:OF_TOOLS]

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
