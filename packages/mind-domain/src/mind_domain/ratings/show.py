"""Ratings for people: a table, and a plot of the intervals."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any

from mind_eval.report.svg import COLOURS, WIDTH, ticks

LEFT, RIGHT, ROW, BOTTOM = 190, 20, 22, 40

STYLE = (
    "<style>text{font:12px sans-serif;fill:#334155}.grid{stroke:#e2e8f0}</style>"
    '<rect width="100%" height="100%" fill="#fff"/>'
)


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


def plot_ratings(report: Mapping[str, Any]) -> str:
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

    parts = [STYLE]
    for value in ticks(low, high):
        x = across(value)
        parts.append(f'<line class="grid" x1="{x}" x2="{x}" y1="0" y2="{height - BOTTOM}"/>')
        parts.append(
            f'<text x="{x}" y="{height - BOTTOM + 16}" text-anchor="middle">{value:g}</text>'
        )
    parts.append(
        f'<text x="{(LEFT + WIDTH) / 2}" y="{height - 6}" text-anchor="middle">'
        f"rating ({escape(report['rule']['model'])}), 95 % by question</text>"
    )
    for n, row in enumerate(rows):
        y = ROW * (n + 0.5)
        parts.append(
            f'<text x="{LEFT - 8}" y="{y + 4}" text-anchor="end">{escape(row["model"])}</text>'
        )
        if row["low"] is not None:
            parts.append(
                f'<line stroke="{COLOURS[1]}" stroke-width="2" x1="{across(row["low"])}" '
                f'x2="{across(row["high"])}" y1="{y}" y2="{y}"/>'
            )
        parts.append(f'<circle fill="{COLOURS[1]}" cx="{across(row["rating"])}" cy="{y}" r="3.6"/>')
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img" '
        f'aria-label="ratings">{"".join(parts)}</svg>\n'
    )
