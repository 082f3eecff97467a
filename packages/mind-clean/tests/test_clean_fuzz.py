"""Mutated pages through the whole recipe: no crash, no hang, nothing lost.

300 pages by default; `MIND_FUZZ=100000 bin/test packages/mind-clean -k fuzz` runs as many.
"""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable
from pathlib import Path

import orjson
import pytest

from mind_clean.pipeline import CleanOptions, CleanPasses, make_plugins
from mind_clean.steps import effective_recipe, make_steps
from mind_core.runner import BatchResult
from mind_core.stream import Batch, read_records

DATA = Path(__file__).parents[3] / "tests" / "data" / "pages"
PAGES = int(os.environ.get("MIND_FUZZ", "300"))
SECONDS_A_PAGE = 2.0
PIECES = (
    "<div>", "</div>", "<p>", "</body>", "<script>", "<!--", "-->", "<![CDATA[", "<table><tr><td>",
    "<svg><style>", "<template>", "<math><mi>", "<plaintext>", "<textarea>", "</html>", "&#0;",
    "&#xD800;", "&bogus;", "\0", "\ufeff", "\u202e", "13800138000", "a@b.cn", "，", "\r", "]]>",
)  # fmt: skip


def cut(page: str, chance: random.Random, _: list[str]) -> str:
    start = chance.randrange(len(page) + 1)
    return page[start : start + chance.randrange(len(page) + 1)]


def splice(page: str, chance: random.Random, pages: list[str]) -> str:
    other = chance.choice(pages)
    return page[: chance.randrange(len(page) + 1)] + other[chance.randrange(len(other) + 1) :]


def sprinkle(page: str, chance: random.Random, _: list[str]) -> str:
    parts = [page]
    for _ in range(chance.randrange(1, 60)):
        part = parts.pop(chance.randrange(len(parts)))
        at = chance.randrange(len(part) + 1)
        parts += [part[:at], chance.choice(PIECES), part[at:]]
    return "".join(parts)


def nest(page: str, chance: random.Random, _: list[str]) -> str:
    depth = chance.choice([10, 1_000, 100_000])
    return f"<{chance.choice(['div', 'b', 'ul><li', 'table', 'a', 'font'])}>" * depth + page


def wrong_charset(page: str, chance: random.Random, _: list[str]) -> str:
    wrong = chance.choice([("gb18030", "latin-1"), ("utf-8", "gb18030"), ("utf-8", "cp1252")])
    return page.encode(wrong[0], "replace").decode(wrong[1], "replace")


def repeat(page: str, chance: random.Random, _: list[str]) -> str:
    at = chance.randrange(len(page) + 1)
    piece = page[at : at + chance.randrange(1, 40)] or "x"
    return page[:at] + piece * min(200_000 // len(piece), chance.choice([3, 100, 50_000]))


def hostile(page: str, chance: random.Random, _: list[str]) -> str:
    unit = chance.choice(
        ["a@", "@a.", "1", "138", "1-", "&amp;", "&#", "<", "< ", "(", "[](", "http://", "e\u0301",
         "\u0300", "\u200d", "啊 ", "a" * 63 + ".", "0x", "::", "1.1.1.", "\n \n", "</", "🏳️‍🌈",
         "❤️", "☺️", "✌🏽", "1️⃣", "👨\u200d", "\ufe0f", "。 ", "，\n", "{", "://", "答："]
    )  # fmt: skip
    run = unit * (100_000 // len(unit))
    return f"<p>{chance.choice(['', 'word', '1', '字'])}{run}!</p>" + page[:1000]


def shuffle(page: str, chance: random.Random, _: list[str]) -> str:
    tags = page.split("<")
    chance.shuffle(tags)
    return "<".join(tags)


def as_it_is(page: str, _: random.Random, __: list[str]) -> str:
    return page


Mutation = Callable[[str, random.Random, list[str]], str]
MUTATIONS: tuple[Mutation, ...] = (
    cut, splice, sprinkle, nest, wrong_charset, repeat, hostile, shuffle, as_it_is,
)  # fmt: skip


def walk_of(*without: str) -> Callable[[Batch], BatchResult]:
    plugins = make_plugins()
    recipe = effective_recipe(plugins, without=without)
    (only,) = CleanPasses(make_steps(plugins, recipe), CleanOptions()).passes()
    return only.work()


@pytest.fixture(scope="module")
def walk() -> Callable[[Batch], BatchResult]:
    return walk_of("site_phrases")


@pytest.mark.timeout(0)
def test_fuzz_mutated_pages(walk: Callable[[Batch], BatchResult]) -> None:
    pages = [r["html"] for path in sorted(DATA.glob("*.zst")) for r in read_records([path])]
    pages = [page for page in pages if len(page) < 60_000]
    chance = random.Random(20231024)
    kept = rejected = bad = 0
    for number in range(PAGES):
        page = chance.choice(pages)
        applied = [chance.choice(MUTATIONS) for _ in range(chance.randrange(1, 3))]
        for mutation in applied:
            page = mutation(page, chance, pages)
        line = orjson.dumps({"id": str(number), "html": page.encode("utf-8", "replace").decode()})
        if chance.random() < 0.02:
            line = line.replace(b"<", b"\\ud800<", 3)  # a lone surrogate, as JSON can write it
        if chance.random() < 0.02:
            line = line[: chance.randrange(1, len(line))]
        started = time.process_time()
        outcome = walk(Batch("fuzz", number, line + b"\n"))
        seconds = time.process_time() - started
        what = f"page {number}: {[m.__name__ for m in applied]}, {len(page):,} characters"
        assert seconds < SECONDS_A_PAGE, f"{what}: {seconds:.1f} s"
        counts = len(outcome.kept), outcome.rejected.total(), len(outcome.bad)
        assert sum(counts) == outcome.records_in == 1, what
        assert not [e for e, _ in outcome.bad if e.reason == "component_failed"], (
            what, [e.lines("fuzz") for e, _ in outcome.bad],
        )  # fmt: skip
        kept, rejected, bad = kept + counts[0], rejected + counts[1], bad + counts[2]
    assert kept + rejected + bad == PAGES
    assert kept and rejected and bad


@pytest.mark.parametrize(
    "page",
    [
        "<p>" + "清明前后，杭州的茶农便上山采茶。" * 1_100_000,
        "<p>" + "plain words of a very long line " * 1_600_000,
        "<b>" * 100_000 + "text" + "</b>" * 100_000,
        "<p>x</p>" * 1_000_000,
        "<a href=x>y</a> " * 500_000,
    ],
    ids=["han", "latin", "nested", "paragraphs", "links"],
)
@pytest.mark.skipif(PAGES < 10_000, reason="pages of 50 MB run with MIND_FUZZ=10000 or more")
def test_fuzz_huge_pages(walk: Callable[[Batch], BatchResult], page: str) -> None:
    started = time.process_time()
    outcome = walk(Batch("huge", 1, orjson.dumps({"id": "huge", "html": page}) + b"\n"))
    seconds = time.process_time() - started
    assert len(outcome.kept) + outcome.rejected.total() + len(outcome.bad) == 1
    assert seconds < 2 * SECONDS_A_PAGE, f"{seconds:.1f} s"  # on a machine that does other work
