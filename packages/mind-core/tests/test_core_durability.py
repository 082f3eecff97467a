"""What outlasts a kill and a power cut: locks, what a task made, new folders, and their order."""

from __future__ import annotations

import errno
import fcntl
import io
import os
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from mind_core.errors import MindError
from mind_core.files import atomic_file, make_folder
from mind_core.kernels import build, library
from mind_core.kernels.signatures import parse_signature
from mind_core.locks import open_lock, take_lock
from mind_core.stdout import reserved_stdout
from mind_core.tasks import ATTEMPTS, FAILED, WORK
from mind_core.tasks.commit import TaskResult, commit
from mind_core.tasks.folder import TaskFolder
from mind_core.tasks.plan import PlannedTask
from mind_core.tasks.status import _clock_of_disk

Calls = list[tuple[str, str]]
needs_proc = pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="needs /proc")
needs_full = pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> Calls:
    """Record what is synced, and what is linked to which name, in order."""
    found: Calls = []
    sync, link = os.fsync, os.link

    def fsync(handle: int) -> None:
        found.append(("sync", Path(f"/proc/self/fd/{handle}").readlink().name))
        sync(handle)

    def linked(source: Path, target: Path) -> None:
        found.append(("link", Path(target).name))
        link(source, target)

    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(os, "link", linked)
    return found


def test_all_of_a_file_is_written_when_it_is_synced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes: list[int] = []
    monkeypatch.setattr(os, "fsync", lambda handle: sizes.append(os.fstat(handle).st_size))
    with atomic_file(tmp_path / "result") as file:
        file.write(b"12345")
    assert sizes[0] == 5 and len(sizes) == 2


def test_a_lock_is_for_one_at_a_time(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with path.open("w") as first, path.open("w") as second:
        assert take_lock(first, path) and not take_lock(second, path)
    with path.open("w") as third:
        assert take_lock(third, path)


def test_a_lock_that_nobody_can_have_is_not_told_as_somebody_elses(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_locks(file: object, how: int) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", no_locks)
    path = tmp_path / "lock"
    with open_lock(path) as lock, pytest.raises(MindError) as caught:
        take_lock(lock, path)
    assert str(path) in caught.value.message
    assert caught.value.cause == os.strerror(errno.ENOLCK)


def test_a_lock_is_open_to_write_as_nfs_wants_it(tmp_path: Path) -> None:
    with open_lock(tmp_path / "lock") as lock:
        assert fcntl.fcntl(lock, fcntl.F_GETFL) & os.O_ACCMODE == os.O_RDWR


@needs_proc
def test_names_of_new_folders_last(tmp_path: Path, calls: Calls) -> None:
    make_folder(tmp_path / "a" / "b")
    assert sorted(calls) == sorted([("sync", "a"), ("sync", tmp_path.name)])
    calls.clear()
    make_folder(tmp_path / "a" / "b")
    assert calls == []


@needs_proc
def test_what_a_task_made_is_safe_before_it_has_a_name_and_done_comes_last(
    tmp_path: Path, calls: Calls
) -> None:
    folder, task = TaskFolder(tmp_path / "job"), PlannedTask(3, "shout", 0, "x")
    with folder.attempt(3) as attempt:
        made = attempt.path / "made"
        made.write_bytes(b"whole")
        calls.clear()
        commit(folder, "a job", task, attempt, TaskResult({"output/x.jsonl": made}, {"in": 1}))
        begun = calls.index(("link", "x.jsonl"))
        done = calls.index(("link", folder.done_file(3).name))
        assert ("sync", "made") in calls[:begun]
        assert {("sync", "output"), ("sync", "job")} <= set(calls[begun:done])
        assert ("sync", "done.json") in calls[begun:done]
        assert calls[-1] == ("sync", "done")
        assert [one.path for one in folder.attempts()] == [attempt.path]
    assert folder.done() == {3} and not attempt.path.exists()


def test_failures_are_counted_until_they_are_forgotten(tmp_path: Path) -> None:
    folder = TaskFolder(tmp_path)
    assert folder.attempts_at(5) == 0 and folder.failed() == {}
    for attempts in (1, 2):
        folder.note_failure(5, attempts, "x", MindError("it fails", cause="a cause"))
    with folder.attempt(5), folder.attempt(5), folder.attempt(6):
        assert folder.attempts_at(5) == 4 and folder.attempts_at(6) == 1
    assert [found["message"] for found in folder.failed().values()] == ["it fails"]
    make_folder(folder.done_file(5).parent)
    folder.done_file(5).write_text("{}")
    assert folder.failed() == {}, "it was done since"
    folder.forget_failure(5)
    assert folder.attempts_at(5) == 0 and not list((tmp_path / FAILED).iterdir())
    folder.forget_failure(5)


def test_attempts_of_ended_processes_go_and_of_a_complete_job_all(tmp_path: Path) -> None:
    folder = TaskFolder(tmp_path)
    process = os.fork()
    if not process:
        os._exit(0)
    os.waitpid(process, 0)
    with folder.attempt(1) as mine:
        gone = mine.path.with_name(mine.path.name.replace(f".{os.getpid()}.", f".{process}."))
        gone.mkdir()
        (gone / "half").write_text("half")
        folder.tidy(all_of_them=False)
        assert [one.path for one in folder.attempts()] == [mine.path] and not gone.exists()
        for name in (WORK, FAILED):
            (tmp_path / name / "deep").mkdir(parents=True)
        folder.tidy(all_of_them=True)
        assert not any((tmp_path / name).exists() for name in (WORK, FAILED, ATTEMPTS))


def test_to_ask_the_clock_of_a_disk_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "before").touch()
    asked = _clock_of_disk(TaskFolder(tmp_path))
    assert 0 <= asked - (tmp_path / "before").stat().st_mtime < 300
    assert [path.name for path in tmp_path.iterdir()] == ["before"]


@needs_full
def test_what_a_device_refuses_at_the_end_is_an_error() -> None:
    with pytest.raises(MindError, match="cannot write /dev/full"), atomic_file("/dev/full") as file:
        file.write(b"so little that it waits for the end")


@needs_full
def test_what_stdout_refuses_at_the_end_is_an_error(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    kept, full = os.dup(1), os.open("/dev/full", os.O_WRONLY)
    os.dup2(full, 1)
    try:
        with open(1, "w", closefd=False) as before:
            monkeypatch.setattr(sys, "stdout", before)
            with pytest.raises(OSError, match="No space"), reserved_stdout() as own:
                own.write(b"a record")
            assert sys.stdout is before
    finally:
        os.dup2(kept, 1)
        os.close(kept)
        os.close(full)


def test_a_loop_is_named_before_it_is_called(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """One that crashes the process has been named: stderr is flushed by then."""
    flushed: list[str] = []
    screen = io.StringIO()
    monkeypatch.setattr(screen, "flush", lambda: flushed.append(screen.getvalue()))
    monkeypatch.setattr(sys, "stderr", screen)
    called: list[Any] = []

    def loop(name: str, signature: str, example: Callable[[], tuple[Any, ...]] | None) -> Any:
        class Loop(SimpleNamespace):
            def __call__(self, *values: Any) -> None:
                assert flushed[-1].endswith(f"{name}\n")
                called.append(values)

        return Loop(name=name, signature=parse_signature(signature), example=example)

    loops = [
        loop("with_example", "void(u1[], i8)", lambda: (b"x", 3)),
        loop("with_zeros", "i8(f4[,], i8, (u8[], i8[]))", None),
    ]
    monkeypatch.setattr(library, "library_path", library.library_path)
    monkeypatch.setattr(build, "find_kernels", lambda package: (loops, []))
    build.call_all("mind_toy", "/nowhere/loops.so")
    assert library.library_path("mind_toy") == Path("/nowhere/loops.so")
    assert called[0] == (b"x", 3) and len(called) == 2
    table, number, (first, second) = called[1]
    assert (table.shape, table.dtype, number) == ((1024, 128), np.float32, 0)
    assert first.shape == second.shape == (1024,)
    assert (first.dtype, second.dtype) == (np.uint64, np.int64)
