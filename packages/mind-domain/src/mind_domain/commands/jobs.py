"""What answer and distil may be asked for as jobs."""

from __future__ import annotations

from pathlib import Path

from mind_core.errors import UsageError
from mind_core.stream_command import SharedOptions
from mind_core.tasks.options import TaskOptions


def job_of(shared: SharedOptions, log: Path | None) -> TaskOptions | None:
    """Return the options of the job that --into asks for, or none.

    Raises `UsageError` for `--log` with it, as each task keeps its own, and for `-j` without.
    """
    job = shared.job()
    if job is None and shared.stream.jobs > 1:
        raise UsageError("-j goes with --into", hint="--concurrency N asks a server N at once")
    if job is not None and log is not None:
        raise UsageError(
            "--log does not go with --into", hint="the folder keeps a log for each task"
        )
    return job
