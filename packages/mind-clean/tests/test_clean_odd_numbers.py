"""Numbers in attributes of pages and in options that `int` refuses."""

from __future__ import annotations

import pytest
from selectolax.lexbor import LexborHTMLParser

from mind_clean.extractors.content.lists import _integer
from mind_clean.extractors.content.tables import _span
from mind_clean.key_counts import bytes_of
from mind_core.errors import UsageError


@pytest.mark.parametrize("said", ["²", "--5", "9" * 5000, "1_000", "٣", "", "-", "5-"])
def test_an_attribute_that_is_no_number_leaves_the_default(said: str) -> None:
    page = LexborHTMLParser(f'<ol start="{said}"><li>a</ol><table><td colspan="{said}">b</table>')
    ordered, cell = page.css_first("ol"), page.css_first("td")
    assert ordered is not None
    assert cell is not None
    assert _integer(ordered, "start", 7) == 7
    assert _span(cell, "colspan") == 1


def test_numbers_of_attributes_are_read() -> None:
    page = LexborHTMLParser('<ol start=" -5 "></ol><table><td colspan="3">b</table>')
    ordered, cell = page.css_first("ol"), page.css_first("td")
    assert ordered is not None
    assert cell is not None
    assert (_integer(ordered, "start", 7), _span(cell, "colspan")) == (-5, 3)


def test_a_size_of_too_many_digits_is_a_usage_error() -> None:
    with pytest.raises(UsageError):
        bytes_of("9" * 400 + "G")
