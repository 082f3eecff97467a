"""Raw rows of data sets: every shape of file, every kind of row, nothing lost."""

import json
from pathlib import Path

import pytest
import zstandard

from mind_core.testing import run_tool

SHARED = Path(__file__).parents[4] / "shared" / "data"
needs_shared = pytest.mark.skipif(not SHARED.is_dir(), reason="the shared data are not here")

ROWS = [
    {"id": "1", "created_at": "Wed Jan 01 03:59:03 +0000 2014", "ticker": "KO", "text": "up"},
    {"created": "2014-01-02T00:00:00", "metadata": {"ticker": "KO", "a": 1}, "text": 'a, b\n"c"'},
    {"time": 1388674799, "code": 1, "content": "三"},
]


def read(folder: Path, name: str, data: bytes, *more: str) -> tuple[int, list[dict], str]:
    (folder / name).write_bytes(data)
    done = run_tool("mind-domain", ["read", name, *more], folder=folder)
    return done.code, done.records if done.code == 0 else [], done.stderr


def test_json_lines_and_a_json_array_are_the_same(tmp_path: Path) -> None:
    lines = "".join(json.dumps(row) + "\n" for row in ROWS).encode()
    _, one, _ = read(tmp_path, "a.jsonl", lines)
    _, other, _ = read(tmp_path, "a.json", json.dumps([ROWS[:1], ROWS[1:]], indent=1).encode())
    _, packed, _ = read(tmp_path, "a.json.zst", zstandard.compress(json.dumps(ROWS).encode()))
    assert one == other == packed
    assert [record["created"] for record in one] == [
        "2013-12-31T22:59:03-05:00", "2014-01-02", "2014-01-02T09:59:59-05:00"
    ]  # fmt: skip
    assert [record["metadata"]["ticker"] for record in one] == ["KO", "KO", 1]
    assert one[1]["metadata"]["a"] == 1
    assert one[1]["metadata"]["time"] == "2014-01-02T00:00:00"
    assert one[2]["text"] == "三"
    assert len({record["id"] for record in one}) == 3


def test_csv_keeps_line_feeds_and_leading_zeros(tmp_path: Path) -> None:
    text = '\ufeffCODE,DATE,text_a,day1\n000001,2021-01-07 18:24:00,"two\nlines, one text",x\n'
    _, records, stderr = read(tmp_path, "a.csv", text.encode(), "--recipe", "finance-cn")
    (record,) = records
    assert record["text"] == "two\nlines, one text"
    assert (record["metadata"]["CODE"], record["metadata"]["ticker"]) == ("000001", "000001")
    assert record["created"] == "2021-01-07T18:24:00+08:00"
    assert record["metadata"]["day1"] == "x"
    assert "1 in, 1 kept" in stderr


def test_fields_by_name(tmp_path: Path) -> None:
    text = "when,who,what\n07.01.2021 18:24,KO,news\n"
    options = ["--time", "when", "--ticker", "who", "--text", "what"]
    code, records, _ = read(
        tmp_path, "a.csv", text.encode(), *options, "--time-format", "%d.%m.%Y %H:%M"
    )
    assert code == 0
    assert records[0]["created"] == "2021-01-07T18:24:00"


@pytest.mark.parametrize(
    ("options", "created"),
    [
        ([], "2021-01-07T18:24:00"),
        (["--set", "finance.exchange=XSHG"], "2021-01-07T18:24:00+08:00"),
        (["--set", "finance.timezone=America/New_York"], "2021-01-07T18:24:00-05:00"),
    ],
)
def test_a_time_without_an_offset_gets_none_that_nobody_named(
    tmp_path: Path, options: list[str], created: str
) -> None:
    data = b'{"text": "a", "created": "2021-01-07 18:24:00", "ticker": "600519"}\n'
    _, records, _ = read(tmp_path, "a.jsonl", data, *options)
    assert records[0]["created"] == created


def test_what_cannot_be_read_has_a_reason(tmp_path: Path) -> None:
    rows = [{"text": " ", "created": "2014-01-02"}, {"text": "a", "created": "soon"}, {"text": "a"}]
    data = "".join(json.dumps(row) + "\n" for row in rows).encode()
    code, records, _ = read(
        tmp_path, "a.jsonl", data, "--summary", "s.json", "--rejects", "r.jsonl", "-z", "0"
    )
    assert (code, records) == (0, [])
    summary = json.loads((tmp_path / "s.json").read_text())
    assert summary["rejected"] == {"read.no_date": 2, "read.no_text": 1}


def test_many_stamps_at_midnight_are_told(tmp_path: Path) -> None:
    def data(midnights: int) -> bytes:
        rows = [
            {"text": str(n), "created": f"2014-01-02T0{n >= midnights:d}:00:00"} for n in range(10)
        ]
        return "".join(json.dumps(row) + "\n" for row in rows).encode()

    assert "exactly midnight" not in read(tmp_path, "a.jsonl", data(2))[2]
    assert "3 of 10 times are exactly midnight" in read(tmp_path, "b.jsonl", data(3))[2]
    _, records, stderr = read(tmp_path, "c.jsonl", data(3), "--midnight", "time")
    assert "exactly midnight" not in stderr
    assert records[0]["created"] == "2014-01-02T00:00:00"


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        ("a.json", b"[1, 2", "begins like a JSON array and is none"),
        ("a.csv", "时间,文本\n".encode("gb18030") * 9, "iconv -f GB18030"),
        ("a.csv", b"a,b\n1,2,3\n", "a.csv:2: more cells than the header has"),
        ("a.csv", b'a,b\n1,"2\n', "is no CSV"),
        ("a.jsonl", b'{"text": "a"', "a.jsonl:1"),
    ],
)
def test_files_that_are_none_of_it(tmp_path: Path, name: str, data: bytes, message: str) -> None:
    code, _, stderr = read(tmp_path, name, data)
    assert (code, message in stderr) == (1, True), stderr


def test_items_that_are_no_objects_are_bad(tmp_path: Path) -> None:
    code, _, stderr = read(tmp_path, "a.json", b'[{"text": "a", "created": "2014-01-02"}, 3]')
    assert (code, "a.json:2" in stderr) == (1, True)
    code, records, _ = read(
        tmp_path, "b.json", b'[{"text": "a", "created": "2014-01-02"}, 3]', "--skip-bad", "1"
    )
    assert (code, len(records)) == (0, 1)


@needs_shared
def test_the_data_sets_as_they_ship(tmp_path: Path) -> None:
    summary = tmp_path / "s.json"

    def kept(*arguments: object) -> int:
        done = run_tool(
            "mind-domain", ["read", *arguments, "-o", tmp_path / "o", "--summary", summary]
        )
        assert done.code == 0, done.stderr
        return int(json.loads(summary.read_text())["kept"])

    finance = SHARED / "finance"
    assert kept(finance / "stocknet" / "tweets.jsonl.zst") == 71_267
    assert kept("--recipe", "finance-cn", finance / "fingpt-maotai" / "maotai.csv") == 15
    alphafin = finance / "alphafin"
    assert (
        kept("--recipe", "finance-cn", alphafin / "news.json.zst", alphafin / "reports.json.zst")
        == 400
    )


@pytest.mark.parametrize(
    ("asked", "text"),
    [
        ("What is the sentiment?\nText: $BBRY lost .03c.\nAnswer:", "$BBRY lost .03c."),
        ("Analyze the sentiment of this statement.\nProfit rose .", "Profit rose ."),
        ("Analyze the sentiment.\nText: no end", ""),
        ("What is the sentiment?", ""),
    ],
)
def test_instructions_of_pixiu_with_and_without_marks(asked: str, text: str) -> None:
    from mind_domain.domains.finance.sentiment import Sentiment

    turns = [{"from": "human", "value": asked}, {"from": "agent", "value": "Neutral"}]
    row = Sentiment().read({"id": "1", "conversations": turns}, "x")
    if not text:
        assert row == "no_text"
    else:
        assert isinstance(row, dict)
        assert (row["text"], row["metadata"]["label"]) == (text, "neutral")
