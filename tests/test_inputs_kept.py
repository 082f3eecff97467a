"""No command writes over what it reads, and what it drops is for its owner alone."""

from pathlib import Path

import pytest

from mind_core.testing import run_tool

FOLDER, FILE = "is a file of the input folder", "is input and output"


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("mind-train plot run -o run/metrics.jsonl", FOLDER),
        ("mind-eval report run -o run/scores.json", FOLDER),
        ("mind-eval report run other -o other/scores.json", FOLDER),
        ("mind-eval forgetting run other -o run/scores.json", FOLDER),
        ("mind-tok inspect -t run text.jsonl --plot run/manifest.json", FOLDER),
        ("mind-tok inspect -t run text.jsonl --plot text.jsonl", FILE),
        ("mind-domain elo text.jsonl --plot text.jsonl", FILE),
        ("mind-domain elo text.jsonl -o text.jsonl", FILE),
        ("mind-domain score --model run text.jsonl -o text.jsonl", FILE),
        ("mind-domain score --model run text.jsonl -o run/metrics.jsonl", FOLDER),
        ("mind-tok decode run -o run/manifest.json", FOLDER),
        ("mind-dedup --benchmark prices.csv --report prices.csv text.jsonl -o a.jsonl", FILE),
        ("mind-domain label text.jsonl --prices prices.csv -o prices.csv", FILE),
        ("mind-sft-select fit text.jsonl -o text.jsonl", FILE),
        ("mind-sft-select reference --model run --text text.jsonl -o text.jsonl", FILE),
    ],
)
def test_a_command_does_not_write_over_what_it_reads(
    command: str, message: str, tmp_path: Path
) -> None:
    for folder in ("run", "other"):
        (tmp_path / folder).mkdir()
        for name in ("metrics.jsonl", "scores.json", "manifest.json"):
            (tmp_path / folder / name).write_text("{}\n")
    (tmp_path / "prices.csv").write_text("code,date,open,close\n600000,2020-01-02,1,1\n")
    (tmp_path / "text.jsonl").write_text('{"text": "a"}\n')
    before = {path: path.read_bytes() for path in tmp_path.rglob("*.*")}
    tool, *arguments = command.split()
    done = run_tool(tool, arguments, folder=tmp_path)
    assert (done.code, message in done.stderr) == (2, True), done.stderr
    assert {path: path.read_bytes() for path in tmp_path.rglob("*.*")} == before


def test_a_value_longer_than_a_name_can_be_is_no_file() -> None:
    # `Path.is_file` fails at it: "the system refused".
    value = "a" * 300
    done = run_tool("mind-clean", ["--step", "script", "--set", f"script.keep={value}", "-n"])
    assert done.code == 2 and "the system refused" not in done.stderr, done.stderr


def test_rejects_of_a_job_are_for_their_owner_alone(tmp_path: Path) -> None:
    (tmp_path / "text.jsonl").write_text('{"id": "a", "text": "x"}\n')
    arguments = ["-q", "text.jsonl", "--into", "job"]  # a recipe of several passes
    done = run_tool("mind-clean", arguments, folder=tmp_path)
    assert done.code == 0, done.stderr
    modes = {path.parent.name: path.stat().st_mode & 0o077 for path in tmp_path.rglob("*.zst")}
    assert modes["rejects"] == 0 and modes["output"] != 0
