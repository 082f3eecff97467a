"""The rows of `mind-eval conform`, and their table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mind_eval.table import aligned


@dataclass(frozen=True)
class Check:
    """One claim: what is looked at, what its source says, and what was found."""

    what: str
    expected: str
    got: str | None
    source: str
    passed: bool = True
    """Where nothing was found (`got` is None), nothing is said by it."""

    @property
    def state(self) -> str:
        """Say how it went: ok, differs, or no data."""
        return "no data" if self.got is None else "ok" if self.passed else "DIFFERS"


def equal(what: str, expected: str, got: str | None, source: str) -> Check:
    """Make a check that both are the same."""
    return Check(what, expected, got, source, got == expected)


def close(what: str, expected: float, got: float | None, source: str, bound: float) -> Check:
    """Make a check that two figures differ by no more than a bound."""
    passed = got is not None and abs(got - expected) <= bound
    return Check(what, f"{expected:.2f}", None if got is None else f"{got:.2f}", source, passed)


def conform_table(checks: Sequence[Check]) -> str:
    """Lay checks out, a row each, and count them."""
    rows = [["what", "expected", "got", "state", "source"]]
    rows += [[c.what, c.expected, c.got or "-", c.state, c.source] for c in checks]
    states = [check.state for check in checks]
    counts = ", ".join(
        f"{states.count(name)} {name}" for name in ("ok", "DIFFERS", "no data") if name in states
    )
    return f"{aligned(rows, 0)}\n{len(checks)} checks: {counts}\n"
