"""What two processes hand to each other: large objects through shared memory, their sizes by pipe.

A pipe holds a tenth of a batch: two processes would wait for each other all the way through one.
"""

from __future__ import annotations

import mmap
import pickle
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

SLOT_BYTES = 1 << 22
"""Bytes of one slot in shared memory, taken as they are used."""

SLOTS = 2


@dataclass
class Channel:
    """One end of a channel between two processes: requests one way, answers in order the other.

    There may be `depth` requests without an answer: then each slot of the shared memory was read
    before it is written to again. What does not fit goes through the pipe, and nothing else may be
    under way then, so that neither side can wait for the other for ever.
    """

    connection: Connection
    out: tuple[mmap.mmap, ...] = ()
    into: tuple[mmap.mmap, ...] = ()
    sent: int = 0
    received: int = 0

    @property
    def depth(self) -> int:
        """Return how many requests may be without an answer."""
        return len(self.out) or 1

    def fits(self, data: bytes) -> bool:
        """Return whether `data` goes through shared memory."""
        return len(self.out) > 0 and len(data) <= SLOT_BYTES

    def send(self, data: bytes) -> None:
        """Hand over what `packed` made; raise `OSError` if the other side is gone."""
        if self.fits(data):
            # Slots take turns: while one is read the other can be written.
            self.out[self.sent % SLOTS][: len(data)] = data
            self.connection.send_bytes(len(data).to_bytes(8, "little"))
        else:
            # An empty message says that the object itself comes through the pipe.
            self.connection.send_bytes(b"")
            self.connection.send_bytes(data)
        self.sent += 1

    def receive(self) -> Any:
        """Return what the other side sent; raise `EOFError` or `OSError` if it is gone."""
        # These are bytes of our own process or of its worker over a private way.
        if size := self.connection.recv_bytes():
            with memoryview(self.into[self.received % SLOTS]) as view:
                item = pickle.loads(view[: int.from_bytes(size, "little")])
        else:
            item = pickle.loads(self.connection.recv_bytes())
        self.received += 1
        return item


def packed(item: Any) -> bytes:
    """Return an object as bytes."""
    return pickle.dumps(item, pickle.HIGHEST_PROTOCOL)


def unpacked(data: bytes) -> Any:
    """Return the object of bytes that this process or its parent packed; never those of a file."""
    return pickle.loads(data)


def channel_pair(context: Any) -> tuple[Channel, Channel]:
    """Return both ends, for the parent and for a worker of a multiprocessing context."""
    ours, theirs = context.Pipe()
    if context.get_start_method() != "fork":  # only a forked process shares memory by itself
        return Channel(ours), Channel(theirs)
    # Anonymous memory that a forked worker inherits: no name, and nothing to remove after a kill.
    one = tuple(mmap.mmap(-1, SLOT_BYTES) for _ in range(SLOTS))
    other = tuple(mmap.mmap(-1, SLOT_BYTES) for _ in range(SLOTS))
    return Channel(ours, one, other), Channel(theirs, other, one)
