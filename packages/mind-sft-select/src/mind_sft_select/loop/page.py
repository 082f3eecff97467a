"""The page of a loop: what was tried, what came of it, and what it does not show."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mind_core.files import atomic_file
from mind_core.render.svg import picture, shade, svg_text
from mind_core.safe_html import Safe, markup
from mind_sft_select.histogram import histogram
from mind_sft_select.loop.state import Loop


def write_page(loop: Loop, result: dict[str, Any], folder: Path) -> None:
    """Write `page.md` and its pictures."""
    for language in sorted({cluster.stratum for cluster in loop.clusters}):
        _write(folder / f"histogram-{language}.svg", _histogram(loop, result, language))
        if result["fits"].get(language):
            _write(folder / f"curve-{language}.svg", _curve(loop, result, language))
    _write(folder / "page.md", "\n".join(_lines(loop, result)) + "\n")


def _write(path: Path, text: str) -> None:
    with atomic_file(path) as file:
        file.write(text.encode())


def _spent(result: dict[str, Any]) -> str:
    """Return from how few to how many answer tokens the arms were tuned on."""
    spent = [tokens for arm in result["arms"].values() for tokens in arm["tokens"]]
    return f"{min(spent):,} to {max(spent):,}" if spent else "none"


def _lines(loop: Loop, result: dict[str, Any]) -> list[str]:
    plan = loop.plan
    lines = [
        "# Does the entropy rule hold here?",
        "",
        f"**{result['verdict']}**"
        + (f"; a difference of {result['detectable_difference']:.4f} nats would have shown"
           if result["detectable_difference"] is not None else ""),
        "",
        f"{result['pool_records']:,} records, {result['band_records']:,} in the band "
        f"{result['band'][0]:+.2f} … {result['band'][1]:+.2f} above the model's own entropy "
        f"({result['reference']['uses']}). Every arm: {_spent(result)} of "
        f"{plan.budget:,} answer tokens, {plan.steps} steps.",
        "",
        f"The model's median IFD is {result['ifd_median']}: near 1 it hardly reads the question, "
        "and its entropy measures rare words.",
        "",
        "## Reference",
        "",
        *_table(["kind", "language", "nats/token", "95 % interval"], [
            [kind, language, f"{row['value']:.4f}", f"{row['low']:.4f} … {row['high']:.4f}"]
            for kind in ("text", "chat", "pool")
            for language, row in result["reference"].get(kind, {}).items()
        ]),
    ]  # fmt: skip
    for language, fit in result["fits"].items():
        lines += ["", f"## {language}", "", f"![histogram](histogram-{language}.svg)", ""]
        if fit is None:
            lines.append("Fewer than four clusters of the budget: no curve.")
            continue
        low, high = ("open" if v is None else f"{v:.2f}" for v in fit["peak_interval"])
        lines += [f"![curve](curve-{language}.svg)", "",
                  f"Verdict of the fit on the first half of the items: **{fit['verdict']}**, best "
                  f"gap between {low} and {high} (95 %)."]  # fmt: skip
        if fit["needed"]:
            n = fit["needed"]
            lines.append(f"It would take {n['clusters']} clusters × {n['seeds']} seeds × "
                         f"{n['items']:,} items.")  # fmt: skip
    lines += ["", "## Arms, on the second half of the items", "", *_table(
        ["arm", "seeds", "answer tokens", "of the first seed", "loss", "sd over seeds"],
        [[name, str(arm["seeds"]), f"{np.mean(arm['tokens']):,.0f}",
          ", ".join(f"{k} {v:,}" for k, v in arm["by_language"].items()),
          f"{np.mean(arm['loss']):.4f}",
          f"{np.std(arm['loss'], ddof=1):.4f}" if arm["seeds"] > 1 else "–"]
         for name, arm in result["arms"].items()],
    )]  # fmt: skip
    lines += ["", "## The band against the baselines", "", *_table(
        ["baseline", "language", "band − baseline", "standard error", "p (Holm)"],
        [[row["baseline"], row["language"], f"{row['difference']:+.4f}",
          f"{row['standard_error']:.4f}", f"{row['p_holm']:.3f}"] for row in result["differences"]],
    )]  # fmt: skip
    lines += [*_choice_lines(result), *_differential_lines(result)]
    lines += ["", "## How much the choices matter", "", *_table(
        ["choice", "records", "Jaccard with the band"],
        [[str(row["choice"]), str(row["records"]), str(row["jaccard"])]
         for row in result["stability"]],
    )]  # fmt: skip
    versions = ", ".join(f"{name} {version}" for name, version in result["versions"].items())
    return [*lines, "", f"Made by `mind-sft-select loop` with {versions}."]


def _choice_lines(result: dict[str, Any]) -> list[str]:
    """Return the margins of right choices by arm and language, with accuracy beside its chance."""
    if not result["choices"]:
        return []
    rows = [
        [name, language, f"{row['items']:,}", f"{np.mean(row['margin']):+.4f}",
         f"{np.mean(row['accuracy']):.3f}", f"{row['chance']:.3f}"]
        for name, by_language in result["choices"].items() for language, row in by_language.items()
    ]  # fmt: skip
    return [
        "", "## Choices", "",
        "Margin: log-probability of the right choice in nats per byte less the mean of the wrong "
        "ones, cloze form, no examples. Accuracy by byte; near its chance it decides nothing.", "",
        *_table(["arm", "language", "items", "margin", "accuracy", "chance"], rows), "",
        *_table(["baseline", "language", "band − baseline", "standard error", "p (Holm)"], [
            [row["baseline"], row["language"], f"{row['difference']:+.4f}",
             f"{row['standard_error']:.4f}", f"{row['p_holm']:.3f}"]
            for row in result["margin_differences"]
        ]),
    ]  # fmt: skip


def _differential_lines(result: dict[str, Any]) -> list[str]:
    """Return where the band stands among the differentials of the pool."""
    if not result["differential"]:
        return []
    return [
        "", "## Where the band stands among differentials", "",
        "Differential entropy: nats per token under the first model of `random` less those under "
        "the base. Rank 0 is the lowest differential of the pool, which InstructDiff keeps; 0.5 is "
        "what a draw at random has.", "",
        *_table(["language", "records", "median", "Spearman with entropy", "rank of the band"], [
            [language, f"{row['records']:,}", f"{row['median']:+.4f}",
             "–" if row["spearman"] is None else f"{row['spearman']:+.2f}",
             "–" if row["band_rank"] is None else f"{row['band_rank']:.2f}"]
            for language, row in result["differential"].items()
        ]),
    ]  # fmt: skip


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    return [
        f"| {' | '.join(header)} |",
        f"|{'---|' * len(header)}",
        *(f"| {' | '.join(row)} |" for row in rows),
    ]


def _histogram(loop: Loop, result: dict[str, Any], language: str) -> Safe:
    scores = loop.data.pool.number("entropy")
    own = [(n, c) for n, c in enumerate(loop.clusters) if c.stratum == language]
    places = [i for _, c in own for i in c.members]
    labels = [n for n, c in own for _ in c.members]
    reference = loop.own.of(language)
    low, high = result["band"]
    band = None if reference is None else (reference + low, reference + high)
    return histogram(scores[places], labels, reference=reference, band=band)


WIDTH, HEIGHT, MARGIN = 640, 300, 50


def _curve(loop: Loop, result: dict[str, Any], language: str) -> Safe:
    """Draw the clusters' losses with their seeds, the fitted curve, and the peak's interval."""
    fit, own = result["fits"][language], loop.own.of(language) or 0.0
    names = [f"cluster-{n:02d}" for n, c in enumerate(loop.clusters) if c.stratum == language]
    # Clusters that are too small were not tuned.
    names = [name for name in names if name in loop.cells]
    half = loop.data.halves & np.array([w == language for w in loop.data.item_languages])
    weights = loop.data.weights[half]
    means = [[float(np.average(c.losses[half], weights=weights)) for c in loop.cells[name]]
             for name in names]  # fmt: skip
    scores = loop.data.pool.number("entropy")
    gaps = [float(scores[loop.clusters[int(name[8:])].members].mean()) - own for name in names]
    # The curve too has to lie within the picture.
    values = [v for row in means for v in row] + fit["fitted"]
    low, high = min(values), max(values)

    def x(gap: float) -> float:
        span = max(max(gaps) - min(gaps), 1e-9)
        return MARGIN + (gap - min(gaps)) / span * (WIDTH - 2 * MARGIN)

    def y(value: float) -> float:
        share = (value - low) / max(high - low, 1e-9)
        return float(HEIGHT - MARGIN - share * (HEIGHT - 2 * MARGIN))

    ends = [min(gaps) if fit["peak_interval"][0] is None else fit["peak_interval"][0],
            max(gaps) if fit["peak_interval"][1] is None else fit["peak_interval"][1]]  # fmt: skip
    # An interval may reach beyond what was tried: it is drawn up to the ends.
    left, right = x(max(ends[0], min(gaps))), x(min(ends[1], max(gaps)))
    parts = [shade(left, max(right - left, 0), MARGIN, HEIGHT - 2 * MARGIN)]
    line = " ".join(f"{x(g):.1f},{y(v):.1f}" for g, v in zip(gaps, fit["fitted"], strict=True))
    parts.append(markup('<polyline points="{}" fill="none" stroke="#c33"/>', line))
    for gap, row in zip(gaps, means, strict=True):
        parts += [
            markup('<circle cx="{:.1f}" cy="{:.1f}" r="3" fill="#36c"/>', x(gap), y(v)) for v in row
        ]
        parts.append(svg_text(x(gap), HEIGHT - MARGIN + 15, f"{gap:+.2f}", "middle"))
    for value in (low, high):
        parts.append(markup('<text x="4" y="{:.1f}">{:.3f}</text>', y(value), value))
    label = "entropy above the model's own, nats per token; below: loss"
    parts.append(svg_text(WIDTH / 2, HEIGHT - 8, label, "middle"))
    return picture(parts, WIDTH, HEIGHT, label)
