"""The corridor: order, drops, marks, failures, and one process against a chain."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import pytest

from mind_core import Record
from mind_core.records import encode
from mind_core.stream import read_records
from mind_core.testing import ToolResult, run_tool

SENTENCE = "清明前后，杭州的茶农便上山采茶，一芽一叶的嫩芽最为珍贵，采下来当天就要摊晾。"


def page(number: int, *, sentences: int = 4, extra: str = "") -> Record:
    paragraphs = "".join(f"<p>第{n}段😀：{SENTENCE}{extra}</p>" for n in range(sentences))
    return {
        "id": f"page-{number}",
        "html": f"<html><body><nav>首页</nav><article>{paragraphs}</article></body></html>",
        "url": f"https://example.com/{number}",
        "source": "web",
        "metadata": {"lang": "zh-CN", "number": number},
    }


PAGES: list[Record] = [
    page(0),
    page(1, extra="联系13800138000。"),
    page(2, sentences=2),
    {"id": "menu", "html": "<nav><a href='/'>首页</a></nav>"},
    {
        "id": "en",
        "html": "<article><p>Plain English, long enough to be the text of a page, even "
        "if there is only one paragraph of it, since nothing else stands on this page: no menu, no "
        "teasers, no footer. A notice is often as short as that, and a text for all that.</p>",
    },
    {"id": "mostly-menu", "html": "<nav>" + "<a>栏目</a>" * 60 + "</nav><p>很短的正文。</p>"},
    {"id": "text", "text": "A text without a page.", "own": {"key": [1, 2.5, None]}},
]
STEPS = [
    "blocks",
    "unicode",
    "emoji",
    "whitespace",
    "script",
    "running_text",
    "han_count",
    "pii",
]


def clean(*arguments: str | Path, records: Any = PAGES, **options: Any) -> ToolResult:
    return run_tool("mind-clean", ["-z", "0", *arguments], records, **options)


def plugin(folder: Path, body: str, kind: str = "filter") -> Path:
    path = folder / "mine.py"
    path.write_text(
        "from mind_clean import hookimpl\n\n"
        f"class Mine:\n    '''Test.'''\n    def __call__(self, record, *more):\n        {body}\n\n"
        f"@hookimpl\ndef register_{kind}s():\n    return {{'mine': Mine}}\n"
    )
    return path


def test_the_recipe_from_pages_to_text(tmp_path: Path) -> None:
    done = clean("--rejects", tmp_path / "r.zst", "--summary", tmp_path / "s.json")
    assert done.code == 0, done.stderr
    kept = {record["id"]: record for record in done.records}
    assert list(kept) == ["page-0", "page-1", "en", "text"]
    assert all("html" not in record for record in kept.values())
    assert list(kept["page-0"]) == ["id", "text", "url", "source", "metadata"]
    assert kept["page-1"]["text"].count("<|phone|>") == 4
    assert "😀" not in kept["page-0"]["text"]
    assert kept["page-1"]["metadata"] == {
        "lang": "zh-CN",
        "number": 1,
        "mind": {"clean": {"density": kept["page-1"]["metadata"]["mind"]["clean"]["density"],
                           "running_text": 500,
                           "language": "zh", "script": "Hans", "pii": {"phone": 4}}},
    }  # fmt: skip
    assert kept["text"]["own"] == {"key": [1, 2.5, None]}
    rejects = {
        r["id"]: r["metadata"]["mind"]["rejected"] for r in read_records([tmp_path / "r.zst"])
    }
    assert {name: why["reason"] for name, why in rejects.items()} == {
        "page-2": "few_han",
        "menu": "no_text",
        "mostly-menu": "little_text",
    }
    assert rejects["mostly-menu"]["threshold"] == 800
    summary = orjson.loads((tmp_path / "s.json").read_bytes())
    assert summary["in"] == 7 == summary["kept"] + sum(summary["rejected"].values())
    assert summary["rejected"] == {
        "blocks.no_text": 1,
        "han_count.few_han": 1,
        "running_text.little_text": 1,
    }
    assert summary["components"]["pii"].startswith("mind-clean==")
    assert summary["details"]["pii.changed"] == 1
    assert summary["details"]["emoji.characters_removed"] == 10


def test_a_chain_of_steps_equals_one_process() -> None:
    data: bytes = b"".join(map(encode, PAGES))
    for step in STEPS:
        data = clean("--step", step, records=data).stdout
    assert data == clean().stdout


def test_a_chain_of_marks_equals_one_process() -> None:
    data: bytes = b"".join(map(encode, PAGES))
    for step in STEPS:
        data = clean("--mark", "--step", step, records=data).stdout
    whole = clean("--mark")
    assert data == whole.stdout
    marked = [r["id"] for r in whole.records if "marks" in r["metadata"]["mind"]["clean"]]
    assert marked == ["page-2", "menu", "mostly-menu"]


def test_what_mark_leaves_unmarked_is_what_a_run_keeps() -> None:
    def without_spans(record: Record) -> Record:
        record["metadata"]["mind"]["clean"].pop("pii_spans", None)
        return record

    whole = [without_spans(record) for record in clean("--mark").records]
    assert len(whole) == len(PAGES)
    unmarked = [r for r in whole if "marks" not in r["metadata"]["mind"]["clean"]]
    assert unmarked == clean().records


def test_any_number_of_workers_gives_the_same_bytes(tmp_path: Path) -> None:
    records = [{**record, "id": f"{record['id']}-{n}"} for n in range(400) for record in PAGES]
    outputs = set()
    for jobs in ("1", "2"):
        rejects = tmp_path / f"rejects-{jobs}"
        done = clean("-j", jobs, "--rejects", rejects, records=records)
        assert done.code == 0, done.stderr
        outputs.add((done.stdout, rejects.read_bytes()))
    assert len(outputs) == 1


def test_an_untouched_record_keeps_its_bytes() -> None:
    line = b'{"text" : "as it came",  "id":1e2, "text2": "\\u4e2d"}\n'
    done = clean("--step", "unicode", "--step", "emoji", "--step", "pii", records=line)
    assert done.stdout == line


def test_the_printed_recipe_can_be_fed_back(tmp_path: Path) -> None:
    printed = clean("--print-recipe", "--set", "running_text.min=555", "--set", "pii.mask=false")
    recipe = tmp_path / "mine.toml"
    recipe.write_bytes(printed.stdout)
    again = clean("--print-recipe", "--recipe", recipe)
    assert again.stdout == printed.stdout
    assert b"min = 555" in printed.stdout
    assert b"# running_text: mind-clean==" in printed.stdout


def test_steps_take_their_options_from_the_recipe(tmp_path: Path) -> None:
    recipe = tmp_path / "mine.toml"
    recipe.write_text('[[step]]\nfilter = "han_count"\nmin = 7\n\n[[step]]\ntransform = "emoji"\n')
    plan = clean("-n", "--recipe", recipe, "--step", "pii", "--step", "filter:han_count").stdout
    first, second = plan.decode().splitlines()
    assert first.startswith("1. transform pii ")
    assert second.startswith("2. filter han_count min=7 pages='text'")


def test_a_recipe_with_two_such_steps_asks_which(tmp_path: Path) -> None:
    recipe = tmp_path / "twice.toml"
    recipe.write_text('[[step]]\nfilter = "han_count"\nmin = 7\n[[step]]\nfilter = "han_count"\n')
    done = clean("--recipe", recipe, "--step", "han_count")
    assert done.code == 2
    assert "several such steps" in done.stderr


@pytest.mark.parametrize(
    ("recipe", "message"),
    [
        ("[[step]]\nfilters = 'x'\n", "exactly one of"),
        ("steps = []\n", "unknown key 'steps'"),
        ("[[step]\n", "is not TOML"),
        ("[[step]]\nfilter = 'han_counts'\n", "did you mean han_count?"),
    ],
)
def test_a_wrong_recipe_is_explained(tmp_path: Path, recipe: str, message: str) -> None:
    path = tmp_path / "wrong.toml"
    path.write_text(recipe)
    done = clean("--recipe", path)
    assert done.code == 2
    assert message in done.stderr


FAILURES = [
    ("filter", "return 1 / 0", "ZeroDivisionError"),
    ("filter", "return True", "it returned True"),
    ("transform", "return None", "it returned no record"),
    ("transform", "return {**record, 'text': 5}", "it returned no record"),
    ("transform", "return {**record, 'x': {1, 2}}", "the record is no JSON"),
    ("transform", "return {**record, 'text': 'lone \\ud800'}", "the record is no JSON"),
    ("transform", "return record['text'] and self(self)", "TypeError"),
    ("extractor", "raise RecursionError('deep')", "RecursionError: deep"),
    ("extractor", "return 5", "it returned int"),
]


@pytest.mark.parametrize(("kind", "body", "cause"), FAILURES)
def test_a_component_that_fails_is_named(tmp_path: Path, kind: str, body: str, cause: str) -> None:
    record: Record = {"id": "1", "html": "<p>x</p>"} if kind == "extractor" else PAGES[-1]
    mine = plugin(tmp_path, body, kind)
    done = clean("--plugin", mine, "--step", "mine", records=[record])
    assert done.code == 1
    assert "mind-clean: error: stdin:1: " in done.stderr
    assert cause in done.stderr
    assert "Traceback" not in done.stderr
    if "JSON" not in cause:
        assert f"{kind} 'mine' of plugin mine.py sha256:" in done.stderr
    rejects = tmp_path / "r"
    skipped = clean(
        "--plugin", mine, "--step", "mine", "--skip-bad", "1", "--rejects", rejects, "-j", "2",
        records=[record],
    )  # fmt: skip
    assert skipped.code == 0, skipped.stderr
    assert "1 in, 0 kept (0.0%), 1 bad" in skipped.stderr
    (bad,) = read_records([rejects])
    why = bad["metadata"]["mind"]["rejected"]
    assert (why["reason"], why["position"]) == ("component_failed", "stdin:1")


def test_a_plugin_extractor_needs_only_a_string(tmp_path: Path) -> None:
    mine = plugin(tmp_path, "return 'half'", "extractor")
    done = clean("--plugin", mine, "--step", "mine", records=[{"html": "<p>half</p><p>full</p>"}])
    assert done.records == [
        {"text": "half", "metadata": {"mind": {"clean": {"density": 0.5, "running_text": 0}}}}
    ]


def test_a_transform_that_leaves_nothing_drops_the_record() -> None:
    done = clean("--step", "emoji", records=[{"text": "🎉"}, {"text": ""}, {"text": "party"}])
    assert [record["text"] for record in done.records] == ["", "party"]


@pytest.mark.parametrize(
    ("record", "steps", "message"),
    [
        ({"id": "1"}, [], "neither 'html' nor 'text'"),
        ({"html": "<p>x</p>"}, ["--step", "pii"], "put an extractor first"),
        ({"html": 5}, [], "wrong type"),
        ({"text": None}, ["--step", "pii"], "'text' must be a string"),
    ],
)
def test_a_record_that_does_not_fit_is_explained(
    record: Record, steps: list[str], message: str
) -> None:
    done = clean(*steps, records=[record])
    assert done.code == 1
    assert message in done.stderr


def test_help_imports_nothing_heavy() -> None:
    import subprocess
    import sys

    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "mind_clean", "--help"],
        capture_output=True,
        text=True,
        check=True,
    )
    imported = {line.rsplit("|", 1)[-1].strip() for line in done.stderr.splitlines()}
    assert not imported & {
        "resiliparse",
        "selectolax",
        "numpy",
        "torch",
        "rich",
        "pydantic",
        "mind_clean.pipeline",
    }


def test_every_built_in_lists_itself() -> None:
    rows = orjson.loads(clean("--list", "--json").stdout)
    mine = {row["name"]: row for row in rows if row["plugin"] == "mind-clean"}
    assert set(mine) >= set(STEPS)
    assert all(row["summary"].endswith((".", ").")) for row in mine.values())
    assert mine["text_density"]["options"] == {"min": 0.75}
    assert mine["running_text"]["options"] == {"min": 800, "dense": 0.75, "min_of_dense": 200}
