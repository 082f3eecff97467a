"""What the kernels of `blocks` find on a page is what a plain walk over its tree finds."""

from __future__ import annotations

import random
from dataclasses import fields, replace
from itertools import pairwise
from pathlib import Path

import pytest
import slow_page
import slow_scoring
import slow_walk
from slow_scoring import main_blocks
from test_clean_fuzz import MUTATIONS, hostile

from mind_clean.extractors.blocks.element_rules import HEADINGS, NAMES, element_traits
from mind_clean.extractors.blocks.name_rules import _name_numbers
from mind_clean.extractors.blocks.page import (
    END,
    FIRST,
    IS_MAIN,
    NAME,
    PARENT,
    TAG,
    WEIGHT,
    Page,
)
from mind_clean.extractors.blocks.parse import _STRIPPED, _parse_once
from mind_clean.extractors.blocks.render import render
from mind_clean.extractors.blocks.select_blocks import choose_blocks
from mind_core.stream import read_records

DATA = Path(__file__).parents[3] / "tests" / "data" / "pages"
WORDS = "word " * 20
BY_HAND = {
    "code": "<pre>\n\n  a &lt; b\t \n\n\tc&nbsp;\n \n</pre><pre>x<br> y <b>z</b>\n<i> </i></pre>",
    "breaks": "a <br> <br>\n<br> b<br>c<br><p><br>d <br> e<br></p>茶<br>\n葉",
    "wide lines": "<p>清明前\n 后，\n茶 \f\n农 a\nb 、\u3000\n上&nbsp;\n采\U00020000\n\U00020001",
    "entities": "<p title='&quot;>'>a &amp;lt; &lt;b&gt; \u00a0 c &copy; &#128279; d&nbsp;e",
    "no-break spaces": "&nbsp;<p>&nbsp;a&nbsp;&nbsp;b&nbsp;</p>\u2003c\u2028d\u3000e\u1680",
    "verbatim": "<xmp><b>a</b> &amp; b</xmp>c<noembed><i>d</noembed><plaintext>e<f>&lt;",
    "anchors": "<h2>A<a href='#a'>¶</a></h2><h2>B<a href='#b'><!-- -->§<b></b></a> <a href='#'>c",
    "hidden": "<nav>a<p hidden>b</nav><div style='Display:\tNONE'>c</div><span hidden>d</span>e",
    "comments": "a<!-- <p>b</p> --><!--->c--><!---->d<!-- - -- -->e<?php f > ?>g<![CDATA[h]]>",
    "foreign": "<math><mi>a</mi></math><svg><p>c</svg>d<math><mtext>e</math>f",
    "odd tags": "<a<b>x</a<b><x:y>z</x:y><DIV =a='b' \"c=d>e</div><img src=x>f</br>g<keygen>",
    "links": "<p>aa<a href='/x'>  bb \n cc </a><a href=''>d</a><a href='javascript:e'>f</a><a>g",
    "marks": f"<p>{WORDS}end.)</p><p>{WORDS}v1.2 3.4</p><p>{'茶' * 40}…<p>{WORDS}",
}


def differing(html: str) -> list[str]:
    """Return what the two find differently: columns of blocks and containers, and the main text."""
    page, plain = _parse_once(html, True, _STRIPPED, None), slow_walk.read(html)
    if page is None:
        return ["texts"] if plain.texts else []
    ours, numbers = as_lists(page), [_name_numbers[names] if names else 0 for names in plain.names]
    theirs = replace(plain, names=numbers)
    found = [f.name for f in fields(plain) if getattr(ours, f.name) != getattr(theirs, f.name)]
    if found or not plain.texts:
        return found
    kept = choose_blocks(page.containers, page.blocks, page.scores, element_traits())
    plainly = main_blocks(plain)
    for bullets in (True, False):
        parts = page.containers, page.blocks, element_traits(), page.text, kept
        text = render(*parts, bullets).tobytes().decode()
        if text != slow_scoring.render(plain, plainly, bullets):
            found.append("text")
    return found if bytes(kept) == bytes(plainly) else [*found, "kept"]


def as_lists(page: Page) -> slow_page.Page:
    """Return a page of arrays as the plain walk has it; names become numbers in both."""
    columns = page.containers.T.tolist()
    kinds, homes, units, lengths, ends, lines, _ = page.blocks.T.tolist()
    shares, values = page.scores.T.tolist()
    text = page.text.tobytes()
    texts = [text[start:end].decode() for start, end in pairwise([0, *ends])]
    assert lengths == list(map(len, texts))
    assert lines == ["\n" in text for text in texts]
    return slow_page.Page(
        tags=[NAMES[number] for number in columns[TAG]],
        parents=columns[PARENT],
        weights=columns[WEIGHT],
        names=columns[NAME],
        mains=[i for i, is_main in enumerate(columns[IS_MAIN]) if is_main],
        starts=columns[FIRST],
        ends=columns[END],
        texts=texts,
        kinds=[NAMES[number] for number in kinds],
        homes=homes,
        linked=shares,
        units=units,
        linked_headings=[
            share >= 0.6 and NAMES[kind] in HEADINGS
            for share, kind in zip(shares, kinds, strict=True)
        ],
        values=values,
        characters=page.characters,
    )


@pytest.mark.parametrize("page", BY_HAND.values(), ids=BY_HAND)
def test_pages_by_hand_are_read_as_by_the_plain_walk(page: str) -> None:
    assert differing(page) == []


def test_real_pages_are_read_as_by_the_plain_walk() -> None:
    for path in sorted(DATA.glob("*.zst")):
        for number, record in enumerate(read_records([path])):
            if number % 5 == 0:
                assert differing(record["html"]) == [], record["id"]


def test_mutated_pages_are_read_as_by_the_plain_walk() -> None:
    """Where two texts of a link meet, a blank may be counted or not; nothing else may differ."""
    pages = [r["html"] for path in sorted(DATA.glob("*.zst")) for r in read_records([path])]
    pages = [page for page in pages if len(page) < 20_000]
    chance = random.Random(42)
    linked = 0
    for _ in range(150):
        page = chance.choice(pages)
        for mutation in chance.sample([m for m in MUTATIONS if m is not hostile], 2):
            page = mutation(page, chance, pages)
        found = differing(page.encode("utf-8", "replace").decode())
        assert found in ([], ["linked"])
        linked += found == ["linked"]
    assert linked < 5
