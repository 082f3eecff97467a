"""A dry run checks all that a run would, and writes nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from mind_core.records import encode
from mind_core.testing import run_tool

RECORDS = b"".join(encode({"id": str(n), "text": f"text {n}"}) for n in range(3))
STREAMS = {
    "mind-clean": ["--step", "text_density"],
    "mind-dedup": [],
}


def names(folder: Path) -> list[str]:
    """Return all that lies in a folder."""
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


@pytest.mark.parametrize("tool", STREAMS)
@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["in", "-o", "out", "--rejects", "rejects", "--summary", "summary"], 0),
        (["in", "-o", "no/out"], 1),
        (["in", "--rejects", "no/rejects"], 1),
        (["in", "--summary", "folder"], 1),
        (["in", "-o", "in"], 2),
        (["in", "-o", "out", "--rejects", "out"], 2),
        (["no"], 1),
    ],
    ids=range(7),
)
def test_a_stream_is_checked(tmp_path: Path, tool: str, arguments: list[str], code: int) -> None:
    (tmp_path / "in").write_bytes(RECORDS)
    (tmp_path / "folder").mkdir()
    before = names(tmp_path)
    result = run_tool(tool, ["-n", *STREAMS[tool], *arguments], folder=tmp_path)
    assert result.code == code, result.stderr
    assert names(tmp_path) == before
    if code:
        assert "hint: " in result.stderr
        assert run_tool(tool, [*STREAMS[tool], *arguments], folder=tmp_path).code == code


@pytest.mark.parametrize(
    ("tool", "arguments"),
    [
        ("mind-clean", ["--report", "no/page.html"]),
        ("mind-dedup", ["--clusters", "no/clusters"]),
        ("mind-dedup", ["--against", "no"]),
        ("mind-dedup", ["--index", "folder"]),
        ("mind-dedup", ["--compare", "index"]),
    ],
)
def test_a_tools_own_outputs_are_checked_before_any_work(
    tmp_path: Path, tool: str, arguments: list[str]
) -> None:
    (tmp_path / "in").write_bytes(RECORDS)
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "letter").write_text("dear")
    for dry in ([], ["-n"]):
        result = run_tool(
            tool, [*dry, *STREAMS[tool], "in", "-o", "out", *arguments], folder=tmp_path
        )
        assert result.code in (1, 2), result.stderr
        assert names(tmp_path) == ["folder", "folder/letter", "in"]
