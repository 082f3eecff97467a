"""A signature that is not among the built-in ones."""

from __future__ import annotations

from pathlib import Path

import pytest
from dedup_making import run

from mind_core.errors import MindError, UsageError
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


NO_NUMBERS = """
import math
from mind_dedup import hookimpl

class Odd:
    def __init__(self, value="nan"):
        self.value = value
    def __call__(self, record):
        wanted = {"none": None, "text": "high", "true": True}
        return wanted[self.value] if self.value in wanted else float(self.value)

@hookimpl
def register_keep_policies():
    return {"odd": Odd}
"""


@pytest.mark.parametrize("scope", ["document", "line"])
@pytest.mark.parametrize("value", ["nan", "inf", "none", "text", "true"])
def test_a_policy_that_gives_no_number_is_named(value: str, scope: str, tmp_path: Path) -> None:
    """Sorted, a NaN would leave the order to chance: the record and the policy are named."""
    plugin = tmp_path / "odd.py"
    plugin.write_text(NO_NUMBERS)
    records = [
        {"id": "first", "text": "春天来了，小河的水慢慢流过村庄，学生们在图书馆学习语言和历史。"}
    ]
    arguments = ("--plugin", str(plugin), "--scope", scope, "--keep")
    with pytest.raises(MindError, match=r"keep policy Odd gives .* for record first"):
        run(tmp_path, records, *arguments, f"odd:{value}")
    assert len(run(tmp_path, records, *arguments, "odd:-inf")) == 1


@pytest.mark.parametrize("threshold", ["nan", "0", "1.5", "inf"])
def test_a_plugins_threshold_is_a_share(threshold: str, tmp_path: Path) -> None:
    """No similarity reaches NaN: all would stay, and nobody would know why."""
    plugin = tmp_path / "own.py"
    plugin.write_text(
        "from mind_dedup import hookimpl\n\n"
        f"class Own:\n    threshold = float('{threshold}')\n"
        "    def __call__(self, record):\n        return [b'one']\n\n"
        "@hookimpl\ndef register_signatures():\n    return {'own': Own}\n"
    )
    with pytest.raises(UsageError, match="signature own: a threshold of"):
        run(tmp_path, [{"id": 1, "text": "a"}], "--plugin", str(plugin), "--signature", "own")
