"""What all tests share: the same drawn examples each time, and tools that start as forks.

Property tests draw the same examples each time, without a limit of time for each: a failure can
then be repeated, and a busy machine fails nothing. Others are drawn with
`--hypothesis-profile search`. Tools start as `tests/support/fork_client.py` says.
"""

from __future__ import annotations

import gc
import os
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from fork_client import Starts
from hypothesis import settings

os.environ["LC_MESSAGES"] = "C"  # tests read messages in English, whatever this terminal speaks
if "zh" in os.environ.get("LC_ALL", ""):
    del os.environ["LC_ALL"]

settings.register_profile("repeatable", derandomize=True, deadline=None)
settings.register_profile("search", deadline=None, max_examples=1000)
settings.load_profile("repeatable")

starts = Starts()

LONGEST = {
    name: place
    for place, name in enumerate(
        (
            "test_reproduce", "test_core_library", "test_faults", "test_pipes",
            "test_sft_select_fit", "test_dedup_redis", "test_plugin_conduct",
            "test_train_distributed", "test_train_resume", "test_docs", "test_dedup_tasks",
            "test_scaling", "test_tok_bytelevel",
        )
    )
}  # fmt: skip
"""Test files that take longest, as a whole run's `--junit-xml` tells, the longest first."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add what the whole run may be asked for."""
    parser.addoption(
        "--fresh-processes", action="store_true", help="start each tool by itself, not as a fork"
    )


def pytest_configure(config: pytest.Config) -> None:
    """Let tools start as forks."""
    if not config.option.fresh_processes:
        starts.install()


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Iterator[None]:
    """Collect no garbage among modules and tests, of which none becomes garbage, now or later."""
    gc.disable()
    answer = yield
    gc.collect()
    gc.freeze()
    gc.enable()
    starts.environment = dict(os.environ)
    return answer


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    """Start tools by themselves in tests that are marked so; take back what a test sets.

    Tools and libraries set variables when they run or are imported in a test's process. Those that
    start after that would find others than the servers of forks did, and be no forks any more.
    """
    starts.fresh = item.get_closest_marker("fresh_process") is not None
    before = dict(os.environ)
    answer = yield
    for name in os.environ.keys() - before.keys():
        del os.environ[name]
    os.environ.update(before)
    return answer


@pytest.fixture(scope="session")
def tool_path() -> Callable[..., str]:
    """Return what gives a shell its PATH, on which tools start as forks: `tool_path("light")`."""
    return starts.path


class Disk:
    """What the system was asked to make safe, and to rename, in its order."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._synced: dict[tuple[int, int], tuple[int, int]] = {}
        """By device and inode: when it was last synced, and how long it was then."""
        self._renamed: dict[str, int] = {}
        self._clock = 0
        sync = os.fsync
        for name in ("replace", "rename"):
            monkeypatch.setattr(os, name, self._noting(getattr(os, name)))

        def fsync(handle: Any) -> None:
            sync(handle)
            found = os.fstat(handle if isinstance(handle, int) else handle.fileno())
            self._clock += 1
            self._synced[found.st_dev, found.st_ino] = (self._clock, found.st_size)

        monkeypatch.setattr(os, "fsync", fsync)

    def _noting(self, rename: Any) -> Any:
        def call(source: Any, target: Any, **more: Any) -> None:
            rename(source, target, **more)
            self._clock += 1
            self._renamed[os.path.realpath(target)] = self._clock

        return call

    def lost(self, path: Path) -> list[str]:
        """Return what of a result a power cut could take: unsynced data, names, and their order.

        A file is safe if it was synced at its full length before it got its name, and its folder
        after that; a folder if everything in it is.
        """
        inside = sorted(path.rglob("*")) if path.is_dir() else []
        named = self._renamed.get(os.path.realpath(path), 0)
        wrong = [] if named else [f"{path}: never renamed"]
        for one in [path, *inside]:
            found = one.stat()
            when, size = self._synced.get((found.st_dev, found.st_ino), (0, -1))
            if not when or (one.is_file() and size != found.st_size):
                wrong.append(f"{one}: not synced")
            elif when > named:
                wrong.append(f"{one}: synced after its result had its name")
        above = path.parent.stat()
        if self._synced.get((above.st_dev, above.st_ino), (0, 0))[0] < named:
            wrong.append(f"{path.parent}: not synced after the name was given")
        return wrong


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Disk:
    """Watch what is made safe against a power cut."""
    return Disk(monkeypatch)


_ATTACKS: dict[str, str] = {}
"""By test: the attack that it tries."""


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Note which attack a test tries; leave out long ones where hostile input is not asked for.

    The files that take longest come first: at the end no worker has one that all others wait for.
    """
    items.sort(key=lambda item: LONGEST.get(item.path.stem, len(LONGEST)))
    for item in items:
        for mark in item.iter_markers("hostile"):
            _ATTACKS[item.nodeid] = mark.args[0]
    if "hostile" not in config.option.markexpr and "long" not in config.option.markexpr:
        left_out = [item for item in items if item.get_closest_marker("long")]
        if left_out:
            config.hook.pytest_deselected(items=left_out)
            items[:] = [item for item in items if not item.get_closest_marker("long")]


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Print what was tried, if hostile input alone was asked for."""
    if config.option.markexpr != "hostile":
        return
    tried: Counter[str] = Counter()
    failed: Counter[str] = Counter()
    for outcome in ("passed", "failed", "error"):
        for report in terminalreporter.stats.get(outcome, []):
            attack = _ATTACKS.get(report.nodeid)
            if attack is not None:
                tried[attack] += report.when == "call" or outcome == "error"
                failed[attack] += outcome != "passed"
    width = max(map(len, tried), default=0)
    terminalreporter.write_line(f"{'attack class':<{width}}  tried  failed")
    for attack in sorted(tried):
        line = f"{attack:<{width}}  {tried[attack]:>5}  {failed[attack]:>6}"
        terminalreporter.write_line(line)
    total = sum(tried.values()), sum(failed.values())
    terminalreporter.write_line(f"{'all':<{width}}  {total[0]:>5}  {total[1]:>6}")
