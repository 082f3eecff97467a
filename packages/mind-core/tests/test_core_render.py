"""Tables line up, charts stay in their frames, and what is not finite is left out."""

from __future__ import annotations

import math
from xml.etree import ElementTree

import pytest

from mind_core.render.chart import Line, histogram, line_chart, smooth, thin_out
from mind_core.render.pictures import Panel, bar_picture, line_picture
from mind_core.render.svg import ticks
from mind_core.render.terminal import align_columns, width

SVG = "{http://www.w3.org/2000/svg}"
HOSTILE = "</text><script>x</script>"


def test_ticks_are_the_round_numbers_that_people_expect() -> None:
    assert ticks(0, 1) == [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]
    assert ticks(2.4, 8.7) == [4.0, 6.0, 8.0]
    assert ticks(0, 320) == [0.0, 100.0, 200.0, 300.0]
    assert ticks(-3, 3) == [-2.0, 0.0, 2.0]
    assert ticks(0, 12) == [0.0, 2.5, 5.0, 7.5, 10.0]
    assert ticks(5, 5) == [5]


@pytest.mark.parametrize("low, high", [(0, 1), (2.4, 8.7), (0, 320), (-3, 3), (5, 5), (0, 1e-6)])
def test_ticks_are_round_and_inside(low: float, high: float) -> None:
    found = ticks(low, high)
    assert 1 <= len(found) <= 7
    assert all(low - 1e-9 <= tick <= high + 1e-9 for tick in found)


def test_charts_stay_inside_their_frame() -> None:
    chart = line_chart([Line("<a>", [(0, 9), (10, 2), (20, 5)])], "x", "y")
    assert "&lt;a&gt;" in chart and "NaN" not in chart
    points = chart.split('points="')[1].split('"')[0].split()
    assert all(
        0 <= float(p.split(",")[0]) <= 680 and 0 <= float(p.split(",")[1]) <= 260 for p in points
    )
    assert line_chart([], "x", "y") == "" == histogram([], "x")
    assert histogram([Line("a", [(1.0, 1), (1.0, 1)])], "x", (0.5, 9.0)).count("<rect") == 41


def test_smoothing_is_a_running_mean() -> None:
    assert smooth([(1, 2.0), (2, 4.0)]) == [(1, 2.0), (2, 3.0)]
    assert smooth([(n, 1.0) for n in range(100)])[-1] == (99, 1.0)


def test_what_is_not_finite_is_left_out_and_spoils_nothing() -> None:
    points = [(n, 2.0) for n in range(100)]
    points[10] = (10, math.nan)
    points[20] = (20, math.inf)
    assert smooth(points) == [(n, 2.0) for n in range(100) if n not in (10, 20)]
    chart = line_chart([Line("a", [(0, 1.0), (1, math.nan), (2, 3.0)])], "x", "y")
    assert "nan" not in chart and len(chart.split('points="')[1].split('"')[0].split()) == 2
    assert line_chart([Line("a", [(0, math.nan)])], "x", "y") == ""
    assert "nan" not in histogram([Line("a", [(1.0, 1), (math.nan, 1), (2.0, 1)])], "x")
    assert len(thin_out([(n, 0.0) for n in range(10_000)])) == 304


@pytest.mark.parametrize("value", [0.0, 2.0**53, -1e17, 1e300])
def test_a_chart_of_one_value_of_any_size_is_drawn(value: float) -> None:
    """A half more than 2^53 is 2^53 again: there was nothing to divide by."""
    chart = line_chart([Line("a", [(1.0, value), (2.0, value)])], "x", "y")
    counts = histogram([Line("a", [(value, 1.0), (value, 1.0)])], "x")
    for text in (str(chart), str(counts)):
        assert "polyline" in text or "rect" in text
        assert "nan" not in text and "inf" not in text


def test_a_band_keeps_what_is_finite() -> None:
    """A point that is none takes its bounds along; bounds that are none leave their point."""
    points = [(0, 1.0), (1, math.nan), (2, 3.0), (3, 4.0)]
    band = [(0.5, 1.5), (0.0, 9.0), (math.nan, math.nan), (3.5, math.inf)]
    chart = line_chart([Line("a", points, band=band)], "x", "y")
    assert "nan" not in chart and "inf" not in chart
    shade, line = [part.split('"')[0].split() for part in chart.split('points="')[1:]]
    assert len(shade) == 2 and len(line) == 3
    none = line_chart([Line("a", points, band=[(math.nan, 1.0)] * 4)], "x", "y")
    assert "nan" not in none and "<polygon" not in none
    with pytest.raises(ValueError, match="zip"):
        line_chart([Line("a", points, band=band[:2])], "x", "y")


def test_ticks_of_any_size_are_round_numbers() -> None:
    for size in (1e-12, 1e-100, 1e12, 1e100):
        found = ticks(0, size)
        assert [f"{tick / size:g}" for tick in found] == ["0", "0.2", "0.4", "0.6", "0.8", "1"]
    assert ticks(0, 3e-11) == [0.0, 1e-11, 2e-11, 3e-11]
    assert ticks(0, 5e-324) == [0]


def test_a_picture_is_xml_with_its_words_as_text() -> None:
    lines = [Line(HOSTILE, [(0, 1.0), (5, 2.0)], dashes="2 3"), Line("b", [(0, 3.0), (5, 1.0)])]
    panels = [Panel(HOSTILE, lines, "x", "y", (2.5, "half")), Panel("empty", [], "x", "y")]
    root = ElementTree.fromstring(line_picture(panels, HOSTILE))
    assert [e.get("stroke-dasharray") for e in root.iter(f"{SVG}polyline")] == ["2 3", "none"]
    words = [e.text for e in root.iter(f"{SVG}text")]
    assert words.count(HOSTILE) == 2 and "half" in words and not list(root.iter(f"{SVG}script"))
    bars = ElementTree.fromstring(bar_picture("t", [("zh", [("a", 1.0), (HOSTILE, 0.5)])]))
    wide = [float(e.get("width", 0)) for e in bars.iter(f"{SVG}rect") if e.get("fill") != "white"]
    assert wide == [480.0, 240.0]


def test_columns_line_up_in_a_terminal() -> None:
    """A Chinese character takes two columns, a mark that combines none."""
    rows = [["名字", "n"], ["cafe\u0301", "10"], ["明德大模型", "7"]]
    lines = align_columns(rows, 1)
    assert lines == ["名字         n", "cafe\u0301        10", "明德大模型   7"]
    assert {width(line) for line in lines} == {14}
    assert align_columns(rows, [False, True]) == lines
