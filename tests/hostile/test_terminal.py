"""Ids, sources and names of files that would steer a terminal are shown as escapes."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from mind_core.errors import MindError
from mind_core.render.terminal import align_columns, printable, printable_line
from mind_core.testing import ToolResult, run_tool

TITLE, CLEAR, C1, BIDI = "\x1b]0;owned\x07", "\x1b[2J", "\x9b2J", "\u202egnp.exe"
STEERING = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
EVIL = f"a{TITLE}{CLEAR}{C1}{BIDI}\r"


def test_controls_are_escapes_and_all_else_stays() -> None:
    assert printable("中文\ttext\n—é🙂") == "中文\ttext\n—é🙂"
    assert printable(f"a{CLEAR}") == r"a\x1b[2J"
    assert printable("\u202e\u2066\r\x85") == r"\u202e\u2066\x0d\u0085"
    assert printable_line("a\nb\t") == r"a\nb\t"
    assert not STEERING.search(printable("".join(map(chr, range(0x2100)))))


def test_cells_of_tables_are_one_line_without_controls() -> None:
    lines = align_columns([["set", "n"], [EVIL + "\n\u202e", "1"]], 1)
    assert len(lines) == 2 and not any(map(STEERING.search, "".join(lines)))


def shown(result: ToolResult) -> str:
    return result.stderr + result.stdout.decode("utf-8", "replace")


@pytest.mark.hostile("text that steers a terminal")
@pytest.mark.parametrize(
    ("tool", "arguments", "record"),
    [
        ("mind-clean", ["-q", "-z", "0", "--step", "blocks"], {"id": EVIL}),
        ("mind-clean", ["-q", "-o", "/dev/null", "--step", EVIL], {"id": "a", "text": "x"}),
        ("mind-clean", ["-q", EVIL], {}),
        ("mind-dedup", ["-q", "-o", "/dev/null", "--set", f"x.y={EVIL}"], {"id": "a", "text": "x"}),
        ("mind-dedup", [f"no{EVIL}"], {}),
        ("mind-tok", ["inspect", EVIL], {}),
        ("mind-eval", ["run", "--model", EVIL, "--suite", "none"], {}),
        ("mind-train", ["sample", EVIL], {}),
        ("mind-sft-select", ["--recipe", EVIL], {}),
        ("mind-domain", ["label", EVIL], {}),
    ],
    ids=range(10),
)
def test_a_message_steers_no_terminal(
    tmp_path: Path, tool: str, arguments: list[str], record: dict[str, str]
) -> None:
    line = (json.dumps(record) + "\n").encode()
    result = run_tool(tool, arguments, line, folder=tmp_path)
    assert result.code in (1, 2), result.stderr
    assert not STEERING.search(shown(result)), repr(shown(result))


@pytest.mark.hostile("text that steers a terminal")
def test_ids_in_the_message_of_a_guard_steer_no_terminal(tmp_path: Path) -> None:
    line = json.dumps({"id": EVIL, "source": EVIL, "text": "one and the same long text " * 9})
    result = run_tool("mind-dedup", ["-q"], (line + "\n").encode() * 200, folder=tmp_path)
    assert result.code == 3, result.stderr
    assert not STEERING.search(result.stderr), repr(result.stderr)


def test_an_error_of_several_lines_keeps_them() -> None:
    error = MindError("what", cause="why", hint="how")
    assert printable("\n".join(error.lines("tool"))).count("\n") == 2
