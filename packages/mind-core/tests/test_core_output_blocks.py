"""Blocks into frames: chunks of one size, whatever came how; flushed, and nothing twice."""

from __future__ import annotations

import io
import os
import sys
from pathlib import Path

import pytest
import zstandard

from mind_core import output as outputs
from mind_core.direct import write_directly
from mind_core.files import atomic_file, atomic_folder
from mind_core.output import FILE_LEVEL, PLAIN, Output
from mind_core.stdout import ReservedStdout, reserved_stdout


class Watched(io.BytesIO):
    """A file that notes the sizes of what it is given, and how much was flushed."""

    def __init__(self) -> None:
        super().__init__()
        self.sizes: list[int] = []
        self.flushed = 0

    def write(self, data: object) -> int:
        self.sizes.append(len(memoryview(data)))  # type: ignore[arg-type]
        return super().write(data)  # type: ignore[arg-type]

    def flush(self) -> None:
        self.flushed = len(self.getvalue())


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outputs, "_CHUNK", 10)


def test_plain_blocks_go_on_in_chunks_at_once(small: None) -> None:
    file = Watched()
    out = Output(file, PLAIN)
    out.write(b"123456789")
    assert (file.sizes, out.bytes) == ([], 9), "less than a chunk waits"
    out.write(b"0")
    assert (file.sizes, file.flushed, out.bytes) == ([10], 10, 10), "a whole one does not"
    out.write_all([b"a" * 13, b"", b"b" * 12])
    assert (file.sizes, file.flushed, out.bytes) == ([10, 10, 10], 30, 35)
    out.close()
    assert file.getvalue() == b"1234567890" + b"a" * 13 + b"b" * 12
    assert (file.sizes, file.flushed) == ([10, 10, 10, 5], 35)
    out.close()
    assert file.sizes == [10, 10, 10, 5], "nothing is written twice"


@pytest.mark.parametrize("cuts", [(1,), (9, 1), (10,), (3, 11, 26), (100,)])
def test_a_frame_depends_on_its_content_alone(cuts: tuple[int, ...], small: None) -> None:
    data = bytes(range(100)) * 2
    fed: list[bytes] = []
    file = Watched()
    out = Output(file, FILE_LEVEL)
    real = out._frame
    assert real is not None

    class Frame:
        def compress(self, chunk: bytes | memoryview) -> bytes:
            fed.append(bytes(chunk))
            return real.compress(chunk)

        def flush(self) -> bytes:
            return real.flush()

    out._frame = Frame()  # type: ignore[assignment]
    start, turn = 0, 0
    while start < len(data):
        size = cuts[turn % len(cuts)]
        out.write(data[start : start + size])
        start, turn = start + size, turn + 1
    out.close()
    assert [len(chunk) for chunk in fed[:20]] == [10] * 20 and b"".join(fed) == data
    assert file.flushed == len(file.getvalue())
    found = zstandard.ZstdDecompressor().decompressobj().decompress(file.getvalue())
    assert found == data and out.bytes == 200


def test_what_is_written_directly_is_there_before_the_file_is_closed(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    try:
        for file in write_directly(Path(f"/dev/fd/{writing}"), False):
            file.write(b"first\n")
            file.flush()
            assert os.read(reading, 99) == b"first\n"
            file.write(b"second\n")
        assert os.read(reading, 99) == b"second\n"
    finally:
        os.close(reading)
        os.close(writing)


def test_what_printed_before_comes_first_and_records_after_it(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    before = os.fdopen(os.dup(1), "w")
    monkeypatch.setattr(sys, "stdout", before)
    before.write("before ")
    with reserved_stdout() as own:
        own.write(b"records ")
        own.flush()
    sys.stdout.write("after")
    sys.stdout.flush()
    assert capfd.readouterr().out == "before records after"


def test_what_passes_python_by_goes_to_stderr_and_stdout_comes_back(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with open(1, "w", closefd=False) as before:
        monkeypatch.setattr(sys, "stdout", before)
        before.write("before ")
        with reserved_stdout() as own:
            assert isinstance(sys.stdout, ReservedStdout)
            os.write(1, b"from a library ")
            own.write(b"records ")
            with pytest.raises(RuntimeError, match="printed to stdout"):
                print("from a component")
        assert sys.stdout is before
        os.write(1, b"after")
    found = capfd.readouterr()
    assert (found.out, found.err) == ("before records after", "from a library ")


def test_a_failed_file_or_folder_leaves_nothing_behind(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="stop"), atomic_file(tmp_path / "file") as file:
        file.write(b"half")
        raise ValueError("stop")
    with pytest.raises(ValueError, match="stop"), atomic_folder(tmp_path / "folder") as folder:
        (folder / "half").write_bytes(b"half")
        raise ValueError("stop")
    assert list(tmp_path.iterdir()) == []
    with atomic_file(tmp_path / "file") as file:
        file.write(b"whole")
    with atomic_folder(tmp_path / "folder") as folder:
        (folder / "whole").write_bytes(b"whole")
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["file", "folder", "whole"]
