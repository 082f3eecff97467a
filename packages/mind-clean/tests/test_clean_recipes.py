"""The recipes for one language, as their users run them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from peer_texts import texts

from mind_clean.pipeline import make_plugins
from mind_clean.steps import effective_recipe
from mind_core.records import Record, encode
from mind_core.testing import ToolResult, run_tool

RECIPES = {"gopher-en": "en", "fineweb2-zh": "zh"}
RECORDS: list[Record] = [
    {"id": identity, "text": text, "url": f"https://{language}.example/{number}"}
    for number, (identity, language, text) in enumerate(texts())
]
PLUGIN = '''
from mind_clean import hookimpl

class Odd:
    """Drop a text with an odd number of characters; plain Python, between ours."""

    def __call__(self, record):
        return "odd" if len(record["text"]) % 2 else None

@hookimpl
def register_filters():
    return {"odd": Odd}
'''


def clean(*arguments: str | Path, records: Any = RECORDS, **more: Any) -> ToolResult:
    done = run_tool("mind-clean", ["-q", "-z", "0", *arguments], records, **more)
    assert done.code == 0, done.stderr
    return done


@pytest.mark.parametrize("recipe", RECIPES)
def test_a_recipe_keeps_texts_of_its_language_only(recipe: str, tmp_path: Path) -> None:
    kept = clean("--recipe", recipe, "--rejects", tmp_path / "r.jsonl.zst").records
    languages = {record["metadata"]["mind"]["clean"]["language"] for record in kept}
    assert languages == {RECIPES[recipe]} and len(kept) > 5
    assert all(record["id"].startswith(RECIPES[recipe]) for record in kept)


@pytest.mark.parametrize("recipe", RECIPES)
def test_the_same_bytes_for_any_number_of_workers(recipe: str) -> None:
    records = RECORDS * 3
    one = clean("--recipe", recipe, records=records)
    assert clean("--recipe", recipe, "-j", "3", records=records).stdout == one.stdout


@pytest.mark.parametrize("recipe", RECIPES)
def test_a_chain_of_steps_is_the_recipe(recipe: str) -> None:
    plugins = make_plugins()
    effective = effective_recipe(plugins, recipe)
    names = [
        f"{kind}:{name}"
        for kind, name, _ in effective.steps(("extractor", "transform", "filter"))
        if kind != "extractor"
    ]
    half = len(names) // 2
    stdout = b"".join(map(encode, RECORDS))
    for part in (names[:half], names[half:]):
        steps = [argument for name in part for argument in ("--step", name)]
        stdout = clean("--recipe", recipe, *steps, records=stdout).stdout
    assert stdout == clean("--recipe", recipe).stdout


def test_a_plain_filter_of_others_stands_between_ours(tmp_path: Path) -> None:
    (tmp_path / "odd.py").write_text(PLUGIN)
    steps = ["--step", "gopher_quality", "--step", "odd", "--step", "gopher_repetition"]
    with_it = clean("--plugin", tmp_path / "odd.py", *steps).records
    without = clean(*steps[:2], *steps[4:]).records
    assert with_it == [record for record in without if len(record["text"]) % 2 == 0]
    assert 0 < len(with_it) < len(without)


def test_marks_and_drops_agree() -> None:
    marked = clean("--recipe", "fineweb2-zh", "--mark").records
    kept = clean("--recipe", "fineweb2-zh").records
    unmarked = [r for r in marked if "marks" not in r["metadata"]["mind"]["clean"]]
    assert [r["id"] for r in unmarked] == [r["id"] for r in kept]
    marks = [mark for r in marked for mark in r["metadata"]["mind"]["clean"].get("marks", ())]
    assert marks and all({"step", "reason", "value"} <= mark.keys() for mark in marks)
