"""What is refused, at its bound: pages by their type, bounds that mean nothing, lines of lists."""

from __future__ import annotations

import json
from base64 import b64encode
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mind_clean.filters.fineweb import LONGEST_SHORT, Fineweb
from mind_clean.html_bytes import PAGE_TYPES, page_of
from mind_clean.lexicon import read_lexicon
from mind_clean.pii_rules.id_number import is_id_number
from mind_clean.pipeline import make_plugins, run_clean
from mind_clean.transforms.language import DetectLanguage
from mind_core import Reason
from mind_core.errors import UsageError
from mind_core.recipe import Recipe
from mind_core.runner import StreamOptions


def page(**http: Any) -> Any:
    record = {"html_base64": b64encode(b"<p>tea</p>").decode(), "metadata": {"http": http}}
    return page_of(record, "in:1", b"")


@pytest.mark.parametrize("kind", [*PAGE_TYPES, "Text/HTML; charset=utf-8", "", None])
def test_pages_have_a_type_of_pages_or_none(kind: str | None) -> None:
    assert page(content_type=kind).html == "<p>tea</p>"


@pytest.mark.parametrize(
    "kind", ["image/png", "application/pdf", "text/css; charset=utf-8", "html"]
)
def test_what_has_another_type_is_no_page(kind: str) -> None:
    found = page(content_type=kind)
    assert isinstance(found, Reason) and (str(found), found.value) == (
        "not_html",
        kind.split(";")[0],
    )


def test_errors_of_servers_are_no_pages() -> None:
    assert page(status=299).html == "<p>tea</p>"
    assert str(page(status=300)) == "http_redirect" == str(page(status=399))
    assert str(page(status=400)) == "http_error"
    assert str(page(bytes=1 << 40)) == "too_large"


def test_a_short_line_is_within_what_is_counted() -> None:
    assert Fineweb(short_line=LONGEST_SHORT).short_line == LONGEST_SHORT
    with pytest.raises(ValueError, match=f"short_line is {LONGEST_SHORT + 1}, more than"):
        Fineweb(short_line=LONGEST_SHORT + 1)
    assert Fineweb().short_line == 30
    with pytest.raises(ValueError, match="sample is 29"):
        DetectLanguage(29)
    assert DetectLanguage(30).sample == 30 and DetectLanguage().sample == 300


def test_a_line_of_a_list_has_three_columns_at_most(tmp_path: Path) -> None:
    path = tmp_path / "list.tsv"
    path.write_text("tea\tdrinks\t2\n")
    (word,) = read_lexicon(str(path))
    assert word == ("tea", "drinks", 2.0)
    path.write_text("tea\tdrinks\t2\tmore\n")
    with pytest.raises(UsageError, match="list.tsv:1"):
        read_lexicon(str(path))


def test_one_digit_of_eleven_checks_a_number() -> None:
    number = "11010519491231002"
    valid = [last for last in "0123456789X" if is_id_number(number + last)]
    assert valid == ["X"] and is_id_number(number + "x")


def test_a_run_that_keeps_nothing_says_what_took_most(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    records = [{"id": str(n), "text": "短", "metadata": {"lang": "zh"}} for n in range(3)]
    (tmp_path / "in.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))
    recipe = Recipe("mine", {"step": [{"filter": "han_count", "min": 100, "pages": "declared"}]})
    options = StreamOptions((str(tmp_path / "in.jsonl"),), output=tmp_path / "out.jsonl")
    run_clean(make_plugins(), recipe, options)
    assert "warning: no record is left; most frequent: han_count.few_han" in capsys.readouterr().err
    recipe = Recipe("mine", {"step": [{"filter": "han_count", "min": 0}]})
    run_clean(make_plugins(), recipe, replace(options, output=tmp_path / "again.jsonl"))
    assert "warning" not in capsys.readouterr().err
