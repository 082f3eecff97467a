"""Fields of another type, options that mean nothing, and streams of which nothing is left."""

from __future__ import annotations

from typing import Any

from mind_core import Record
from mind_core.testing import ToolResult, run_tool

MENU: Record = {"id": "menu", "html": "<nav><a href='/'>首页</a></nav>"}
FEW: Record = {"id": "few", "text": "茶农上山采茶。"}


def clean(*arguments: str, records: Any) -> ToolResult:
    return run_tool("mind-clean", ["-z", "0", *arguments], records)


def test_a_text_of_another_type_is_told_from_none() -> None:
    for record in ({"text": 5}, {"text": None}, {"html": None, "text": 5}):
        for step in ("resiliparse", "unicode"):
            done = clean("--step", step, records=[record])
            assert done.code == 1 and "a field has the wrong type" in done.stderr, done.stderr
    for record in ({"id": "1"}, {"html": None}):
        done = clean(records=[record])
        assert done.code == 1 and "a field is missing" in done.stderr, done.stderr
    wrong = clean(records=[{"html": 5, "text": "a"}])
    assert wrong.code == 1 and "'html' must be a string" in wrong.stderr


def test_a_page_that_is_null_is_none() -> None:
    done = clean("--step", "resiliparse", records=b'{"html":null, "text":"a text"}\n')
    assert (done.code, done.stdout) == (0, b'{"html":null, "text":"a text"}\n'), done.stderr


def test_percent_for_a_share_is_refused() -> None:
    done = clean("--set", "running_text.dense=75", records=[MENU])
    assert done.code == 2 and "75 % is 0.75" in done.stderr and done.stdout == b""


def test_it_warns_when_nothing_is_left() -> None:
    done = clean("-q", records=[MENU, MENU, FEW])
    assert done.code == 0 and done.stdout == b""
    assert done.stderr == (
        "mind-clean: warning: no record is left; most frequent: blocks.no_text\n"
    )
    assert "warning" not in clean(records=[{"text": "left"}]).stderr
    assert "warning" not in clean("--limit", "0", records=[MENU]).stderr
