"""A pytest plugin for the coverage run: names the test that runs, and notes how long it took."""

from __future__ import annotations

import json
import os
from pathlib import Path

import coverage
import pytest

_seconds: dict[str, float] = {}


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Add up set-up, call and tear-down; tests that do not pass are left out."""
    if report.when == "call" and report.passed:
        _seconds[report.nodeid] = report.duration


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Let what runs from here on count for this test."""
    current = coverage.Coverage.current()
    if current is not None:
        current.switch_context(item.nodeid)


def pytest_sessionfinish() -> None:
    """Write the seconds of each test."""
    Path(os.environ["MIND_TEST_TIMES"]).write_text(json.dumps(_seconds))
