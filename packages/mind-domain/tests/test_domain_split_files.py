"""The files of a split: bad lines by position, and no half of a split that failed."""

import json
from collections import Counter
from pathlib import Path

import pytest

from mind_core import Record
from mind_core.files import sha256_file
from mind_core.output import write_records
from mind_core.stream import read_records
from mind_core.testing import run_tool


def labelled(number: int) -> Record:
    day = f"2015-0{8 + number % 2}-0{1 + number % 5}"
    noted = {
        "label": ("rise", "fall")[number // 2 % 2],
        "story": f"s{number}",
        "published": f"{day}T10:00:00+00:00",
        "until": f"{day}",
    }
    return {"id": f"r{number}", "text": "x", "metadata": {"mind": {"domain": noted}}}


RECORDS = [labelled(n) for n in range(12)]
ARGUMENTS = ["split", "in.zst", "--date", "2015-09-01", "--near-copies", "0", "-o", "sides"]


def test_bad_lines_are_named_counted_and_rejected(tmp_path: Path) -> None:
    write_records(tmp_path / "in.zst", [*RECORDS[:2], {"id": "x", "text": "y"}, *RECORDS[2:]])
    done = run_tool("mind-domain", ARGUMENTS, folder=tmp_path)
    assert done.code == 1
    assert "in.zst:3: " in done.stderr and "no label" in done.stderr
    assert "label it first: `mind-domain label …`" in done.stderr
    more = ["--skip-bad", "1", "--rejects", "no", "--summary", "s.json", "--no-balance"]
    done = run_tool("mind-domain", [*ARGUMENTS, *more, "--train-size", "5"], folder=tmp_path)
    assert done.code == 0, done.stderr
    assert "; train: " in done.stderr
    summary = json.loads((tmp_path / "s.json").read_text())
    assert (summary["in"], summary["kept"], summary["bad"]) == (13, 11, {"missing_field": 1})
    first, second = (r["metadata"]["mind"]["rejected"] for r in read_records([tmp_path / "no"]))
    assert (first["step"], first["position"]) == ("read", "in.zst:3")
    assert second["step"] == "split"
    assert len(list(read_records([tmp_path / "sides" / "train.jsonl.zst"]))) == 5


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no device that is always full")
@pytest.mark.parametrize("what", ["--rejects", "--summary"])
def test_what_fails_beside_a_split_leaves_neither_side(what: str, tmp_path: Path) -> None:
    write_records(tmp_path / "in.zst", RECORDS)
    done = run_tool("mind-domain", [*ARGUMENTS, what, "/dev/full"], folder=tmp_path)
    assert done.code == 1, done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["in.zst"]


@pytest.mark.parametrize("what", ["--rejects", "--summary"])
def test_no_output_is_the_input(what: str, tmp_path: Path) -> None:
    write_records(tmp_path / "in.zst", RECORDS)
    done = run_tool("mind-domain", [*ARGUMENTS, what, "in.zst"], folder=tmp_path)
    assert done.code == 2, done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["in.zst"]


def test_the_manifest_says_what_the_sides_are(tmp_path: Path) -> None:
    write_records(tmp_path / "in.zst", RECORDS)
    done = run_tool("mind-domain", ARGUMENTS, folder=tmp_path)
    assert done.code == 0, done.stderr
    folder = tmp_path / "sides"
    manifest = json.loads((folder / "manifest.json").read_text())
    assert manifest["format"] == "mind-domain-split"
    assert {path.name for path in folder.iterdir()} == {
        "train.jsonl.zst", "test.jsonl.zst", "test-balanced.jsonl.zst", "manifest.json"
    }  # fmt: skip
    for side in manifest["sides"].values():
        path = folder / side["file"]
        records = list(read_records([path]))
        noted = [r["metadata"]["mind"]["domain"] for r in records]
        assert side["sha256"] == sha256_file(path)
        assert side["records"] == len(records)
        assert side["classes"] == Counter(one["label"] for one in noted)
        assert side["class_shares"] == {
            name: pytest.approx(n / len(records), abs=1e-6) for name, n in side["classes"].items()
        }
        assert side["published"] == [
            edge(one["published"][:10] for one in noted) for edge in (min, max)
        ]
        assert side["days"] == len({one["published"][:10] for one in noted})
        assert side["clusters"] == len(records)  # none is noted here, so each is its own
    assert len(set(manifest["sides"]["test-balanced"]["classes"].values())) == 1
    again = run_tool("mind-domain", ARGUMENTS, folder=tmp_path)
    assert (again.code, "exists and is complete" in again.stderr) == (1, True)
