"""Inputs that are no plain files, streams with nothing to score, and runs that only check."""

from __future__ import annotations

import json
import os
import sys
import threading
from pathlib import Path

import pytest

from mind_core import Record
from mind_core.chats import ChatFormat
from mind_core.records import encode
from mind_core.runner import StreamOptions
from mind_core.testing import run_tool
from mind_sft_select.reading import read_stream

ONE_THREAD = {"OMP_NUM_THREADS": "1"}


@pytest.fixture(scope="module")
def source(made_instructions: list[Record], tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("in") / "in.jsonl"
    path.write_bytes(b"".join(map(encode, made_instructions)))
    return path


def fed(path: Path, data: bytes) -> Path:
    """Make a named pipe that can be read once."""
    os.mkfifo(path)
    threading.Thread(target=path.write_bytes, args=(data,), daemon=True).start()
    return path


@pytest.mark.skipif(sys.platform == "win32", reason="there are no named pipes")
def test_a_pipe_is_read_twice_and_errors_name_it(
    model_folder: Path, source: Path, tmp_path: Path
) -> None:
    arguments: list[str | Path] = ["--model", model_folder, "--quantile", "0.2,0.8", "-z", "0"]
    whole = run_tool("mind-sft-select", [*arguments, source], environment=ONE_THREAD)
    pipe = fed(tmp_path / "pipe", source.read_bytes())
    piped = run_tool("mind-sft-select", [*arguments, pipe], environment=ONE_THREAD)
    assert piped.code == 0, piped.stderr
    assert piped.stdout == whole.stdout != b""
    bad = fed(tmp_path / "bad", source.read_bytes() + b"{}\n")
    done = run_tool("mind-sft-select", [*arguments, bad], environment=ONE_THREAD)
    assert done.code == 1
    assert f"{bad}:25: a field is missing" in done.stderr


def test_an_empty_stream_is_no_error(model_folder: Path, tmp_path: Path) -> None:
    (tmp_path / "in.jsonl").write_text("\n\n\n\n")
    summary = tmp_path / "s.json"
    done = run_tool(
        "mind-sft-select",
        ["--model", model_folder, "--mark", "--clusters", "2", "--max", "3", "--summary", summary,
         tmp_path / "in.jsonl"],
        environment=ONE_THREAD,
    )  # fmt: skip
    assert done.code == 0, done.stderr
    assert "0 in, 0 kept" in done.stderr and "warning" not in done.stderr
    assert json.loads(summary.read_text())["details"]["model"]["context"] == 96


def test_a_stream_of_which_nothing_fits_says_so(model_folder: Path) -> None:
    long = [{"instruction": "x", "input": "", "output": f"{n} " + "水。" * 300} for n in range(5)]
    done = run_tool(
        "mind-sft-select",
        ["--model", model_folder, "--reference-entropy", "3"],
        long,
        environment=ONE_THREAD,
    )
    assert done.code == 0, done.stderr
    assert (
        "warning: none of 5 was scored: 5 too_long for the context of 96 tokens; "
        "--set entropy.long=cut scores what fits"
    ) in done.stderr


@pytest.mark.parametrize(
    ("what", "message"),
    [("input", "cannot read"), ("model", "no complete checkpoint"), ("reference", "cannot read")],
)
def test_a_dry_run_finds_what_is_not_there(
    model_folder: Path, source: Path, what: str, message: str, tmp_path: Path
) -> None:
    files = {"input": source, "model": model_folder, "reference": source}
    files[what] = tmp_path / "nowhere"
    done = run_tool(
        "mind-sft-select",
        ["-n", "--model", files["model"], "--reference", files["reference"], files["input"]],
        environment=ONE_THREAD,
    )
    assert done.code == 1 and message in done.stderr and "nowhere" in done.stderr
    assert not done.stdout


def test_a_dry_run_prints_the_plan(model_folder: Path, source: Path) -> None:
    arguments = ["-n", "--model", model_folder, "--reference", source, "--max", "3", source]
    done = run_tool("mind-sft-select", arguments, environment=ONE_THREAD)
    assert done.code == 0, done.stderr
    assert b"max = 3" in done.stdout and b'scorer = "entropy"' in done.stdout
    bare = run_tool("mind-sft-select", ["-n", "--quantile", "0,1"], environment=ONE_THREAD)
    assert bare.code == 2 and "no model was named" in bare.stderr


def test_the_line_of_read_names_layouts_reasons_and_changes(tmp_path: Path) -> None:
    turns = [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]
    source = tmp_path / "in.jsonl"
    source.write_bytes(b"".join(map(encode, [
        {"messages": [*turns, turns[0]]},
        {"messages": [turns[1], *turns]},
        {"instruction": "### Instruction:\nWhy?", "output": "### Response:\nSo."},
    ])))  # fmt: skip
    options = StreamOptions((str(source),), tmp_path / "out.zst", quiet=True, progress=False)
    assert read_stream(ChatFormat(), options).note == (
        "2 messages, 1 alpaca; rejected 1 role_order; 1 template_residue, 1 unanswered_tail"
    )
