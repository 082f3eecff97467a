"""Write streams of records: one zstd frame, closed on success only."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Protocol, TypeAlias

import zstandard

from mind_core.direct import descriptor_of, is_direct
from mind_core.errors import UsageError
from mind_core.files import atomic_file, source_files
from mind_core.formats.names import compression_of, table_kind
from mind_core.formats.table_output import TableOutput, check_table
from mind_core.output_thread import ChunkThread
from mind_core.records import Record, encode
from mind_core.stdout import reserved_stdout
from mind_core.stream import widen_pipe

PIPE_LEVEL = 1
FILE_LEVEL = 3
PLAIN = 0

_CHUNK = 1 << 20
_LEVELS = {"gzip": 6, "bzip2": 9, "xz": 6}
"""What the commands of these names take by default."""


class Compressor(Protocol):
    """What compresses a stream in pieces."""

    def compress(self, data: bytes | memoryview, /) -> bytes:
        """Take content; return what is ready of its compressed form."""

    def flush(self) -> bytes:
        """Return the rest, with what closes the stream."""


class Output:
    """Take blocks of lines and compress them into one frame or stream with a checksum.

    The compressor is fed in chunks of a fixed size, so that the bytes depend on the content alone,
    not on how it arrived.
    """

    def __init__(
        self, file: BinaryIO, level: int, compression: str = "zstd", *, threaded: bool = False
    ) -> None:
        self.file = file
        self.bytes = 0
        self._waiting: list[bytes] = []
        self._size = 0
        self._frame = _compressor(compression, level) if level != PLAIN else None
        self.thread = ChunkThread(self._compress) if threaded else None

    def write(self, block: bytes) -> None:
        """Take whole lines of records, to be compressed into the output."""
        self.write_all((block,))

    def write_all(self, blocks: Sequence[bytes]) -> None:
        """Take whole lines in several pieces, which are put together once."""
        self._waiting += blocks
        size = sum(map(len, blocks))
        self._size += size
        self.bytes += size
        if self._size >= _CHUNK:
            data = b"".join(self._waiting)
            # Whole chunks alone: zstd's output depends on how its input is divided, and that must
            # not depend on the number of workers.
            cut = len(data) - len(data) % _CHUNK
            view = memoryview(data)
            for start in range(0, cut, _CHUNK):
                self._pass_on(view[start : start + _CHUNK])
            self._waiting, self._size = [data[cut:]], len(data) - cut

    def close(self) -> None:
        """Finish the frame. Only success may call this: an open frame tells of failure."""
        self._pass_on(b"".join(self._waiting))
        self._waiting, self._size = [], 0
        if self.thread is not None:
            # What waits there belongs into the frame before its end.
            self.thread.finish()
        if self._frame is not None:
            self.file.write(self._frame.flush())
        self.file.flush()

    def stop(self) -> None:
        """End the thread, if there is one; nothing is written to the file any more."""
        if self.thread is not None:
            self.thread.stop()

    def _pass_on(self, data: bytes | memoryview) -> None:
        if self.thread is not None:
            self.thread.put(data)
        else:
            self._compress(data)

    def _compress(self, data: bytes | memoryview) -> None:
        out = self._frame.compress(data) if self._frame is not None else data
        if out:
            self.file.write(out)
            # Plain lines are for a person or a tool that looks at once; a compressor has its own
            # buffer.
            if self._frame is None:
                self.file.flush()


AnyOutput: TypeAlias = Output | TableOutput


@contextmanager
def open_output(
    path: str | Path | None = None,
    level: int | None = None,
    *,
    side: bool = False,
    threaded: bool = False,
) -> Iterator[AnyOutput]:
    """Open a stream of records for writing: a file, or stdout for None, "-" or `/dev/stdout`.

    `level` is a zstd level, 0 for plain JSONL; by default 3 into a file, 1 into a pipe, plain to a
    terminal. A name that ends in .gz, .bz2 or .xz is compressed so, one in .parquet, .csv or .tsv
    is a table. A file appears under its name only if the block succeeds; a pipe's frame is closed
    only then. Nothing else in this process can write to stdout while it carries records. A `side`
    output (rejects) is for its owner alone, and it is an error if its reader goes away. With
    `threaded`, a file is compressed and written in a thread of its own: the bytes are the same.
    """
    if not side and is_stdout(path):
        level = stdout_level() if level is None else level
        with reserved_stdout() as stdout:
            records = Output(stdout, level)
            widen_pipe(stdout)
            yield records
            records.close()
        return
    assert path is not None
    check_format(path, level)
    with atomic_file(path, private=side, reader_may_leave=not side) as file:
        output = _output_to(file, path, level, threaded and not is_direct(path))
        try:
            yield output
            output.close()
        finally:
            if isinstance(output, Output):
                output.stop()


def check_format(path: str | Path, level: int | None) -> None:
    """Raise `MindError` for a format, chosen by the name of an output, that cannot be written."""
    if (kind := table_kind(path)) and compression_of(path):
        raise UsageError(f"{path}: a table is written uncompressed", hint="or as x.parquet")
    if kind:
        check_table(path, kind, level)
        return
    compression = compression_of(path) or "zstd"
    if Path(Path(path).stem).suffix.lower() == ".parquet":
        raise UsageError(
            f"{path}: a Parquet file is compressed inside",
            hint=f"{Path(path).stem.removesuffix('.parquet')}{Path(path).suffix}.parquet",
        )
    if compression != "zstd" and level is not None and not 1 <= level <= 9:
        raise UsageError(
            f"{path} is {compression} by its name, which has no level {level}", hint="-z 1 to 9"
        )


def _output_to(file: BinaryIO, path: str | Path, level: int | None, threaded: bool) -> AnyOutput:
    if kind := table_kind(path):
        return TableOutput(file, path, kind, level)
    compression = compression_of(path) or "zstd"
    if level is None and compression != "zstd":
        level = _LEVELS[compression]
    elif level is None:
        level = PIPE_LEVEL if is_direct(path) else FILE_LEVEL
    return Output(file, level, compression, threaded=threaded and level != PLAIN)


def _compressor(compression: str, level: int) -> Compressor:
    match compression:
        case "gzip":
            import zlib

            # 31 is 15 bits of window and a gzip header, whose time is 0: the same bytes at any
            # time.
            return zlib.compressobj(level, wbits=31)
        case "bzip2":
            import bz2

            return bz2.BZ2Compressor(level)
        case "xz":
            import lzma

            return lzma.LZMACompressor(check=lzma.CHECK_CRC64, preset=level)
    # The checksum lets a reader notice damage that still parses.
    return zstandard.ZstdCompressor(level=level, write_checksum=True).compressobj()


def write_records(
    path: str | Path | None, records: Iterable[Record], *, level: int | None = None
) -> int:
    """Write records to a file or stdout; return how many."""
    count = 0
    with open_output(path, level) as output:
        for record in records:
            output.write(encode(record))
            count += 1
    return count


def check_distinct(inputs: Sequence[str | Path], *paths: str | Path | None) -> None:
    """Raise `UsageError` if two outputs are one file, or an output is an input, by any name.

    The recipe and the plugin files of this run are inputs too, and so is what a folder holds but
    for pages and pictures, which are made anew. Only the first output may be "-", which is stdout.
    """
    given = [path for path in paths if path is not None]
    if any(str(path) == "-" for path in paths[1:]):
        raise UsageError(
            "rejects and summaries do not go to stdout", hint="give a file; stdout is records"
        )
    sources = [*(inputs or ["-"]), *source_files()]
    # By inode, as a link, a hard link and /dev/fd/N are names of the same file.
    read = {_identity(0 if str(item) == "-" else item, is_input=True) for item in sources}
    taken: set[object] = set()
    for path in given:
        identity = _identity(1 if str(path) == "-" else path)
        name = "stdout" if str(path) == "-" else path
        if identity is None:
            continue
        if identity in read:
            raise UsageError(f"{name} is input and output", hint="give the output another name")
        if holder := _folder_of(path, sources):
            raise UsageError(
                f"{name} is a file of the input folder {holder}",
                hint="give the output another name: it would take the place of what is read",
            )
        if identity in taken:
            raise UsageError(
                f"two outputs have the same name: {path}", hint="give each its own file"
            )
        taken.add(identity)


MADE_ANEW = frozenset({".svg", ".html", ".png", ".pdf", ".md"})
"""Suffixes of pages and pictures: no tool reads them, so they may stand in a folder that is read,
and be written again."""


def _folder_of(output: str | Path, sources: Sequence[str | Path]) -> str | Path | None:
    """Return the input folder whose file an output would replace."""
    path = Path(os.path.realpath(output))
    if not path.is_file() or path.suffix.lower() in MADE_ANEW:
        return None
    for item in sources:
        if Path(item).is_dir() and path.is_relative_to(os.path.realpath(item)):
            return item
    return None


def is_stdout(path: str | Path | None) -> bool:
    """Return whether records written to this path go to stdout."""
    return path is None or str(path) == "-" or descriptor_of(path) == 1


def _identity(item: str | Path | int, *, is_input: bool = False) -> object:
    """Return what is the same for all names of a file; None for what many may share."""
    try:
        found = os.stat(item)  # noqa: PTH116 - a descriptor, or a path
    except OSError:
        return None if isinstance(item, int) else os.path.realpath(item)
    # Terminals and /dev/null may be input and output at once; a pipe that is both would wait for
    # itself.
    if stat.S_ISREG(found.st_mode) or (stat.S_ISFIFO(found.st_mode) and not is_input):
        return found.st_dev, found.st_ino
    return None


def stdout_level() -> int:
    """Return the level that suits what stdout is: a terminal, a file or a pipe."""
    if sys.stdout.isatty():
        return PLAIN
    return FILE_LEVEL if stat.S_ISREG(os.fstat(1).st_mode) else PIPE_LEVEL
