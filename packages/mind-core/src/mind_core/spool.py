"""Lines that wait on disk between two passes over a stream."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from types import TracebackType

from mind_core.direct import full_disk_hint
from mind_core.errors import MindError
from mind_core.output import PIPE_LEVEL, Output
from mind_core.stream import Batch, batches_of


class Spool:
    """Take lines once, give them back once.

    The file lies in the system's folder for temporary files (TMPDIR moves it), compressed. It has
    no name there, so that nothing is left behind, not even by a kill.
    """

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile(prefix="mind-")  # noqa: SIM115 - closed on exit
        self._output = Output(self._file, PIPE_LEVEL)

    def __enter__(self) -> Spool:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._file.close()

    def write_all(self, blocks: Sequence[bytes]) -> None:
        """Take whole lines in several pieces; raise `MindError` if the disk is full."""
        try:
            self._output.write_all(blocks)
        except OSError as error:
            raise _cannot_wait(error) from error

    def batches(self, name: str) -> Iterator[Batch]:
        """Yield the lines in batches, at positions of the given name."""
        try:
            # An open frame has no end, and reading it would fail as if it were cut.
            self._output.close()
        except OSError as error:
            raise _cannot_wait(error) from error
        self._file.seek(0)
        yield from batches_of(self._file, name)


def _cannot_wait(error: OSError) -> MindError:
    return MindError(
        f"cannot write to {tempfile.gettempdir()}, where records wait for the second pass",
        cause=error.strerror,
        hint=f"{full_disk_hint(error)}; TMPDIR=/another/folder lets them wait elsewhere",
    )
