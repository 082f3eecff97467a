"""Ranks as torchrun starts them, but as forks of this process: no rank imports torch anew.

They meet at a store that the parent keeps, which is what torchrun's agent does. That torchrun
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

from torch.distributed import TCPStore

LIMIT = 240.0
"""Seconds after which ranks that have not ended are killed."""

GRACE = 20.0
"""Seconds that the others have to end once one rank has failed."""


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
            _be_a_rank({**shared, "RANK": str(rank), "LOCAL_RANK": str(rank)}, file, work)
        running[child] = rank
    codes = _ended(running)
    return [(codes[rank], file.read_text("utf-8")) for rank, file in enumerate(said)]


def _be_a_rank(variables: dict[str, str], file: Path, work: Callable[[], object]) -> None:
    code = 1
    try:
        os.environ.update(variables)
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
    """Wait for the ranks, by process id; kill those that wait for one that has failed."""
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
