"""How deep pages nest: never measured too low, beside the trees of two parsers."""

from __future__ import annotations

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree, html
from selectolax.lexbor import LexborHTMLParser

from mind_clean.extractors.bounds import MAX_DEPTH, bounded
from mind_clean.extractors.nesting import depth_bound, depth_written, flattened

HIDDEN = {
    "an end tag of another element": "<div></b>",
    "an end tag of an unknown element": "<div></x>",
    "an end tag in a comment": "<div><!-- </div> -->",
    "an end tag in a script": "<div><script></div></script>",
    "a script in a script": "<div><script><!--<script></script></div></script>--></script>",
    "an end tag in an attribute": '<div title="</div>">',
    "an end tag in an attribute without quotes": "<div title=</div>",
    "a name that begins like one that does not nest": "<p1><tr-x>",
    "items of two kinds of lists": "<li><dd>",
    "groups of options": "<optgroup>",
    "a form that ends beside its content": "<form><div></form>",
    "formatting that is opened again": "<b><div></b>",
    "rows in SVG": "<svg><tr><area>",
    "what ends SVG": "<svg><div/><foo/>",
    "text that is none": "<svg></x><style></style><g>",
    "an end tag in CDATA": "<svg><g><![CDATA[ > </g> ]]>",
}
MORE = (
    "x <p> </p> </div> </b> </svg> <svg> <table> <td> </table> <select> </select> <ul> </ul> <a> "
    "<template> </template> <!-- --> <b> </a> <title> </title> <br> <path/> <textarea> </form>"
)
TAGS = [*HIDDEN.values(), *MORE.split()]


def lexbor_depth(page: bytes) -> int:
    levels: dict[int, int] = {}
    for node in LexborHTMLParser(page).root.traverse(include_text=False):
        above = levels.get(node.parent.mem_id, 0) if node.parent is not None else 0
        levels[node.mem_id] = above + 1
    return max(levels.values())


def lxml_depth(page: bytes) -> int:
    tree = html.document_fromstring(page, parser=etree.HTMLParser(huge_tree=True))
    return max(sum(1 for _ in node.iterancestors()) for node in tree.iter()) + 1


@pytest.mark.parametrize("name", HIDDEN)
def test_nothing_hides_a_level(name: str) -> None:
    page = (HIDDEN[name] * 1500 + "<p>below</p>").encode()
    assert depth_bound(page)[0] >= 1400 and lexbor_depth(page) > 1400
    cut = bounded(page)
    assert lexbor_depth(cut) < 2 * MAX_DEPTH + 10 and b"below" in cut
    assert lxml_depth(cut) < 2 * MAX_DEPTH + 10


@given(st.lists(st.sampled_from(TAGS), max_size=8), st.lists(st.sampled_from(TAGS), max_size=6))
def test_no_page_is_measured_too_low(before: list[str], again: list[str]) -> None:
    page = ("x" + "".join(before) + "".join(again) * 30).encode()
    bound, is_clear = depth_bound(page)
    written = (LexborHTMLParser(page).html or "").encode()
    real = lexbor_depth(page)
    # Of what is not counted (<p>, <td>, and formatting opened again) a few stand in each that is.
    assert real <= 4 * bound + 20 and real <= 4 * depth_written(written) + 20
    assert lexbor_depth(flattened(page if is_clear else written, 10)) <= 60


def test_pages_whose_tags_overlap_are_measured_by_the_parser() -> None:
    overlap = b"<div><b>x</div>" * 300 + b"<p>end"
    assert depth_bound(overlap)[0] > MAX_DEPTH and bounded(overlap) == overlap
    icons = b'<svg viewBox="0"><title>a</title><path d="M0"/><g><path/></g></svg><br>' * 900
    assert depth_bound(icons) == (2, True)
    assert depth_bound(re.sub(b"title|path", b"desc", icons))[0] < MAX_DEPTH


@pytest.mark.parametrize(
    ("begin", "again"),
    [("<plaintext>", "<a "), ("<frameset>", "<a x='"), ("<svg><p>", "<style <a "),
     ("<svg><![CDATA[", "<b ="), ("<plaintext>", "<a<b")],
)  # fmt: skip
def test_tags_that_never_end_take_linear_time(begin: str, again: str) -> None:
    # Where no tag is as it looks each is counted, and its end was looked for to the page's end:
    # minutes for these, hundredths of a second where it is not.
    page = (begin + again * 100_000).encode()
    before = time.process_time()
    assert depth_bound(page)[0] > MAX_DEPTH
    assert time.process_time() - before < 5
