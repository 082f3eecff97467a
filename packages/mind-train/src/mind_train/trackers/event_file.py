"""TensorBoard event files without TensorBoard: a scalar is a few bytes of protobuf in a TFRecord.

Written anew at each start, as readers merge the files of a folder by step. A file of a run that
goes on begins with a mark, at which TensorBoard forgets what it has of that step and later ones.
"""

from __future__ import annotations

import struct
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mind_train.hookspecs import TrackedRun
from mind_train.trackers.tracking import scalars

_POLYNOMIAL = 0x82F63B78  # CRC-32C, reflected


def _table() -> list[int]:
    rows = []
    for byte in range(256):
        crc = byte
        for _ in range(8):
            crc = crc >> 1 ^ (_POLYNOMIAL if crc & 1 else 0)
        rows.append(crc)
    return rows


_CRC = _table()


def masked_crc(data: bytes) -> int:
    """Compute the masked CRC-32C that TFRecords carry."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc = crc >> 8 ^ _CRC[(crc ^ byte) & 255]
    crc ^= 0xFFFFFFFF
    # TFRecord's mask: a checksum of data that holds checksums would be weak.
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


def _varint(number: int) -> bytes:
    out = b""
    # Protobuf's variable length: seven bits a byte, the high bit says that more follow.
    while number > 127:
        out += bytes([number & 127 | 128])
        number >>= 7
    return out + bytes([number])


def _field(number: int, data: bytes) -> bytes:
    # Wire type 2: a length, then as many bytes.
    return _varint(number << 3 | 2) + _varint(len(data)) + data


class EventFile:
    """Append events to one file of a folder; ``step`` is the first that it will hold."""

    def __init__(self, folder: Path, step: int = 0) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.path = folder / f"events.out.tfevents.{time.time_ns()}.mind-train"
        self._write(_field(3, b"brain.Event:2"), 0)
        if step:
            self._write(_field(7, b"\x08\x01"), step)  # session_log: START

    def add(self, line: Mapping[str, Any]) -> None:
        """Write one metrics line as one event."""
        values = b"".join(
            # Summary.Value: tag is field 1, simple_value field 2 as a float of 32 bits (0x15).
            _field(1, _field(1, name.encode()) + b"\x15" + struct.pack("<f", value))
            for name, value in scalars(line)
        )
        self._write(_field(5, values), int(line["step"]))

    def _write(self, content: bytes, step: int) -> None:
        # Event: wall_time is field 1 (0x09, a double), step field 2 (0x10, a varint).
        event = b"\x09" + struct.pack("<d", time.time()) + b"\x10" + _varint(step) + content
        size = struct.pack("<Q", len(event))
        record = (
            size + struct.pack("<I", masked_crc(size)) + event
            + struct.pack("<I", masked_crc(event))
        )  # fmt: skip
        with self.path.open("ab") as file:
            file.write(record)


FOLDER = "tensorboard"


@dataclass
class TensorBoard:
    """Write event files into the folder ``tensorboard`` of the run; needs no package."""

    _file: EventFile | None = field(default=None, init=False, repr=False)

    def start(self, run: TrackedRun) -> None:
        """Begin a file; of a run that goes on, at the step after the last one done."""
        self._file = EventFile(run.folder / FOLDER, run.step + 1 if run.step else 0)

    def log(self, line: Mapping[str, Any]) -> None:
        """Write one line's numbers as one event."""
        assert self._file is not None
        self._file.add(line)

    def finish(self) -> None:
        """End; each event was written when it came."""
        self._file = None
