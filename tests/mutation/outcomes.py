"""A pytest plugin: writes which tests passed and how long each took, and which failed."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

_seconds: dict[str, float] = {}
_failed: list[str] = []


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Add up set-up, call and tear-down."""
    _seconds[report.nodeid] = _seconds.get(report.nodeid, 0.0) + report.duration
    if not report.passed:
        _failed.append(report.nodeid)


def pytest_collectreport(report: pytest.CollectReport) -> None:
    """Note a file that cannot be imported."""
    if report.failed:
        _failed.append(report.nodeid)


def pytest_sessionfinish() -> None:
    """Write what was noted."""
    passed = {test: round(s, 3) for test, s in _seconds.items() if test not in _failed}
    found = {"passed": passed, "failed": _failed}
    Path(os.environ["MIND_OUTCOMES"]).write_text(json.dumps(found, ensure_ascii=False))
