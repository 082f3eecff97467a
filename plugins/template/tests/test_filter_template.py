"""What the filter keeps and drops, and that it behaves as the pipeline needs it."""

from __future__ import annotations

from mind_filter_template import Template

from mind_core.testing import check_filter


def test_it_drops_what_is_short() -> None:
    check_filter(
        Template,
        keeps=[
            "A sentence of more than twenty characters.",
            "天地玄黄，宇宙洪荒。日月盈昃，辰宿列张。",
        ],
        drops=["Home", "首页"],
    )


def test_its_option() -> None:
    check_filter(Template, keeps=["首页"], drops=[""], min_characters=1)
