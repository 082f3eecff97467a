"""Select from scored records: conditions, quotas and budgets; baselines beside the selection."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from mind_core import Reason, Record
from mind_core.chats import read_chat_batches
from mind_core.errors import UsageError
from mind_core.files import atomic_folder, write_manifest
from mind_core.output import write_records
from mind_core.records import annotate, describe, encode
from mind_core.runner import BatchResult, StreamOptions, run_stream
from mind_core.stream import read_records
from mind_core.summary import Summary
from mind_sft_select.bands import check_shares
from mind_sft_select.choosing import (
    BASELINES,
    Chosen,
    SelectionRules,
    baseline,
    choose,
    eligible,
    parse_quota,
    stability,
)
from mind_sft_select.expressions import Condition
from mind_sft_select.instructions import NOTES, Instruction, InstructionParser
from mind_sft_select.pipeline import refuse_equal
from mind_sft_select.pool import NUMBERS, WORDS, Pool, overlapping
from mind_sft_select.references import Reference, parse_reference, read_reference
from mind_sft_select.replayable_input import make_replayable
from mind_sft_select.score_stats import rank_correlation
from mind_sft_select.scorers.conversations import questions_of
from mind_sft_select.scoring.answer_model import check_choice
from mind_sft_select.scoring.sums import Choice

TOOL = "mind-sft-select"
STEP = "select"
DEFAULT_BAND = (1.0, 1.5)
"""MindLLM's rule, in nats above the model's own entropy."""


@dataclass(frozen=True)
class Extras:
    """What a selection is checked against, and what is written beside it."""

    evaluation: tuple[Path, ...] = ()
    baselines: Path | None = None
    baseline_seeds: int = 1
    seed: int = 0
    mark: bool = False


def scored_rules(
    flags: Mapping[str, Any], reference: str | None, entropy: str | None, where: str | None,
    quota: Sequence[str] | None, max_tokens: int | None, unit: str, keep_duplicates: bool,
) -> SelectionRules:  # fmt: skip
    """Return the rules that a command line gives for scored records."""
    if flags["band"] is not None and flags["quantile"] is not None:
        raise UsageError("--band and --quantile exclude each other")
    own: Reference | None = None
    per_language = flags["per_language"] is not False
    if reference is not None and entropy is not None:
        raise UsageError("--reference and --reference-entropy exclude each other")
    if reference is not None:
        own = Reference(read_reference(Path(reference)), per_language)
    elif entropy is not None:
        own = parse_reference(entropy, per_language)
    band = flags["band"]
    if band is None and flags["quantile"] is None and own is not None:
        band = DEFAULT_BAND
    if band is not None and own is None:
        raise UsageError(
            "the band is measured from a reference, and none was given",
            hint="--reference FILE of `mind-sft-select reference`, or --reference-entropy X",
        )
    check_choice("--unit", unit, ("nats", "bits"))
    if flags["quantile"] is not None:
        check_shares(*flags["quantile"])
    return SelectionRules(
        band=band, quantile=flags["quantile"], reference=own,
        # An end token has no bytes, so bits per byte leave it out.
        choice=Choice(unit=unit, end=unit == "nats"),
        where=None if where is None else Condition(where, (*NUMBERS, *WORDS)),
        quotas=dict(map(parse_quota, quota or ())), max_records=flags["max"],
        max_tokens=max_tokens, keep_duplicates=keep_duplicates,
    )  # fmt: skip


@dataclass
class _Gather:
    pool: Pool
    early: list[Reason | None] = field(default_factory=list)

    def __call__(self, outcome: BatchResult) -> BatchResult:
        instructions: list[Instruction] = outcome.payload
        for given in instructions:
            self.early.append(given.reason)
            self.pool.add(given.record)
            # The first pass only counts: an empty line stands for the record.
            outcome.keep(b"")
        outcome.payload = None
        return outcome


@dataclass
class _ChoiceWriter:
    chosen: Chosen
    reasons: Sequence[Reason | None]
    mark: bool
    index: int = 0

    def __call__(self, outcome: BatchResult) -> BatchResult:
        instructions: list[Instruction] = outcome.payload
        for given in instructions:
            # Batches come in order, in both passes the same, so a running number finds the
            # decision.
            reason, gap = self.reasons[self.index], self.chosen.gaps[self.index]
            self.index += 1
            annotate(given.record, NOTES, gap=None if np.isnan(gap) else float(gap))
            if reason is None:
                outcome.keep(encode(given.record))
            elif self.mark:
                annotate(given.record, NOTES, marks=[{"step": STEP, **describe(reason)}])
                outcome.marked[f"{STEP}.{reason}"] += 1
                outcome.keep(encode(given.record))
            else:
                outcome.reject(given.record, TOOL, STEP, reason)
        outcome.payload = None
        return outcome


def select_scored(rules: SelectionRules, extras: Extras, options: StreamOptions) -> Summary:
    """Select from records that `score` wrote; the input is read twice.

    Raises `UsageError` where no record has scores, or they are of several models.
    """
    summary = Summary(TOOL, seed=extras.seed)
    with tempfile.TemporaryDirectory(prefix="mind-sft-select-") as folder:
        # Standard input can be read once only; it is kept in a file for the second pass.
        inputs = make_replayable(options, Path(folder))
        pool = Pool(extras.seed, keep_questions=bool(extras.evaluation))
        gather = _Gather(pool)
        aside = replace(inputs.options, output=Path(folder) / "pass", rejects=None, summary=None,
                        quiet=True)  # fmt: skip
        parse = InstructionParser(inputs.names)
        run_stream(Summary(TOOL), parse, aside, gather, batches=read_chat_batches(aside.inputs))
        _check(pool, rules)
        overlap = _overlap(pool, extras.evaluation)
        chosen = choose(pool, rules, overlap)
        # What the parser refused comes first: such a record may have scores from before.
        reasons = [early or late for early, late in zip(gather.early, chosen.reasons, strict=True)]

        def finish(summary: Summary) -> None:
            summary.details.update(describe_selection(pool, rules, chosen, reasons))

        emit = _ChoiceWriter(chosen, reasons, extras.mark)
        batches = read_chat_batches(inputs.options.inputs)
        run_stream(summary, parse, inputs.options, emit, finish, batches=batches)
        if extras.baselines is not None:
            usable = [i for i, r in enumerate(eligible(pool, rules, overlap)) if r is None]
            kept = [i for i, r in enumerate(reasons) if r is None]
            write_baselines(pool, usable, kept, extras, inputs.options.inputs, parse)
    return summary


def _check(pool: Pool, rules: SelectionRules) -> None:
    if len(pool) and not any(sums is not None for sums in pool.sums):
        raise UsageError(
            "no record has scores", hint="`mind-sft-select score --model …` first, or --model here"
        )
    if len(pool.models) > 1:
        raise UsageError(
            "the records were scored under several models",
            cause=", ".join(sorted(pool.models)),
            hint="score all of them under one",
        )
    if rules.quantile is not None and rules.quantile != (0.0, 1.0):
        scores = pool.scores(rules.choice)
        groups = {
            language: [float(v) for v in scores[pool.in_language(language)] if v == v]
            for language in pool.languages()
        }
        refuse_equal(rules.choice.unit, groups, per_language=True)


def _overlap(pool: Pool, evaluation: Sequence[Path]) -> Any:
    """Return which questions stand in evaluation files: items of mind-eval, chats or texts."""
    if not evaluation:
        return None
    texts: list[str] = []
    for path in evaluation:
        for record in read_records([path / "items.jsonl.zst" if path.is_dir() else path]):
            texts += _texts_of(record)
    return overlapping(pool, texts)


def _texts_of(record: Record) -> list[str]:
    if isinstance(record.get("messages"), list):
        return [questions_of(record["messages"])]
    return [str(record[name]) for name in ("question", "instruction", "prompt", "text")
            if isinstance(record.get(name), str)][:1]  # fmt: skip


def describe_selection(
    pool: Pool, rules: SelectionRules, chosen: Chosen, reasons: Sequence[Reason | None]
) -> dict[str, Any]:
    """Describe a selection: counts, length and language before and after, correlations with
    length in each language, and how much the choices matter.
    """
    tokens, scores = pool.number("tokens"), pool.scores(rules.choice)
    kept = np.array([reason is None for reason in reasons], dtype=np.bool_)
    languages = {}
    for language in pool.languages():
        inside = pool.in_language(language)
        both = inside & kept
        languages[language] = {
            "records": int(inside.sum()),
            "kept": int(both.sum()),
            "answer_tokens": int(np.nansum(tokens[inside])),
            "kept_answer_tokens": int(np.nansum(tokens[both])),
            "length_median": _median(tokens[inside]),
            "kept_length_median": _median(tokens[both]),
            "rank_correlation_with_tokens": rank_correlation(
                list(zip(scores[inside].tolist(), tokens[inside].tolist(), strict=True))
            ),
        }
    band = chosen.band
    return {
        "choice": rules.choice.name,
        "band": None if band is None else [band.low, band.high],
        "band_by_language": None if band is None else {k: list(v) for k, v in
                                                       band.by_language.items()},
        "reference": None if rules.reference is None else dict(rules.reference.values),
        "model": sorted(pool.models),
        "answer_tokens": int(np.nansum(tokens[kept])),
        "languages": languages,
        "stability": stability(pool, chosen, rules),
    }  # fmt: skip


def _median(values: Any) -> float | None:
    known = values[~np.isnan(values)]
    return float(np.median(known)) if len(known) else None


def write_baselines(
    pool: Pool, usable: Sequence[int], kept: Sequence[int], extras: Extras, inputs: Sequence[str],
    parse: InstructionParser,
) -> None:  # fmt: skip
    """Write every baseline at the selection's answer tokens, one stream each, into a new folder."""
    assert extras.baselines is not None, "it was asked for"
    has_ifd = bool((~np.isnan(pool.number("ifd"))).any())
    plans: dict[str, set[int]] = {}
    for name in BASELINES:
        if name == "ifd-top" and not has_ifd:
            continue
        # The others are sorted, so a seed changes nothing.
        seeds = range(extras.baseline_seeds) if name.startswith("random") else range(1)
        for seed in seeds:
            label = f"{name}-seed{seed}" if name.startswith("random") else name
            plans[label] = set(baseline(name, pool, usable, kept, extras.seed + seed))
    tokens = pool.number("tokens")
    with atomic_folder(extras.baselines) as folder:
        for label, places in plans.items():
            # Read again for each baseline: places are held in memory, records are not.
            records = (record for i, record in enumerate(_records(inputs, parse)) if i in places)
            write_records(folder / f"{label}.jsonl.zst", records)
        write_manifest(folder, {
            "format": "mind-sft-baselines", "version": 1, "seed": extras.seed,
            "selection_answer_tokens": int(tokens[list(kept)].sum()),
            "answer_tokens": {k: int(tokens[sorted(v)].sum()) for k, v in plans.items()},
        })  # fmt: skip


def _records(inputs: Sequence[str], parse: InstructionParser) -> Any:
    for batch in read_chat_batches(inputs):
        for given in parse(batch).payload:
            yield given.record
