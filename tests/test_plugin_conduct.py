"""What a component returns is what goes on; whatever else it does is an error that names it."""

from __future__ import annotations

from pathlib import Path

import pytest

from mind_core.testing import ToolResult, run_tool

CLEAN = '''
import math, os, sys
import pluggy
from mind_core import Reason
hookimpl = pluggy.HookimplMarker("mind_clean")

class Acts:
    def __init__(self, do: str = "nothing"):
        self.do = do
    def act(self):
        if self.do == "exit": sys.exit(0)
        if self.do == "interrupt": raise KeyboardInterrupt
        if self.do == "print": print("hello")
        if self.do == "raise": raise ZeroDivisionError("nought")

class Change(Acts):
    """Change records."""
    def __call__(self, record):
        self.act()
        if self.do == "in place": record["text"] = record["text"].upper()
        if self.do == "inside": record["metadata"]["list"].append(1)
        if self.do == "empty": record["text"] = ""
        if self.do == "none": return None
        if self.do == "not finite": return {**record, "x": {"y": [math.inf]}}
        if self.do == "set": return {**record, "x": {1}}
        return record

class Drop(Acts):
    """Drop records."""
    def __call__(self, record):
        self.act()
        if self.do == "change": record["text"] = "changed"
        return {"blank": "", "spaces": "too short", "number": 1, "yes": True,
                "not finite": Reason("low", math.nan)}.get(self.do)

class Take(Acts):
    """Take texts."""
    def __call__(self, html, url):
        self.act()
        return b"bytes" if self.do == "bytes" else html

@hookimpl
def register_transforms(): return {"change": Change}
@hookimpl
def register_filters(): return {"drop": Drop}
@hookimpl
def register_extractors(): return {"take": Take}
'''

DEDUP = '''
import math, sys
import pluggy
hookimpl = pluggy.HookimplMarker("mind_dedup")

class Acts:
    def __init__(self, do: str = "nothing"):
        self.do = do
    def act(self):
        if self.do == "exit": sys.exit(0)
        if self.do == "interrupt": raise KeyboardInterrupt
        if self.do == "print": print("hello")
        if self.do == "raise": raise ZeroDivisionError("nought")

class Same(Acts):
    """Compare texts."""
    decides = "same"
    def __call__(self, record):
        self.act()
        return {"text": "key", "number": [1], "one": b"key"}.get(self.do, [record["text"].encode()])

class Best(Acts):
    """Prefer long texts."""
    def __call__(self, record):
        self.act()
        return {"not finite": math.nan, "text": "1"}.get(self.do, float(len(record["text"])))

@hookimpl
def register_signatures(): return {"same": Same}
@hookimpl
def register_keep_policies(): return {"longer": Best}
'''

INPUT = (
    b'{"id": "a", "text": "caf\\u00e9 one", "metadata": {"list": []}}\n'
    b'{"id": "b", "html": "<p>two</p>", "text": "two", "metadata": {"list": []}}\n'
)


def clean(folder: Path, step: str, do: str, *more: object) -> ToolResult:
    (folder / "acts.py").write_text(CLEAN)
    arguments = ["-q", "-z", 0, "--plugin", folder / "acts.py", "--step", step]
    return run_tool("mind-clean", [*arguments, "--set", f'{step}.do="{do}"', *more], INPUT)


@pytest.mark.parametrize("jobs", [1, 2])
@pytest.mark.parametrize(
    ("do", "text", "numbers"),
    [("in place", "CAFÉ ONE", []), ("inside", "café one", [1]), ("nothing", "café one", [])],
)
def test_a_record_changed_in_place_goes_on(
    tmp_path: Path, do: str, text: str, numbers: list[int], jobs: int
) -> None:
    result = clean(tmp_path, "change", do, "-j", jobs, "--summary", tmp_path / "s")
    assert result.code == 0, result.stderr
    first = result.records[0]
    assert (first["text"], first["metadata"]["list"]) == (text, numbers)
    changed = '"change.changed": 2' in (tmp_path / "s").read_text()
    assert changed == (do != "nothing")
    if do == "nothing":  # the very line that came
        assert result.stdout == INPUT


def test_a_text_emptied_in_place_is_dropped(tmp_path: Path) -> None:
    result = clean(tmp_path, "change", "empty")
    assert (result.code, result.stdout) == (0, b"")
    assert "change.no_text" in result.stderr


STEPS = {
    "change": ("exit", "interrupt", "print", "raise", "none", "not finite", "set"),
    "drop": ("exit", "interrupt", "print", "raise", "change", "blank", "spaces", "number", "yes",
             "not finite"),
    "take": ("exit", "interrupt", "print", "raise", "bytes"),
}  # fmt: skip


@pytest.mark.parametrize(
    ("step", "do"), [(step, do) for step, all_ in STEPS.items() for do in all_]
)
def test_all_else_is_an_error_that_names_the_component(tmp_path: Path, step: str, do: str) -> None:
    jobs = 2 if do in ("exit", "interrupt", "print") else 1
    kind = {"change": "transform", "drop": "filter", "take": "extractor"}[step]
    for number in {1, jobs}:
        result = clean(tmp_path, step, do, "-j", number)
        assert result.code == 1, result.stderr
        assert result.stdout == b""
        assert f"{kind} '{step}' of plugin acts.py" in result.stderr
        assert "Traceback" not in result.stderr


def test_such_records_may_pass_counted(tmp_path: Path) -> None:
    result = clean(tmp_path, "drop", "exit", "--skip-bad", "all", "--summary", tmp_path / "s")
    assert (result.code, result.stdout) == (0, b"")
    assert '"component_failed": 2' in (tmp_path / "s").read_text()


@pytest.mark.parametrize(
    ("table", "do"),
    [(table, do) for table in ("signature", "keep") for do in STEPS["take"][:4]]
    + [("signature", "text"), ("signature", "number"), ("signature", "one")]
    + [("keep", "not finite"), ("keep", "text")],
)  # fmt: skip
def test_a_component_of_mind_dedup_is_named(tmp_path: Path, table: str, do: str) -> None:
    (tmp_path / "acts.py").write_text(DEDUP)
    tables = {"signature": 'use = "same"', "keep": 'use = "longer"'}
    tables[table] += f'\ndo = "{do}"'
    recipe = "\n".join(f"[{name}]\n{values}" for name, values in tables.items())
    (tmp_path / "recipe.toml").write_text(recipe)
    arguments = ["-q", "-z", 0, "--plugin", tmp_path / "acts.py"]
    result = run_tool("mind-dedup", [*arguments, "--recipe", tmp_path / "recipe.toml"], INPUT)
    assert result.code == 1, result.stderr
    assert result.stdout == b""
    assert ("signature Same" if table == "signature" else "keep policy Best") in result.stderr
    assert "Traceback" not in result.stderr
