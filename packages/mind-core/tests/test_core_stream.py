"""Streams: every way in which an input can be right or wrong has one outcome."""

import gzip
import io
import subprocess
import sys
from pathlib import Path

import orjson
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from mind_core import stream, zstd_frames
from mind_core.errors import BadRecord, MindError
from mind_core.output import open_output, write_records
from mind_core.records import Record, decode
from mind_core.stream import Batch, read_batches, read_records
from mind_core.zstd_frames import TruncatedStream, decompress

RECORDS: list[Record] = [{"id": str(i), "text": "春江潮水连海平 river " * i} for i in range(300)]


def frame(data: bytes, *, level: int = 3, checksum: bool = True, size: bool = True) -> bytes:
    return zstandard.ZstdCompressor(
        level=level, write_checksum=checksum, write_content_size=size
    ).compress(data)


def lines(records: list[Record]) -> bytes:
    return b"".join(orjson.dumps(r) + b"\n" for r in records)


def put(folder: Path, data: bytes, name: str = "in") -> Path:
    path = folder / name
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("level", [0, 1, 3, 19])
def test_what_is_written_is_read(tmp_path: Path, level: int) -> None:
    path = tmp_path / "out"
    assert write_records(path, RECORDS, level=level) == 300
    assert list(read_records([path])) == RECORDS


def test_the_zstd_command_line_agrees(tmp_path: Path) -> None:
    path = tmp_path / "out.zst"
    write_records(path, RECORDS)
    data = zstandard.ZstdDecompressor().stream_reader(io.BytesIO(path.read_bytes())).read()
    assert data == lines(RECORDS)
    assert zstandard.get_frame_parameters(path.read_bytes()).has_checksum


@pytest.mark.parametrize("wrap", [frame, gzip.compress, bytes], ids=["zstd", "gzip", "plain"])
def test_three_formats_are_told_apart_by_their_bytes(tmp_path: Path, wrap) -> None:
    assert list(read_records([put(tmp_path, wrap(lines(RECORDS)))])) == RECORDS


@pytest.mark.parametrize("wrap", [frame, gzip.compress, bytes], ids=["zstd", "gzip", "plain"])
def test_joined_files_are_read_whole(tmp_path: Path, wrap) -> None:
    joined = wrap(lines(RECORDS[:100])) + wrap(lines(RECORDS[100:]))
    assert list(read_records([put(tmp_path, joined)])) == RECORDS


def test_a_line_may_cross_frames(tmp_path: Path) -> None:
    data = lines(RECORDS)
    cut = len(data) // 2 + 3
    assert list(read_records([put(tmp_path, frame(data[:cut]) + frame(data[cut:]))])) == RECORDS


def test_skippable_frames_are_skipped(tmp_path: Path) -> None:
    skip = (0x184D2A53).to_bytes(4, "little") + (5).to_bytes(4, "little") + b"hello"
    data = skip + frame(lines(RECORDS[:2])) + skip + frame(lines(RECORDS[2:]))
    assert list(read_records([put(tmp_path, data)])) == RECORDS


def test_an_empty_stream_is_an_empty_frame(tmp_path: Path) -> None:
    path = tmp_path / "out"
    write_records(path, [])
    assert path.stat().st_size > 0
    assert list(read_records([path])) == []


@pytest.mark.parametrize("wrap", [frame, gzip.compress], ids=["zstd", "gzip"])
def test_every_cut_is_noticed(tmp_path: Path, wrap) -> None:
    whole = wrap(lines(RECORDS[:40]))
    for cut in range(4, len(whole)):
        with pytest.raises(TruncatedStream, match="ends inside"):
            list(read_records([put(tmp_path, whole[:cut])]))


def test_a_cut_second_frame_is_noticed(tmp_path: Path) -> None:
    first = frame(lines(RECORDS[:20]))
    second = frame(lines(RECORDS[20:]))
    for cut in (1, 3, 4, 5, 9, len(second) - 1):
        with pytest.raises(TruncatedStream):
            list(read_records([put(tmp_path, first + second[:cut])]))


def test_a_flipped_byte_is_noticed(tmp_path: Path) -> None:
    whole = bytearray(frame(lines(RECORDS)))
    whole[len(whole) // 2] ^= 0x40
    with pytest.raises(MindError, match="damaged|ends inside|other bytes"):
        list(read_records([put(tmp_path, bytes(whole))]))


def test_other_bytes_after_a_frame_are_noticed(tmp_path: Path) -> None:
    with pytest.raises(MindError, match="other bytes follow"):
        list(read_records([put(tmp_path, frame(lines(RECORDS)) + b'{"id":"x"}\n')]))


@pytest.mark.parametrize("data", [b"", b"\n"], ids=["nothing", "a blank line"])
def test_zero_bytes_are_no_stream_but_a_blank_line_is(tmp_path: Path, data: bytes) -> None:
    path = put(tmp_path, data)
    if data:
        assert list(read_records([path])) == []
    else:
        with pytest.raises(MindError, match="no input at all"):
            list(read_records([path]))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(MindError, match="cannot read .*nowhere"):
        list(read_records([tmp_path / "nowhere"]))


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b'{"id":', "not_json"),
        (b"[1]", "not_an_object"),
        (b'"text"', "not_an_object"),
        (b'{"text":"\xff\xfe"}', "broken_utf8"),
        (b'{"text":"\xed\xa0\x80"}', "broken_utf8"),
        (b'{"a":\x00}', "not_json"),
        (b'{"a":NaN}', "not_json"),
        (b'\xef\xbb\xbf{"a":1}', "not_json"),
    ],
)
def test_a_bad_line_is_named_by_position_and_reason(
    tmp_path: Path, line: bytes, reason: str
) -> None:
    path = put(tmp_path, b'{"id":"1"}\n\n' + line + b"\n")
    with pytest.raises(BadRecord) as caught:
        list(read_records([path]))
    assert caught.value.reason == reason
    assert f"{path}:3:" in str(caught.value)
    assert caught.value.hint is not None


def test_the_quote_of_a_bad_line_is_short_and_printable() -> None:
    with pytest.raises(BadRecord) as caught:
        decode(b"\x1b[31m" + "恶".encode() * 1000, "x:1")
    assert caught.value.cause is not None
    assert "\x1b" not in caught.value.cause and len(caught.value.cause) < 200


def test_crlf_bom_and_a_missing_last_line_feed_are_accepted(tmp_path: Path) -> None:
    data = b'\xef\xbb\xbf{"id":"1"}\r\n\r\n{"id":"2"}'
    assert list(read_records([put(tmp_path, data)])) == [{"id": "1"}, {"id": "2"}]


def test_nul_and_line_separators_inside_strings_pass_exactly(tmp_path: Path) -> None:
    record = {"id": "1", "text": "a\u0000b\u2028c\u0085d\u000be"}
    path = tmp_path / "out"
    write_records(path, [record])
    assert list(read_records([path])) == [record]


def test_a_line_of_64_mb_passes_and_a_longer_one_is_refused(tmp_path: Path) -> None:
    long_line = b'{"text":"' + b"a" * (64_000_000 - 12) + b'"}\n'
    path = put(tmp_path, frame(b'{"text":"b"}\n' + long_line, level=1))
    assert [len(r["text"]) for r in read_records([path])] == [1, 64_000_000 - 12]
    too_long = frame(b'{"text":"b"}\n{"text":"' + b"a" * stream.LINE_LIMIT, level=1)
    with pytest.raises(BadRecord, match=":2: the line is longer"):
        list(read_records([put(tmp_path, too_long)]))


def with_window(log: int) -> bytes:
    parameters = zstandard.ZstdCompressionParameters(window_log=log)
    wide = zstandard.ZstdCompressor(compression_params=parameters).compressobj()
    return wide.compress(lines(RECORDS)) + wide.flush()


def test_the_widest_window_of_the_command_line_is_read(tmp_path: Path) -> None:
    """`zstd --long=27`, which needs no flag to be decompressed."""
    assert list(read_records([put(tmp_path, with_window(27))])) == RECORDS


def test_a_wide_window_is_refused(tmp_path: Path) -> None:
    data = with_window(28)
    with pytest.raises(MindError, match="window of 256 MiB") as caught:
        list(read_records([put(tmp_path, data)]))
    assert "--long" in str(caught.value.hint)


BOMB_PROGRAM = """
import resource, sys
from mind_core.stream import read_records
from mind_core.errors import MindError
resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30))
try:
    list(read_records([sys.argv[1]]))
except MindError as error:
    print(error)
"""


@pytest.mark.parametrize("kind", ["zstd", "gzip"])
def test_a_bomb_cannot_take_the_memory(tmp_path: Path, kind: str) -> None:
    """A small file that inflates to one endless line ends in an error, within 1 GiB of memory."""
    if kind == "zstd":
        bomb = frame(b"0" * (1 << 17), checksum=False, size=False)
        header, block = bomb[:6], bytes([0x02 | 0, 0, 0x10]) + b"0"
        last = bytes([0x03, 0, 0x10]) + b"0"
        data = header + block * 65_535 + last
    else:
        compressor = __import__("zlib").compressobj(9, wbits=31)
        data = b"".join(compressor.compress(b"0" * (1 << 20)) for _ in range(200))
        data += compressor.flush()
    path = put(tmp_path, data)
    done = subprocess.run(
        [sys.executable, "-c", BOMB_PROGRAM, str(path)], capture_output=True, text=True, check=False
    )
    assert "the line is longer than the limit" in done.stdout, done.stderr


def test_a_line_over_the_limit_is_one_bad_record(monkeypatch: pytest.MonkeyPatch) -> None:
    """What stands before and after it keeps its number, wherever the chunks are cut."""
    monkeypatch.setattr(stream, "LINE_LIMIT", 50)
    lines = [b'{"id":"a"}', b'{"id":"' + b"b" * 120 + b'"}', b'{"id":"c"}', b"d" * 90]
    for size in (1, 7, 49, 64):
        data = b"\n".join(lines)
        chunks = [data[at : at + size] for at in range(0, len(data), size)]
        found = [
            (number, line)
            for first, block in stream._whole_lines(chunks, 30)
            for number, line in Batch("x", first, block).lines()
        ]
        assert [number for number, _ in found] == [1, 2, 3, 4], size
        assert found[0][1] == lines[0] and found[2][1] == lines[2], size
        for number, line in (found[1], found[3]):
            with pytest.raises(BadRecord, match=f"x:{number}: the line is longer") as told:
                decode(line, f"x:{number}")
            assert told.value.reason == "line_too_long"


def test_decompression_comes_in_small_pieces() -> None:
    data = frame(b"0" * (50 << 20), checksum=True)
    pieces = [len(piece) for piece in decompress(io.BytesIO(data), "x")]
    assert sum(pieces) == 50 << 20
    assert max(pieces) <= zstd_frames.BLOCKS_AT_ONCE << 17


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.binary(min_size=0, max_size=4000), max_size=6),
    st.integers(1, 12),
    st.booleans(),
    st.booleans(),
)
def test_any_content_in_any_frames_comes_back(
    parts: list[bytes], level: int, checksum: bool, size: bool
) -> None:
    data = b"".join(frame(p, level=level, checksum=checksum, size=size) for p in parts)
    assert b"".join(decompress(io.BytesIO(data), "x")) == b"".join(parts)


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.text(alphabet="ab\u4e2d\r", max_size=30), min_size=1, max_size=30),
    st.integers(1, 50),
    st.booleans(),
)
def test_batches_hold_whole_lines_with_their_numbers(
    texts: list[str], batch_bytes: int, ends: bool
) -> None:
    data = "\n".join(texts).encode() + (b"\n" if ends else b"")
    if not data:
        return
    path = Path("/dev/shm") if Path("/dev/shm").exists() else Path("/tmp")
    file = path / "mind-core-batches"
    file.write_bytes(data)
    found = [
        (number, line)
        for batch in read_batches([file], batch_bytes=batch_bytes)
        for number, line in batch.lines()
    ]
    file.unlink()
    expected = [(i, t.encode()) for i, t in enumerate(texts, 1) if t and not t.encode().isspace()]
    assert found == expected


def test_a_failed_output_leaves_nothing(tmp_path: Path) -> None:
    path = tmp_path / "out.zst"
    with pytest.raises(RuntimeError), open_output(path) as output:
        output.write(b"{}\n" * 1000)
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []


def test_the_same_bytes_however_the_blocks_arrive(tmp_path: Path) -> None:
    data = lines(RECORDS) * 40
    for name, step in (("a", 7_001), ("b", 1 << 20), ("c", len(data))):
        with open_output(tmp_path / name) as output:
            for start in range(0, len(data), step):
                output.write(data[start : start + step])
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    assert (tmp_path / "a").read_bytes() == (tmp_path / "c").read_bytes()


MEMORY_PROGRAM = """
import re, sys
from pathlib import Path
from mind_core.stream import read_records
def peak():
    # Not ru_maxrss: a child begins with the peak of the process that it was forked from.
    return int(re.search(r"VmHWM:\\s*(\\d+)", Path("/proc/self/status").read_text())[1])
before = peak()
count = sum(1 for _ in HOLD(read_records([sys.argv[1]])))
print(count, peak() - before)
"""


def test_reading_a_large_stream_takes_little_memory(tmp_path: Path) -> None:
    """In a process of its own; and the measure is proved on one that holds all records."""
    if not Path("/proc/self/status").exists():
        pytest.skip("needs /proc")
    path = put(tmp_path, frame(lines([{"text": "x" * 1000}] * 60_000), level=1))

    def grown(hold: str) -> int:
        done = subprocess.run(
            [sys.executable, "-c", MEMORY_PROGRAM.replace("HOLD", hold), str(path)],
            capture_output=True,
            text=True,
            check=True,
        )
        count, kib = map(int, done.stdout.split())
        assert count == 60_000
        return kib

    assert grown("list") > 60_000
    assert grown("iter") < 20_000
