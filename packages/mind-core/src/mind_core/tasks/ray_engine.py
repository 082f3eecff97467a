"""Tasks by Ray: it places them, and runs again what a dying worker or node lost."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from mind_core.errors import MindError
from mind_core.parallel import PackedWork
from mind_core.tasks.engines import AttemptResult, Execute, attempted

if TYPE_CHECKING:
    from types import ModuleType

_RETRIES = 3
"""How often Ray begins a task again whose worker or node died; without end for lost nodes alone
would hide a task that kills its worker."""

_WAITING = 2
"""Tasks that wait in Ray for each that can run, so that no core is idle between two."""

_unpacked: dict[bytes, Execute] = {}
"""In a worker of Ray: the work of the last job."""


class RayEngine:
    """Begin tasks on a cluster. Every node must see the files of the job by the same paths."""

    def __init__(self, address: str | None, cores: int, execute: Execute) -> None:
        self.ray = _ray()
        self.address, self.cores = address, cores
        self.execute = execute
        self._running: dict[Any, int] = {}

    def __enter__(self) -> RayEngine:
        """Connect to a cluster, or start Ray on this machine."""
        # Else Ray takes the accelerators from the sight of tasks that ask for none by number.
        os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
        try:
            self.ray.init(
                address=self.address,
                log_to_driver=False,
                configure_logging=False,
                include_dashboard=False,
            )
        except (ConnectionError, RuntimeError, ValueError) as error:
            raise MindError(
                f"cannot connect to Ray at {self.address}",
                cause=error,
                hint="`ray start --head` starts one; --address auto finds it",
            ) from None
        remote = self.ray.remote(num_cpus=self.cores, max_retries=_RETRIES)
        self._remote: Callable[..., Any] = remote(_do).remote
        # Once into Ray's store, and not along with each task.
        self._work = self.ray.put(PackedWork.pack(self.execute))
        total = int(self.ray.cluster_resources().get("CPU", 1))
        self._most = _WAITING * max(1, total // self.cores)
        return self

    def __exit__(self, *error: object) -> None:
        """Let go of the cluster; what still runs is cancelled."""
        # By force: a task that is cancelled leaves an attempt behind, and no result.
        for reference in self._running:
            self.ray.cancel(reference, force=True)
        self.ray.shutdown()

    def has_room(self) -> bool:
        """Return whether the cluster should be given another task."""
        return len(self._running) < self._most

    def begin(self, task: int) -> None:
        """Give a task to Ray."""
        self._running[self._remote(self._work, task)] = task

    def wait(self, seconds: float) -> list[AttemptResult]:
        """Return how the tasks of the job that have ended on the cluster ended."""
        ready, _ = self.ray.wait(list(self._running), num_returns=1, timeout=seconds)
        return [self._ended(reference) for reference in ready]

    def _ended(self, reference: Any) -> AttemptResult:
        task = self._running.pop(reference)
        try:
            ended: AttemptResult = self.ray.get(reference)
        except self.ray.exceptions.RayError as error:
            first = str(error).strip().splitlines()
            return AttemptResult(
                task,
                MindError(
                    f"Ray lost the task: {type(error).__name__}",
                    cause=first[0] if first else None,
                    hint="look at the logs of Ray; memory may have run out",
                ),
            )
        return ended


def _do(work: PackedWork, task: int) -> AttemptResult:
    """Do a task in a worker of Ray."""
    execute = _unpacked.get(work.work)
    if execute is None:
        # A worker of Ray outlives a job; the work of the last one would stay in its memory.
        _unpacked.clear()
        execute = _unpacked[work.work] = work.unpack()
    return attempted(execute, task)


def _ray() -> ModuleType:
    try:
        import ray
    except ImportError as error:
        raise MindError(
            "the engine ray is not installed", cause=error, hint="pip install 'mind-core[ray]'"
        ) from None
    module: ModuleType = ray
    return module
