"""A pytest plugin: writes which tests passed and how long each took, and which failed."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

LIMIT = float(os.environ.get("MIND_TEST_SECONDS") or 0)
"""CPU seconds for one test; one that needs more fails. 0 is no limit."""

_seconds: dict[str, float] = {}
_failed: list[str] = []
_skipped: set[str] = set()


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Add up set-up, call and tear-down."""
    _seconds[report.nodeid] = _seconds.get(report.nodeid, 0.0) + report.duration
    if report.failed:
        _failed.append(report.nodeid)
    if report.skipped:
        _skipped.add(report.nodeid)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call() -> Iterator[None]:
    """Stop a test that takes long by the processor's clock, which other work does not turn."""
    if LIMIT:
        signal.signal(signal.SIGPROF, _stop)
        signal.setitimer(signal.ITIMER_PROF, LIMIT)
    try:
        return (yield)
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)


def _stop(*_: object) -> None:
    raise TimeoutError(f"more than {LIMIT} CPU seconds")


def pytest_collectreport(report: pytest.CollectReport) -> None:
    """Note a file that cannot be imported."""
    if report.failed:
        _failed.append(report.nodeid)


def pytest_sessionfinish() -> None:
    """Write what was noted."""
    passed = {
        test: round(seconds, 3)
        for test, seconds in _seconds.items()
        if test not in _failed and test not in _skipped
    }
    found = {"passed": passed, "failed": _failed}
    Path(os.environ["MIND_OUTCOMES"]).write_text(json.dumps(found, ensure_ascii=False))
