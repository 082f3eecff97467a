"""Ratings for people: a table, and a plot of the intervals."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mind_core.render.svg import COLOURS, WIDTH, picture, svg_text, ticks
from mind_core.safe_html import Safe, markup

LEFT, RIGHT, ROW, BOTTOM = 190, 20, 22, 40


def format_ratings(report: Mapping[str, Any]) -> str:
    """Lay out ratings with intervals, and below them what is to be known about the judge."""
    rule = report["rule"]
    lines = [
        f"{report['ballots']:,} verdicts on {report['questions']:,} questions, "
        f"{report['games']:,} pairs; {rule['model']}, prior {rule['prior']:g}, "
        "95 % intervals by question",
        "",
        f"{'':>4} {'rating':>8}   {'interval':^17}  {'ranks':>7}  {'won':>6}  "
        f"{'Elo ± orders':>14}  model",
    ]
    for row in report["models"]:
        interval = "" if row["low"] is None else f"{row['low']:8.1f} …{row['high']:7.1f}"
        ranks = "" if row["rank_low"] is None else f"{row['rank_low']}-{row['rank_high']}"
        elo = f"{row['elo']['mean']:.1f} ± {row['elo']['spread']:.1f}"
        marks = f"  [{', '.join(row['marks'])}]" if row["marks"] else ""
        lines.append(
            f"{row['rank']:>4} {row['rating']:>8.1f}   {interval:17}  {ranks:>7}  "
            f"{row['win_rate']:>6.1%}  {elo:>14}  {row['model']}{marks}"
        )
    resolved = [one["resolved"] for one in report["differences"] if one["resolved"] is not None]
    if resolved:
        lines += ["", f"{sum(resolved):,} of {len(resolved):,} differences are resolved"]
    lines += _seat_lines(report["seats"])
    if unequal := report["unequal_questions"]:
        lines += ["", f"{len(unequal)} models were not judged on every question"]
    return "\n".join(lines) + "\n"


def _seat_lines(seats: Mapping[str, Any]) -> list[str]:
    titles = {
        "first_seat": "the first seat won",
        "flips": "verdicts changed with the seats",
        "longer_reply": "the longer reply won",
        "repeats_agree": "two verdicts on a pair agreed",
    }
    lines = [""]
    for name, title in titles.items():
        rate = seats[name]
        if rate is None:
            continue
        span = f" ({rate['low']:.1%} … {rate['high']:.1%})" if "low" in rate else ""
        bias = ": a bias" if rate.get("resolved") else ""
        lines.append(f"{title}: {rate['rate']:.1%}{span} of {rate['count']:,}{bias}")
    if seats["kappa"] is not None:
        lines.append(f"agreement beyond chance (kappa): {seats['kappa']:.3f}")
    return lines if len(lines) > 1 else []


def plot_ratings(report: Mapping[str, Any]) -> Safe:
    """Return an SVG with a row a model: its rating, interval, and Elo over the orders (grey)."""
    rows = report["models"]
    edges = [
        row[name] for row in rows for name in ("low", "high", "rating") if row[name] is not None
    ]
    low, high = min(edges), max(edges)
    margin = (high - low) * 0.05 or 1.0
    low, high = low - margin, high + margin
    height = ROW * len(rows) + BOTTOM

    def across(value: float) -> float:
        return round(float(LEFT + (value - low) / (high - low) * (WIDTH - LEFT - RIGHT)), 1)

    parts: list[Safe] = []
    for value in ticks(low, high):
        x = across(value)
        end = height - BOTTOM
        parts.append(markup('<line class="grid" x1="{x}" x2="{x}" y1="0" y2="{y}"/>', x=x, y=end))
        parts.append(svg_text(x, end + 16, f"{value:g}", "middle"))
    label = f"rating ({report['rule']['model']}), 95 % by question"
    parts.append(svg_text((LEFT + WIDTH) / 2, height - 6, label, "middle"))
    for n, row in enumerate(rows):
        y = ROW * (n + 0.5)
        parts.append(svg_text(LEFT - 8, y + 4, row["model"], "end"))
        if row["low"] is not None:
            parts.append(
                markup(
                    '<line stroke="{colour}" stroke-width="2" x1="{low}" x2="{high}" y1="{y}" '
                    'y2="{y}"/>',
                    colour=COLOURS[1], low=across(row["low"]), high=across(row["high"]), y=y,
                )
            )  # fmt: skip
        parts.append(
            markup(
                '<circle fill="{}" cx="{}" cy="{}" r="3.6"/>', COLOURS[1], across(row["rating"]), y
            )
        )
    return picture(parts, WIDTH, height, "ratings")
