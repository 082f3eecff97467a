"""Lines of a stream that speak as the tools do among themselves."""

from __future__ import annotations

from pathlib import Path

import pytest

from mind_core.testing import run_tool

LINES = [b'[[],1,"x"]', b'["a","b",5]', b'{"a":1,"b":2,"c":3}', b'"abc"', b'["damaged_record"]',
         b'["not a reason","b","c"]', b'["damaged_record","\\u001b[2J","c"]']  # fmt: skip


@pytest.mark.hostile("a line that imitates the mark of a row that was refused")
@pytest.mark.parametrize("line", LINES)
@pytest.mark.parametrize("tool", ["mind-clean", "mind-dedup"])
def test_a_mark_of_our_own_is_a_bad_line(tmp_path: Path, tool: str, line: bytes) -> None:
    """Two of these once ended every tool with a traceback."""
    data = b'{"id": "a", "text": "models need writing"}\n\0refused' + line + b"\n"
    done = run_tool(tool, ["--skip-bad", "1", "-z", "0"], data, folder=tmp_path)
    assert done.code == 0 and "1 bad" in done.stderr, done.stderr
    assert "\x1b" not in done.stderr
