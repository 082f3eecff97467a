"""Lines are read by the compiled loops as orjson reads them, or left to it."""

from __future__ import annotations

import gzip
import itertools
import random
import unicodedata
from pathlib import Path

import numpy as np
import orjson
import pytest

from mind_core import zstd_frames
from mind_core.errors import BadRecord
from mind_core.output import write_records
from mind_core.records import decode
from mind_core.stream import Batch
from mind_core.testing import ODD_TEXTS
from mind_dedup import plain_batches
from mind_dedup.char_folding import TABLE_SIZE, composing
from mind_dedup.fingerprint_batch import FingerprintBatch
from mind_dedup.input_size import expected_bytes
from mind_dedup.json_lines import scan_lines
from mind_dedup.signatures.minhash import MinHash

PLAIN = [
    b'{"text":""}',
    b' {"id": 7 ,\t"text" : "a" , "source":"s"}\r',
    b'{"id":"\xe4\xb8\xad","text":"\\u4e2d\\n\\ud842\\udfb7\\/\\"\\\\\\b\\f\\r\\t","source":null}',
    b'{"id":true,"text":"a","metadata":{"a":[{},[],[[]],{"b":{"c":[1,-0.5e-3,null]}}],"d":"\\u00e9"}}',
    b'{"a":0,"b":-1.25,"c":1E+5,"id":null,"text":"\xf0\xa0\xae\xb7\xf4\x8f\xbf\xbf","z":false}',
    b'{"id":{"a":1},"source":["s"],"text":"12345678\\"1234567"}',
    b'{"id":123456789012345678,"text":"e\xcc\x81","source":"\xe5\x8d\x97"}',
    b'{"text":"a","texts":"b","idx":1,"sources":2,"tex":3,"sourcf":4,"ie":5}',
]
LEFT_TO_ORJSON = [
    b'{"id":-1,"text":"a"}',
    b'{"id":1.5,"text":"a"}',
    b'{"id":1234567890123456789,"text":"a"}',
    b'{"id":"a\\n","text":"a"}',
    b'{"id":1,"id":2,"text":"a"}',
    b'{"text":"a","text":"b"}',
    b'{"te\\u0078t":"a"}',
    b'{"text":"a","source":"\\u0061"}',
    b'{"text":"a","b":1e300}',
    b'{"text":"a","b":' + b"[" * 61 + b"]" * 61 + b"}",
]
WRONG = [
    b"{", b"[]", b'"a"', b"1", b"null", b'{"text":"a"', b'{"text":"a"}}', b'{"text":"a"} x',
    b'{"text":"a",}', b'{"text":}', b"{text:1}", b'{"text":"a" "b":1}', b'{"text":"a","b":[1,]}',
    b'{"text":"a","b":[1 2]}', b'{"text":"a","b":{"c"}}', b'{"text":"a","b":01}',
    b'{"text":"a","b":1.}', b'{"text":"a","b":.5}', b'{"text":"a","b":-}', b'{"text":"a","b":+1}',
    b'{"text":"a","b":1e}', b'{"text":"a","b":trust}', b'{"text":"a","b":falsify}',
    b'{"text":"a","b":nul}', b'{"text":"a","b":NaN}', b'{"text":"a\tb"}', b'{"text":"\x00"}',
    b'{"text":"\\x"}', b'{"text":"\\u12g4"}', b'{"text":"\\ud800"}', b'{"text":"\\udc00"}',
    b'{"text":"\\ud800\\u0041"}', b'{"text":"\xff"}', b'{"text":"\xc0\x80"}',
    b'{"text":"\xe0\x80\x80"}',
    b'{"text":"\xed\xa0\x80"}', b'{"text":"\xf4\x90\x80\x80"}', b'{"text":"\xf0\x80\x80\x80"}',
    b'{"text":"\xe4\xb8"}', b'{"text":"\xe4', b'{"text":"\x80"}',
    b'{"text":"a","b":[}', b'{"text":"a","b":{]}',
    b'{"text":7}', b'{"id":1}', b'{"text":null}', b'\x0b{"text":"a"}', b"\xef\xbb\xbf{}",
]  # fmt: skip


PIECES = [
    b"", b'"', b"\\", b"{", b"}", b"[", b"]", b",", b":", b"0", b"e", b"-", b"\\u", b" ",
    b"\xe4\xb8\xad", b"\xcc\x81", b'"text"',
]  # fmt: skip


def same(batch: Batch) -> bool:
    """Say whether a batch is read by the loops; fail if they read anything else than orjson."""
    scanned = scan_lines(batch.data, "unknown")
    if scanned is None:
        return False
    records = [decode(line, "") for _, line in batch.lines()]
    assert list(scanned.lines) == [line for _, line in batch.lines()]
    offsets = scanned.texts.offsets.tolist()
    texts = [bytes(scanned.texts.data[a:b]) for a, b in itertools.pairwise(offsets)]
    assert texts == [record["text"].encode() for record in records]
    fast = FingerprintBatch(MinHash())(batch)
    plain = FingerprintBatch(MinHash())._one_by_one(batch)
    assert (fast.records_in, fast.bytes_in) == (plain.records_in, plain.bytes_in)
    for name in ("ids", "sources", "lines"):
        assert list(getattr(fast.payload, name)) == list(getattr(plain.payload, name)), name
    for name in ("keys", "key_ends", "sets", "set_ends"):
        assert (getattr(fast.payload, name) == getattr(plain.payload, name)).all(), name
    return True


def test_plain_lines_are_read() -> None:
    for line in PLAIN:
        assert same(Batch("test", 1, line)), line
    assert same(Batch("test", 5, b"\n\n".join([*PLAIN, b" \t", *PLAIN])))
    long = [{"id": i, "text": text * 50, "source": f"s{i % 7}"} for i, text in enumerate(ODD_TEXTS)]
    lines = [orjson.dumps(record) for record in long]
    assert same(Batch("test", 1, b"\n".join(lines) + b"\n"))


@pytest.mark.parametrize("line", LEFT_TO_ORJSON, ids=lambda line: line[:30].decode())
def test_odd_lines_are_left_to_orjson(line: bytes) -> None:
    assert type(decode(line, "")) is dict
    for data in (line, line + b"\n", PLAIN[0] + b"\n" + line):
        assert scan_lines(data, "unknown") is None


@pytest.mark.parametrize("line", WRONG, ids=repr)
def test_wrong_lines_are_left_to_orjson(line: bytes) -> None:
    assert scan_lines(line, "unknown") is None
    assert scan_lines(PLAIN[0] + b"\n" + line + b"\n" + PLAIN[1], "unknown") is None


def test_whatever_is_read_is_read_as_orjson_reads_it() -> None:
    chance = random.Random(11)
    read = 0
    for _ in range(3000):
        line = bytearray(chance.choice(4 * PLAIN + LEFT_TO_ORJSON + WRONG))
        for _ in range(chance.choice([0, 1, 1, 2, 5])):
            place = chance.randrange(len(line) + 1)
            piece = chance.choice([*PIECES, bytes([chance.randrange(256)])])
            line[place : place + chance.randrange(2)] = piece
        if same(Batch("test", 1, bytes(line))):
            read += 1
    assert 200 < read < 2800


def test_a_text_without_composing_characters_is_in_composed_form() -> None:
    table = composing()
    for code in range(0x110000):
        character = chr(code)
        flagged = bool(table[min(code, TABLE_SIZE - 1)])
        changes = unicodedata.normalize("NFC", character) != character
        assert flagged or not (changes or unicodedata.combining(character)), hex(code)
        parts = unicodedata.decomposition(character).split()
        if parts and not parts[0].startswith("<"):
            assert all(table[int(part, 16)] for part in parts[1:]), hex(code)
    assert 1000 < np.count_nonzero(table) < 20_000


def test_the_loops_and_python_write_the_same_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mind_dedup.cli import app

    texts = [*ODD_TEXTS, *ODD_TEXTS, "e\u0301 " * 20, "é " * 20, "中文" * 30, "中文" * 30]
    lines = [orjson.dumps({"text": text, "source": "a"}) for text in texts]
    lines[3:3] = [b"", b" \t", b"{not json", b'{"id":"x\\u0041","text":"odd"}', lines[0] + b"\r"]
    (tmp_path / "in.jsonl").write_bytes(b"\n".join(lines))
    (tmp_path / "good.jsonl").write_bytes(b"\n".join(line for line in lines if line[:2] != b"{n"))
    wrote = {}
    for reader in ("loops", "python"):
        out, lost = tmp_path / f"{reader}.jsonl", tmp_path / f"{reader}.rejects"
        for name in ("in", "good"):
            app(
                [str(tmp_path / f"{name}.jsonl"), "-o", str(out), "-z", "0", "-q", "--allow",
                 "--rejects", str(lost), "--skip-bad", "1"],
                standalone_mode=False,
            )  # fmt: skip
            wrote[reader, name] = out.read_bytes(), lost.read_bytes()
        # Nothing is plain from here on, so that every line becomes a record.
        monkeypatch.setattr(plain_batches, "scan_lines", lambda *_: None)
    assert wrote["loops", "in"] == wrote["python", "in"]
    assert wrote["loops", "good"] == wrote["python", "good"]


def test_a_bad_record_is_named_by_its_line() -> None:
    batch = Batch("file", 3, b'{"text":"a"}\n\n{"text":7}\n')
    with pytest.raises(BadRecord, match="file:5"):
        outcome = FingerprintBatch(MinHash())(batch)
        raise outcome.bad[0][0]


def test_what_a_packed_input_holds_is_told_from_its_start(tmp_path: Path) -> None:
    """The table is made for as many keys: half of them would be entered twice."""
    texts = [" ".join(f"w{i * j % 977}" for j in range(200)) for i in range(4000)]
    write_records(tmp_path / "in.jsonl.zst", [{"text": text} for text in texts])
    lines = b"".join(orjson.dumps({"text": text}) + b"\n" for text in texts)
    plain = len(lines)
    assert (tmp_path / "in.jsonl.zst").stat().st_size * 3 < plain
    found = expected_bytes([str(tmp_path / "in.jsonl.zst")])
    assert 0.8 * plain < found < 1.25 * plain
    (tmp_path / "in.jsonl.gz").write_bytes(gzip.compress(lines, 1))
    assert 0.8 * plain < expected_bytes([str(tmp_path / "in.jsonl.gz")]) < 1.25 * plain
    (tmp_path / "bad.jsonl.zst").write_bytes(zstd_frames.MAGIC + b"\xff" * 100)
    assert expected_bytes([str(tmp_path / "bad.jsonl.zst"), "-", "missing"]) < 1_000_000
