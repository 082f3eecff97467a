"""Work in forks of the test process, which has imported what it needs: torch takes seconds.

Ranks meet at a store that the parent keeps, which is what torchrun's agent does. That torchrun
itself starts, stops and ends ranks well is for a test that runs it.
"""

from __future__ import annotations

import os
import signal
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from torch.distributed import TCPStore

LIMIT = 240.0
"""Seconds after which children that have not ended are killed."""

GRACE = 20.0
"""Seconds that the others have to end once one rank has failed."""


def signal_at_call(owner: Any, name: str, call: int, number: int) -> None:
    """Have this process signal itself after the n-th call of a function; for a fork."""
    function, calls = getattr(owner, name), 0

    def counted(*arguments: Any, **options: Any) -> Any:
        nonlocal calls
        answer = function(*arguments, **options)
        calls += 1
        if calls == call:
            os.kill(os.getpid(), number)
        return answer

    setattr(owner, name, counted)


def in_fork(file: Path, work: Callable[[], object]) -> tuple[int, str]:
    """Do the work in a fork; return its exit code and what it said, which goes to the file."""
    child = os.fork()
    if child == 0:
        _be_a_child({}, file, work)
    return _ended({child: 0})[0], file.read_text("utf-8")


def at_ranks(count: int, folder: Path, work: Callable[[], object]) -> list[tuple[int, str]]:
    """Do the work at each rank; return exit code and what was said, by rank."""
    store = TCPStore("127.0.0.1", 0, is_master=True, wait_for_workers=False)
    shared = {
        "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(store.port), "WORLD_SIZE": str(count),
        "TORCHELASTIC_USE_AGENT_STORE": "True",
    }  # fmt: skip
    folder.mkdir(parents=True, exist_ok=True)
    said = [folder / f"rank-{rank}.txt" for rank in range(count)]
    running: dict[int, int] = {}
    for rank, file in enumerate(said):
        child = os.fork()
        if child == 0:
            _be_a_child({**shared, "RANK": str(rank), "LOCAL_RANK": str(rank)}, file, work)
        running[child] = rank
    codes = _ended(running)
    return [(codes[rank], file.read_text("utf-8")) for rank, file in enumerate(said)]


def _be_a_child(variables: dict[str, str], file: Path, work: Callable[[], object]) -> None:
    code = 1
    try:
        os.environ.update(variables)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        stream = file.open("w", encoding="utf-8", buffering=1)
        for number in (1, 2):
            os.dup2(stream.fileno(), number)
        sys.stdout = sys.stderr = stream
        work()
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(code)


def _ended(running: dict[int, int]) -> dict[int, int]:
    """Give each child's code by its value; one that fails ends those that wait for it."""
    codes: dict[int, int] = {}
    end = time.monotonic() + LIMIT
    while running:
        for child in list(running):
            found, status = os.waitpid(child, os.WNOHANG)
            if found:
                code = codes[running.pop(child)] = os.waitstatus_to_exitcode(status)
                if code:
                    end = min(end, time.monotonic() + GRACE)
        if time.monotonic() > end:
            for child in running:
                os.kill(child, signal.SIGKILL)
        time.sleep(0.01)
    return codes
