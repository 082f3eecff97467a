"""The former name of `mind_core.runner`."""

from mind_core.runner import (
    ALL,
    Pass,
    StreamOptions,
    check_stream,
    run_passes,
)
from mind_core.runner import BatchResult as Outcome
from mind_core.runner import run_stream as run_flow

__all__ = ["ALL", "Outcome", "Pass", "StreamOptions", "check_stream", "run_flow", "run_passes"]
