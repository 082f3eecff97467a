"""Prompts in full: in the scores folder, item by item, and on the page, what they share once."""

from __future__ import annotations

import hashlib
from html import escape
from pathlib import Path

import pytest

from mind_core.testing import run_tool
from mind_eval.kept_prompts import PROMPTS, KeptPrompts, read_prompts
from mind_eval.report import prompts as page_prompts
from mind_eval.report.prompts import PagePrompts, shared_parts
from mind_eval.results import read_items

SHARED = "".join(f"Question: {n}?\nAnswer: {n}\n\n" for n in range(30))


def test_a_run_keeps_what_every_item_was_asked(model_folder: Path, tmp_path: Path) -> None:
    asked = ["run", "--model", model_folder, "--benchmark", "piqa", "--benchmark", "mmlu",
             "--form", "cloze", "--shots", "1", "--limit", "3", "-q"]  # fmt: skip
    done = run_tool("mind-eval", [*asked, "-o", tmp_path / "scores"])
    assert done.code == 0, done.stderr
    items = read_items(tmp_path / "scores")
    found = read_prompts(tmp_path / "scores", {item["id"] for item in items})
    for item in items:
        prompts = found[item["id"]]
        assert hashlib.sha256(prompts[0].encode()).hexdigest() == item["prompt_hash"]
        assert len(prompts) == 1, "all choices stand behind one prompt"
    done = run_tool("mind-eval", ["report", tmp_path / "scores", "-o", tmp_path / "page.html"])
    assert done.code == 0, done.stderr
    page = (tmp_path / "page.html").read_text("utf-8")
    assert all(escape(text) in page for prompts in found.values() for text in prompts)
    log = tmp_path / "scores.answers"
    done = run_tool("mind-eval", ["score", log, "-o", tmp_path / "again", "-q"])
    assert done.code == 0, done.stderr
    again = read_prompts(tmp_path / "again", set(found))
    items = read_items(tmp_path / "again")
    # Where an example did not fit the model's context, the prompt is not known without the model.
    assert again and all(found[key] == texts for key, texts in again.items())


def test_prompts_that_begin_alike_share_whole_lines() -> None:
    texts = [f"{SHARED}Question: what is {n}?\nAnswer:" for n in ("one", "two", "three")]
    ((common, members),) = shared_parts([*texts, "Question: alone?", ""])
    assert common == SHARED and members == sorted(texts)
    other = [f"{SHARED[:-600]}Other: {n}\n" for n in "ab"]
    assert {len(members) for _, members in shared_parts([*texts, *other])} <= {2, 3, 5}
    assert list(shared_parts(["a\n" * 300])) == [], "one prompt shares with nobody"
    assert list(shared_parts(["x" * 900 + "a", "x" * 900 + "b"])) == [], "no end of a line in it"


def test_the_page_holds_a_shared_beginning_once(monkeypatch: pytest.MonkeyPatch) -> None:
    first = {f"t/{n}": [f"{SHARED}Question: <{n}>?\nAnswer:"] for n in range(3)}
    second = {**first, "t/2": ["Question: <2>?\nAnswer:"]}
    page = PagePrompts(["a", "b"], [first, second])
    shared = page.begin(list(first))
    assert shared.count(escape(SHARED)) == 1 and 'id="examples-1"' in shared
    shown = page.of_item("t/0")
    assert SHARED not in shown and 'href="#examples-1"' in shown and "Question: &lt;0&gt;?" in shown
    assert shown.count("<details") == 1, "both were asked the same"
    assert page.of_item("t/2").count("<details") == 2 and "(b)" in page.of_item("t/2")
    assert page.of_item("t/9") == ""
    monkeypatch.setattr(page_prompts, "PAGE_CHARACTERS", len(SHARED) + 30)
    page = PagePrompts(["a"], [first])
    page.begin(list(first))
    assert [PROMPTS in page.of_item(key) for key in first] == [False, True, True]


def test_prompts_are_held_compressed(tmp_path: Path) -> None:
    kept = KeptPrompts()
    for number in range(2000):
        kept.add(f"t/{number}", [f"{SHARED}Question: {number}?"] * 4)
    made = kept.finish()
    assert len(made) < 2000 * len(SHARED) / 40
    (tmp_path / PROMPTS).write_bytes(made)
    assert read_prompts(tmp_path, {"t/7"}) == {"t/7": [f"{SHARED}Question: 7?"]}
    assert read_prompts(tmp_path / "nowhere", {"t/7"}) == {}
