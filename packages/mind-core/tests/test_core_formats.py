"""Tables and data set folders come in and go out through the same door as JSON Lines."""

import gzip
import subprocess
import sys
from pathlib import Path
from typing import Any

import orjson
import pytest

from mind_core.chats import read_chat_batches
from mind_core.columns import set_columns
from mind_core.errors import BadRecord, MindError, UsageError
from mind_core.formats.schema import Schema
from mind_core.output import check_format, write_records
from mind_core.records import decode, encode
from mind_core.runner import BatchResult, StreamOptions, run_stream
from mind_core.stream import Batch, check_inputs, read_batches, read_records
from mind_core.summary import Summary

RECORDS: list[dict[str, Any]] = [
    {
        "id": "1",
        "text": "春江潮水连海平，\n海上明月共潮生。",
        "n": 1,
        "metadata": {"a": {"b": [1.5]}},
    },
    {"id": "2", "text": 'a "quoted", line\r\nand\ttabs', "n": 2, "metadata": {"a": {"c": "x"}}},
    {"id": "3", "text": "\u2028 and \0 and 👩‍👩‍👧‍👦", "n": 9007199254740993, "metadata": {}},
    {"id": "4", "text": "x", "extra": [1, "two", None], "list": [{"k": 1}, {}]},
    {"id": "5", "text": " ", "extra": {"open": True}, "list": []},
]


@pytest.fixture(autouse=True)
def no_columns() -> Any:
    yield
    set_columns(None)


def needs(name: str) -> Any:
    return pytest.importorskip(name)


@pytest.mark.parametrize("name", ["o.jsonl.gz", "o.jsonl.bz2", "o.jsonl.xz", "o.zst", "o"])
def test_a_name_chooses_the_compression(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    write_records(path, RECORDS)
    assert list(read_records([path])) == RECORDS
    start = {".gz": b"\x1f\x8b", ".bz2": b"BZh", ".xz": b"\xfd7zXZ"}.get(path.suffix, b"\x28\xb5")
    assert path.read_bytes().startswith(start)
    again = tmp_path / f"again-{name}"
    write_records(again, RECORDS)
    assert again.read_bytes() == path.read_bytes()


@pytest.mark.parametrize("name", ["o.parquet", "o.snappy.parquet", "o.gz.parquet"])
def test_parquet_comes_back_as_it_went(tmp_path: Path, name: str) -> None:
    parquet = needs("pyarrow.parquet")
    path = tmp_path / name
    assert write_records(path, RECORDS) == 5
    assert list(read_records([path])) == RECORDS
    codec = parquet.ParquetFile(path).metadata.row_group(0).column(0).compression
    assert codec == {"o": "ZSTD", "o.snappy": "SNAPPY", "o.gz": "GZIP"}[path.stem]


@pytest.mark.parametrize("name", ["o.csv", "o.tsv"])
def test_csv_comes_back_as_text(tmp_path: Path, name: str) -> None:
    write_records(tmp_path / name, RECORDS)
    back = list(read_records([tmp_path / name]))
    assert [record["text"] for record in back] == [record["text"] for record in RECORDS]
    assert [record.get("metadata") for record in back[:3]] == [r["metadata"] for r in RECORDS[:3]]
    assert back[0]["n"] == "1"
    assert back[3]["extra"] == '[1,"two",null]'
    assert "n" not in back[4]


def test_others_read_what_is_written(tmp_path: Path) -> None:
    write_records(tmp_path / "o.parquet", RECORDS)
    write_records(tmp_path / "o.csv", RECORDS)
    texts = [record["text"] for record in RECORDS]
    pandas = needs("pandas")
    assert list(pandas.read_parquet(tmp_path / "o.parquet")["text"]) == texts
    assert list(pandas.read_csv(tmp_path / "o.csv", dtype=str)["text"]) == texts
    duckdb = pytest.importorskip("duckdb")
    found = duckdb.sql(f"select text from '{tmp_path}/o.parquet' order by id").fetchall()
    assert [row[0] for row in found] == texts


def test_a_data_set_of_hugging_face_is_read_and_written(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setenv("HF_DATASETS_OFFLINE", "1")
    monkeypatch.setenv("HF_HOME", str(tmp_path / "home"))
    datasets = needs("datasets")
    rows = [{"id": str(n), "text": f"第{n}段", "tags": ["a"] * n} for n in range(5)]
    made = datasets.Dataset.from_list(rows)
    made.save_to_disk(tmp_path / "saved")
    assert list(read_records([tmp_path / "saved"])) == rows
    datasets.DatasetDict(train=made, test=made).save_to_disk(tmp_path / "dict")
    with pytest.raises(MindError, match="several splits: train, test") as caught:
        check_inputs([tmp_path / "dict"])
    assert str(caught.value.hint).endswith("dict/train")
    assert len(list(read_records([tmp_path / "dict" / "train"]))) == 5
    write_records(tmp_path / "o.parquet", rows)
    back = datasets.Dataset.from_parquet(str(tmp_path / "o.parquet"), cache_dir=str(tmp_path / "c"))
    assert list(back) == rows


def test_a_folder_of_the_hub_is_its_files_in_order(tmp_path: Path) -> None:
    needs("pyarrow")
    (tmp_path / "hub" / "data").mkdir(parents=True)
    (tmp_path / "hub" / "README.md").write_text("---\n")
    for n in (1, 0):
        write_records(tmp_path / f"hub/data/train-0000{n}-of-00002.parquet", [{"id": str(n)}])
    assert [r["id"] for r in read_records([tmp_path / "hub"])] == ["0", "1"]
    write_records(tmp_path / "hub/data/validation-00000-of-00001.parquet", [{"id": "v"}])
    with pytest.raises(MindError, match="several splits: train, validation"):
        list(read_records([tmp_path / "hub"]))
    (tmp_path / "mixed").mkdir()
    for name in ("a.csv", "b.jsonl.gz"):
        write_records(tmp_path / "mixed" / name, [{"id": "1"}])
    with pytest.raises(MindError, match=r"several kinds: \.csv, \.jsonl"):
        list(read_records([tmp_path / "mixed"]))
    (tmp_path / "empty").mkdir()
    with pytest.raises(MindError, match="cannot read") as caught:
        list(read_records([tmp_path / "empty"]))
    assert "empty folder" in str(caught.value.cause)


def test_a_folder_that_names_files_outside_is_refused(tmp_path: Path) -> None:
    (tmp_path / "state.json").write_text('{"_data_files": [{"filename": "../secret.arrow"}]}')
    with pytest.raises(MindError, match="not what `save_to_disk` writes"):
        list(read_records([tmp_path]))


def parquet_file(path: Path, **columns: Any) -> Path:
    pyarrow = needs("pyarrow")
    needs("pyarrow.parquet").write_table(pyarrow.table(columns), path)
    return path


def test_what_json_has_no_word_for(tmp_path: Path) -> None:
    import datetime
    import decimal

    pyarrow = needs("pyarrow")
    when = datetime.datetime(2020, 1, 2, 3, 4, 5, 678901)
    path = parquet_file(
        tmp_path / "in.parquet",
        text=pyarrow.array(["正文".encode()], pyarrow.binary()),
        html=pyarrow.array([b"\xff<p>"], pyarrow.binary()),
        when=pyarrow.array([when], pyarrow.timestamp("ns")),
        day=pyarrow.array([when.date()]),
        price=pyarrow.array([decimal.Decimal("1.50")]),
        counts=pyarrow.array([[("a", 1)]], pyarrow.map_(pyarrow.string(), pyarrow.int64())),
        kind=pyarrow.array(["web"]).dictionary_encode(),
        nested=pyarrow.array([{"a": None, "b": [{"c": when.date()}]}]),
        nothing=pyarrow.nulls(1),
    )
    assert list(read_records([path])) == [
        {
            "text": "正文", "html_base64": "/zxwPg==", "when": "2020-01-02T03:04:05.678901",
            "day": "2020-01-02", "price": "1.50", "counts": {"a": 1}, "kind": "web",
            "nested": {"b": [{"c": "2020-01-02"}]},
        }
    ]  # fmt: skip


def passed_on(batch: Batch) -> BatchResult:
    result = BatchResult()
    for _, line, record in result.records(batch):
        if isinstance(record.get("text"), str):
            result.keep(line)
    return result


def test_bad_rows_have_their_position_and_are_counted(tmp_path: Path) -> None:
    pyarrow = needs("pyarrow")
    broken = pyarrow.array([b"a", b"\xff", b"c"], pyarrow.binary()).view(pyarrow.string())
    path = parquet_file(tmp_path / "in.parquet", text=broken, score=[float("nan"), 1.0, 2.0])
    with pytest.raises(BadRecord, match=r"in\.parquet:1: a number is not finite") as caught:
        list(read_records([path]))
    assert "column 'score'" in str(caught.value.cause)
    summary = Summary("mind-test")
    rejects = tmp_path / "rejects"
    options = StreamOptions(
        (str(path),), tmp_path / "out", rejects, skip_bad=-1, quiet=True, progress=False
    )
    run_stream(summary, passed_on, options)
    assert summary.kept == 1
    assert summary.bad == {"not_finite": 1, "broken_utf8": 1}
    noted = [record["metadata"]["mind"]["rejected"] for record in read_records([rejects])]
    assert [row["position"].rpartition(":")[2] for row in noted] == ["1", "2"]
    assert orjson.loads(noted[0]["line"].replace("NaN", "0"))["text"] == "a"


def test_rows_of_csv_that_are_none(tmp_path: Path) -> None:
    path = tmp_path / "in.csv"
    path.write_bytes(b"id,text\n1,a\n2,b,c\n3\n4,\xff\xfe\n5,\n")
    found = list(read_batches([path]))
    outcomes = []
    for number, line in found[0].lines():
        try:
            outcomes.append(decode(line, found[0].position(number)))
        except BadRecord as error:
            outcomes.append((error.reason, error.message.split(":")[-2]))
    assert outcomes == [
        {"id": "1", "text": "a"}, ("wrong_columns", "3"), ("wrong_columns", "4"),
        ("broken_utf8", "5"), {"id": "5"},
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"id,id\n1,2\n", "the column 'id' twice"),
        (b"id,\n1,2\n", "a column without a name"),
        ("编号,正文\n1,二\n".encode("gbk"), "not UTF-8"),
        (b'id,text\n1,"open\n', "line 2 is no row"),
        ("id,text\n".encode("utf-16"), "UTF-16"),
    ],
)
def test_tables_that_are_none(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "in.csv").write_bytes(content)
    with pytest.raises(MindError, match=message):
        list(read_records([tmp_path / "in.csv"]))


def test_fields_are_called_as_the_user_says(tmp_path: Path) -> None:
    record = {"content": "正文", "meta": {"key": "k1"}, "id": 7}
    wanted = {"text": "正文", "id": "k1", "meta": {"key": "k1"},
              "metadata": {"mind": {"read": {"id": 7}}}}  # fmt: skip
    lines = tmp_path / "in.jsonl"
    lines.write_bytes(b"\n" + encode(record) + b"no json\n")
    array = tmp_path / "in.json"
    array.write_bytes(orjson.dumps([record]))
    names = [lines, array]
    if _has("pyarrow"):
        names.append(tmp_path / "in.parquet")
        write_records(names[-1], [record])
    set_columns(["text=content", "id=meta.key"])
    for path in names:
        [batch] = read_chat_batches([path])
        number, line = next(batch.lines())
        assert orjson.loads(line) == wanted, path
        assert number == (2 if path == lines else 1)
    assert [line for _, line in next(read_batches([lines])).lines()][1] == b"no json"
    set_columns(["text=contents"])
    with pytest.raises(MindError, match="no column 'contents'") as caught:
        list(read_records(names[2:] or [_csv(tmp_path, record)]))
    assert "did you mean content?" in str(caught.value.hint)


def _csv(folder: Path, record: dict[str, Any]) -> Path:
    write_records(folder / "in.csv", [record])
    return folder / "in.csv"


def _has(name: str) -> bool:
    import importlib.util

    return importlib.util.find_spec(name) is not None


@pytest.mark.parametrize("value", ["text", "=a", "text=", "text=a,text=b", "text=text"])
def test_a_mapping_that_is_none(value: str) -> None:
    with pytest.raises(UsageError, match="--field"):
        set_columns([value])


def test_a_file_given_twice_is_refused(tmp_path: Path) -> None:
    write_records(tmp_path / "a", RECORDS)
    (tmp_path / "b").symlink_to(tmp_path / "a")
    with pytest.raises(UsageError, match="given twice"):
        check_inputs([tmp_path / "a", tmp_path / "b"])


def test_without_pyarrow_it_is_said_what_to_install(tmp_path: Path, monkeypatch: Any) -> None:
    (tmp_path / "in.parquet").write_bytes(b"PAR1" + bytes(20) + b"PAR1")
    for name in ("pyarrow", "pyarrow.parquet"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(MindError, match="needs pyarrow") as caught:
        list(read_records([tmp_path / "in.parquet"]))
    assert "pip install" in str(caught.value.hint)
    with pytest.raises(MindError, match="needs pyarrow"):
        check_format(tmp_path / "out.parquet", None)


def test_a_damaged_parquet_is_told(tmp_path: Path) -> None:
    write_records(tmp_path / "a.parquet", RECORDS) if _has("pyarrow") else needs("pyarrow")
    data = (tmp_path / "a.parquet").read_bytes()
    (tmp_path / "cut.parquet").write_bytes(data[: len(data) // 2])
    with pytest.raises(MindError, match=r"cut\.parquet: damaged Parquet"):
        list(read_records([tmp_path / "cut.parquet"]))


@pytest.mark.parametrize(
    ("name", "level", "message"),
    [
        ("o.arrow", None, "read and not written"), ("o.wet", None, "read and not written"),
        ("o.csv.gz", None, "uncompressed"), ("o.parquet.gz", None, "compressed inside"),
        ("o.jsonl.gz", 0, "no level 0"), ("o.jsonl.xz", 12, "no level 12"),
        ("o.snappy.parquet", 3, "no level of snappy"),
    ],
)  # fmt: skip
def test_outputs_that_cannot_be(name: str, level: int | None, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        check_format(name, level)


def test_a_failed_run_leaves_no_table(tmp_path: Path) -> None:
    from mind_core.output import open_output

    with pytest.raises(RuntimeError), open_output(tmp_path / "o.csv") as output:
        output.write(encode(RECORDS[0]))
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []


def test_texts_of_a_crawl(tmp_path: Path) -> None:
    def part(kind: str, body: bytes, **headers: str) -> bytes:
        lines = [f"WARC-Type: {kind}", f"Content-Length: {len(body)}"]
        lines += [f"{key.replace('_', '-')}: {value}" for key, value in headers.items()]
        return gzip.compress("\r\n".join(["WARC/1.0", *lines]).encode() + b"\r\n\r\n" + body
                             + b"\r\n\r\n")  # fmt: skip

    page = {"WARC_Target_URI": "https://a.cn/", "WARC_Record_ID": "<urn:1>",
            "WARC_Date": "2026-01-01T00:00:00Z"}  # fmt: skip
    path = tmp_path / "CC-MAIN.warc.wet.gz"
    path.write_bytes(part("warcinfo", b"x") + part("conversion", "正文".encode(), **page)
                     + part("conversion", b"\xff", **page))  # fmt: skip
    [batch] = read_batches([path])
    (_, good), (number, bad) = batch.lines()
    assert decode(good, "") == {
        "id": "urn:1", "text": "正文", "source": "wet", "url": "https://a.cn/",
        "created": "2026-01-01T00:00:00Z",
    }  # fmt: skip
    with pytest.raises(BadRecord, match="not valid UTF-8"):
        decode(bad, batch.position(number))
    path.write_bytes(part("response", b"HTTP/1.1 200 OK\r\n\r\n<p>", **page))
    with pytest.raises(MindError, match="holds pages"):
        list(read_batches([path]))


_READING = """
import sys
from mind_core.stream import read_batches
size = sum(len(batch.data) for batch in read_batches([sys.argv[1]]))
with open("/proc/self/status") as status:  # a child's ru_maxrss may be its parent's
    peak = next(line.split()[1] for line in status if line.startswith("VmHWM"))
print(size, int(peak) // 1024)
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads Linux's /proc")
def test_memory_does_not_grow_with_a_row_group(tmp_path: Path) -> None:
    """One row group each: 4 MiB, and 96 MiB."""
    seen = []
    for rows in (1000, 24_000):
        texts = [f"{n:04x}" * 1024 for n in range(rows)]
        path = parquet_file(tmp_path / f"{rows}.parquet", text=texts)
        done = subprocess.run(
            [sys.executable, "-c", _READING, path], capture_output=True, text=True, check=True
        )
        size, peak = map(int, done.stdout.split())
        assert size > rows * 4096
        seen.append(peak)
    assert seen[1] < seen[0] + 64, f"{seen} MiB"


def test_columns_widen_with_what_comes() -> None:
    schema = Schema()
    for record in ({"a": 1, "b": None, "c": {"x": 1}}, {"a": 1.5, "b": "t", "c": {"y": [2]}}):
        schema.see(record)
    assert schema.columns == {"a": "float", "b": "string", "c": {"x": "int", "y": ["list", "int"]}}
    schema.see({"a": 1 << 60})
    assert schema.columns["a"] == "json"
    schema.see({"d": {str(n): n for n in range(201)}})
    schema.see({"d": {"more": 1}})
    assert schema.columns["d"] == "json"
