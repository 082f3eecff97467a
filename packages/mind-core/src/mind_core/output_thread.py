"""Compress and write in a thread of its own: with workers, one process would do all of it else."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable

_WAITING = 8
"""Chunks of 1 MiB that may wait."""

Chunk = bytes | memoryview


class ChunkThread:
    """Hand chunks to a function in their order, in a thread; raise what goes wrong there.

    For regular files: what waits for a reader could not be stopped. The thread begins with the
    first chunk, so that worker processes are made before there is one.
    """

    def __init__(self, write: Callable[[Chunk], None]) -> None:
        self._call = write
        # Bounded: a disk that is slower than the tool holds the tool up, not the memory.
        self._queue: queue.Queue[Chunk | None] = queue.Queue(_WAITING)
        self._thread: threading.Thread | None = None
        self._error: BaseException | None = None

    @property
    def is_running(self) -> bool:
        """Say whether there is a thread."""
        return self._thread is not None

    def put(self, chunk: Chunk) -> None:
        """Let a chunk wait for its turn; raise what went wrong with one before."""
        self._raise()
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="output", daemon=True)
            self._thread.start()
        self._queue.put(chunk)

    def finish(self) -> None:
        """Return when all chunks are written; raise what went wrong."""
        self.stop()
        self._raise()

    def stop(self) -> None:
        """End the thread after what waits."""
        if self._thread is not None:
            self._queue.put(None)
            self._thread.join()
            self._thread = None

    def _run(self) -> None:
        while (chunk := self._queue.get()) is not None:
            # After an error chunks are taken and dropped, so that `put` never waits for a dead
            # thread.
            if self._error is None:
                try:
                    self._call(chunk)
                except BaseException as error:
                    self._error = error

    def _raise(self) -> None:
        if self._error is not None:
            raise self._error
