"""A signature that is not among the built-in ones."""

from __future__ import annotations

from pathlib import Path

from mind_core.testing import run_tool

POEM = "床前明月光，疑是地上霜。举头望明月，低头思故乡。" * 4
PAGE = "How to install the program: unpack the archive, read the notes, run the installer. " * 4

PLUGIN = '''
"""Titles alone make candidates; titles alone decide."""
from mind_dedup import hookimpl


class Title:
    """Take records of one title for candidates."""

    def __call__(self, record):
        title = record.get("title")
        return [title.encode()] if title else []


class SameTitle(Title):
    """Take records of one title for duplicates."""

    decides = "same_title"


@hookimpl
def register_signatures():
    return {"title": Title, "same_title": SameTitle}
'''


def test_a_plugin_proposes_or_decides(tmp_path: Path) -> None:
    path = tmp_path / "titles.py"
    path.write_text(PLUGIN)
    stdin = [
        {"id": 1, "title": "A", "text": PAGE},
        {"id": 2, "title": "A", "text": PAGE + "and more"},
        {"id": 3, "title": "A", "text": POEM},
        {"id": 4, "title": "B", "text": PAGE + "and more of it"},
        {"id": 5, "text": PAGE},
    ]
    for signature, kept in (("title", [1, 3, 4]), ("same_title", [1, 4, 5])):
        for jobs in ("1", "2"):
            arguments = ["--plugin", path, "--signature", signature, "-j", jobs]
            result = run_tool("mind-dedup", arguments, stdin)
            assert [record["id"] for record in result.records] == kept, result.stderr
