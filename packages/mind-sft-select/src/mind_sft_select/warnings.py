"""What a user should not overlook after a selection: nothing kept, one language, what was lost."""

from __future__ import annotations

import math
from collections.abc import Iterator

from mind_core.summary import Summary
from mind_sft_select.bands import quantile
from mind_sft_select.config import SelectionConfig
from mind_sft_select.score_stats import SHARES
from mind_sft_select.selection import Selector

MAX_TOO_LONG = 0.1
"""Share of records dropped as too long from which on the selection is one of short answers."""
MAX_TIES = 0.1


def warnings(selector: Selector, summary: Summary, config: SelectionConfig) -> Iterator[str]:
    """Yield warnings about a finished run."""
    scored = [s for s in selector.seen if s.is_scored]
    if len(selector.seen) and not scored:
        yield f"none of {len(selector.seen):,} was scored: {_unscored(selector, summary)}"
    elif scored and not selector.kept and selector.rule.band is not None:
        gaps = [gap for s in scored if (gap := selector.rule.gap(s)) is not None]
        reach = (
            f"gaps run from {min(gaps):.3f} to {max(gaps):.3f}"
            if gaps
            else "no language of them has a reference"
        )
        yield f"no record lies in the band; {reach}; --quantile LOW,HIGH keeps a share instead"
    # Own scores differ by language, so one reference for all may keep a single one.
    languages = {s.language for s in scored}
    if len(languages) > 1 and len(selector.kept) == 1:
        yield (
            f"only {next(iter(selector.kept))} records lie in the band, of {len(languages)} "
            "languages"
        )
    if scored:
        yield from _lengths(selector, summary)
        yield from _ties(selector, config, len(scored))


def _lengths(selector: Selector, summary: Summary) -> Iterator[str]:
    """Warn where so many records are too long that short answers are what is left."""
    step = selector.rule.step
    count = (summary.rejected + summary.marked)[f"{step}.too_long"]
    if count <= MAX_TOO_LONG * len(selector.seen):
        return
    said = f"{count:,} of {len(selector.seen):,} ({count / len(selector.seen):.0%}) are too_long"
    if "tokens" in selector.rule.notes:
        column = selector.rule.notes.index("tokens")
        dropped = sorted(
            s.values[column]
            for s in selector.seen
            if math.isnan(s.values[0]) and math.isfinite(s.values[column])
        )
        kept = sorted(s.values[column] for s in selector.seen if s.is_scored)
        if dropped and kept:
            said += f": answers of {_quantiles(dropped)} tokens, the scored ones {_quantiles(kept)}"
    yield (
        f"{said}; what is selected is short answers; --set {step}.long=cut scores what "
        f"fits, {step}.long=window everything"
    )


def _quantiles(ordered: list[float]) -> str:
    return "/".join(f"{quantile(ordered, share):.0f}" for share in SHARES)


def _ties(selector: Selector, config: SelectionConfig, scored: int) -> Iterator[str]:
    if config.quantile is None or config.max is not None:
        return
    wanted, kept = config.quantile[1] - config.quantile[0], selector.kept.total() / scored
    # With fewer records a quantile is coarse by itself.
    if kept > wanted + MAX_TIES and scored >= 20:
        yield (
            f"{kept:.0%} lie between the quantiles instead of {wanted:.0%}: many scores are equal"
        )


def _unscored(selector: Selector, summary: Summary) -> str:
    """Count the reasons why nothing was scored; what is too long can be cut."""
    counts = (summary.rejected + summary.marked).items()
    reasons = {name.removeprefix(f"{selector.rule.step}."): count for name, count in counts}
    said = ", ".join(f"{count:,} {reason}" for reason, count in sorted(reasons.items()))
    context = summary.details["model"].get("context")
    if "too_long" in reasons and context:
        said += (
            f" for the context of {context} tokens; --set {selector.rule.step}.long=cut scores "
            "what fits"
        )
    return said
