"""Choose records of a pool: a band, conditions, quotas, a budget; and baselines to compare."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from mind_core import Reason
from mind_core.errors import UsageError
from mind_core.untrusted import whole_number
from mind_sft_select.bands import Band, quantile_band
from mind_sft_select.expressions import Condition
from mind_sft_select.pool import NUMBERS, WORDS, Pool
from mind_sft_select.references import Reference
from mind_sft_select.scoring.sums import Choice

BASELINES = ("random", "random-length", "longest", "lowest", "highest", "ifd-top")
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class SelectionRules:
    """What is kept of a pool; see `mind-sft-select select --help`."""

    band: tuple[float, float] | None = None
    quantile: tuple[float, float] | None = None
    reference: Reference | None = None
    choice: Choice = field(default_factory=Choice)
    where: Condition | None = None
    quotas: Mapping[str, int] = field(default_factory=dict)
    max_records: int | None = None
    max_tokens: int | None = None
    keep_duplicates: bool = False


@dataclass(frozen=True)
class Chosen:
    """A reason for each record [N], None for those that are kept; `gaps` float64 [N]."""

    reasons: list[Reason | None]
    gaps: Floats
    band: Band | None

    @property
    def kept(self) -> list[int]:
        """Return the places of the records that are kept."""
        return [index for index, reason in enumerate(self.reasons) if reason is None]


def parse_quota(text: str) -> tuple[str, int]:
    """Read `language:zh=2000`, `source:*=500` or `turns:1=100`: at most so many records."""
    left, equals, number = text.rpartition("=")
    name, colon, _ = left.partition(":")
    most = whole_number(number)
    if not equals or not colon or most is None or name not in (*WORDS, "turns"):
        raise UsageError(
            f"--quota {text!r} is no quota",
            hint="for example --quota language:zh=2000, source:*=500 (each source) or turns:1=100",
        )
    return left, most


def eligible(
    pool: Pool, rules: SelectionRules, overlap: NDArray[np.bool_] | None
) -> list[Reason | None]:
    """Return why records are out before any score decides: conditions, copies, evaluation items."""
    columns = {name: pool.number(name) for name in NUMBERS}
    seen: set[int] = set()
    reasons: list[Reason | None] = []
    for index, sums in enumerate(pool.sums):
        reason: Reason | None = None
        if sums is None:
            reason = Reason("unscored")
        elif rules.where is not None and not rules.where(pool.row(index, columns)):
            reason = Reason("where")
        elif overlap is not None and overlap[index]:
            reason = Reason("in_evaluation")
        elif not rules.keep_duplicates and pool.questions[index] in seen:
            reason = Reason("duplicate")
        # Only a record that stays hides its copies: one that `where` threw out must not.
        if reason is None:
            seen.add(pool.questions[index])
        reasons.append(reason)
    return reasons


def choose(pool: Pool, rules: SelectionRules, overlap: NDArray[np.bool_] | None = None) -> Chosen:
    """Decide every record of a pool."""
    reasons = eligible(pool, rules, overlap)
    scores, gaps = pool.scores(rules.choice), np.full(len(pool), np.nan)
    by_language: dict[str, list[float]] = {}
    for index, language in enumerate(pool.words["language"]):
        if reasons[index] is not None:
            continue
        if np.isnan(scores[index]):
            reasons[index] = Reason("unscored")
            continue
        # Without a reference the score itself is the gap, from which quantiles are taken.
        own = 0.0 if rules.reference is None else rules.reference.of(language)
        if own is None:
            reasons[index] = Reason("no_reference", language)
            continue
        gaps[index] = round(float(scores[index]) - own, 6)
        by_language.setdefault(language, []).append(float(gaps[index]))
    band = Band(*rules.band) if rules.band is not None else None
    # After all gaps are known, of eligible records only: shares are of what could be kept.
    if rules.quantile is not None:
        band = quantile_band(by_language, *rules.quantile, per_language=True)
    for index, language in enumerate(pool.words["language"]):
        if reasons[index] is None and band is not None:
            reasons[index] = band.verdict(float(gaps[index]), language)
    _limit(pool, rules, reasons)
    return Chosen(reasons, gaps, band)


def _limit(pool: Pool, rules: SelectionRules, reasons: list[Reason | None]) -> None:
    """Draw within quotas and the budget, in an order by the seed and by what is said."""
    inside = [index for index, reason in enumerate(reasons) if reason is None]
    tokens, turns = pool.number("tokens"), pool.number("turns")
    used: Counter[str] = Counter()
    records, spent = 0, 0.0
    # By hash of seed and content: another order of the input draws the same records.
    for index in sorted(inside, key=lambda i: (pool.random[i], i)):
        keys = [f"{name}:{pool.words[name][index]}" for name in WORDS]
        keys.append(f"turns:{int(turns[index])}")
        full = [key for key in keys if used[key] >= _allowed(rules.quotas, key)]
        if full:
            reasons[index] = Reason("over_quota", full[0])
        elif (rules.max_records is not None and records >= rules.max_records) or (
            # Goes on behind one that does not fit, so shorter ones may fill the rest.
            rules.max_tokens is not None and spent + tokens[index] > rules.max_tokens
        ):
            reasons[index] = Reason("over_max")
        else:
            used.update(keys)
            records, spent = records + 1, spent + tokens[index]


def _allowed(quotas: Mapping[str, int], key: str) -> float:
    name = key.partition(":")[0]
    return quotas.get(key, quotas.get(f"{name}:*", float("inf")))


def baseline(
    name: str, pool: Pool, candidates: Sequence[int], like: Sequence[int], seed: int = 0
) -> list[int]:
    """Choose by a baseline rule as many answer tokens as the records `like` have.

    `random-length` has the length histogram of `like` (bins of a quarter octave) in each language.
    """
    tokens, entropy, ifd = (pool.number(n) for n in ("tokens", "entropy", "ifd"))
    budget = float(tokens[list(like)].sum())
    drawn = np.random.default_rng(seed).permutation(len(candidates))
    shuffled = [candidates[i] for i in drawn]
    if name == "random":
        ordered = shuffled
    elif name == "random-length":
        wanted = Counter(_length_bin(pool, tokens, i) for i in like)
        ordered = []
        for index in shuffled:
            # As many of each length as `like` has, then, for bins that ran out, whatever else is
            # there.
            if wanted[(place := _length_bin(pool, tokens, index))] > 0:
                wanted[place] -= 1
                ordered.append(index)
        taken = set(ordered)
        ordered += [i for i in shuffled if i not in taken]
    elif name == "ifd-top":
        # Above 1 the question misleads (see `MISALIGNED`), so the highest IFD of all is no good
        # record.
        known = [i for i in candidates if not np.isnan(ifd[i]) and ifd[i] <= 1.0]
        if not known:
            raise UsageError("no record has an IFD", hint="score with --unconditional")
        ordered = sorted(known, key=lambda i: (-ifd[i], i))
    elif name in BASELINES:
        key = {"longest": -tokens, "lowest": entropy, "highest": -entropy}[name]
        ordered = sorted(candidates, key=lambda i: (key[i], i))
    else:
        raise UsageError(f"there is no baseline {name!r}", hint=f"known: {', '.join(BASELINES)}")
    return within(ordered, tokens, budget)


def within(ordered: Sequence[int], tokens: Floats, budget: float) -> list[int]:
    """Take records in order as long as their tokens fit a budget; others are passed by."""
    chosen, spent = [], 0.0
    for index in ordered:
        if spent + tokens[index] <= budget:
            chosen.append(index)
            spent += float(tokens[index])
    return sorted(chosen)


def _length_bin(pool: Pool, tokens: Floats, index: int) -> tuple[str, int]:
    return pool.words["language"][index], int(4 * np.log2(max(tokens[index], 1.0)))


def stability(pool: Pool, chosen: Chosen, rules: SelectionRules) -> list[dict[str, object]]:
    """Return the Jaccard index of the band's records with those that lie in the same ranks, in each
    language, under every other choice of unit, template, end token and truncation.
    """
    inside = {i for i, reason in enumerate(chosen.reasons)
              if reason is None or reason in ("over_max", "over_quota")}  # fmt: skip
    base = pool.scores(rules.choice)
    rows: list[dict[str, object]] = []
    for other in pool.choices():
        scores = pool.scores(other)
        found: set[int] = set()
        for language in pool.languages():
            member = pool.in_language(language) & ~np.isnan(base)
            places = np.flatnonzero(member)
            mine = [i for i in places if i in inside]
            if not mine:
                continue
            # `argsort` twice gives ranks: scores of two units have no common scale, but their ranks
            # do.
            ranks = np.argsort(np.argsort(base[places], kind="stable"), kind="stable")
            low, high = (f(ranks[[i in inside for i in places]]) / len(places) for f in (min, max))
            # Under some choices a record has no score (too long, say): shares are of those that
            # have.
            usable = places[~np.isnan(scores[places])]
            order = np.argsort(np.argsort(scores[usable], kind="stable"), kind="stable")
            share = order / max(len(usable), 1)
            found |= {int(i) for i in usable[(share >= low) & (share <= high)]}
        union = len(inside | found)
        jaccard = round(len(inside & found) / union, 4) if union else None
        rows.append({"choice": other.name, "records": len(found), "jaccard": jaccard})
    return rows
