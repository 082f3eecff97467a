"""Run benchmarks: load, build, ask, score; one benchmark after another, one result for all.

A row or a benchmark that cannot be used stops the run, or is set aside, named and counted with
`--keep-going`. Nothing of it is ever scored as a wrong answer.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from mind_core import Record
from mind_core.recipe import Recipe
from mind_eval.benchmarks.benchmark import Benchmark, Data
from mind_eval.contamination import columns, dirty_shares, pieces_of, training_texts
from mind_eval.metrics.items import FORMULAS, SPBLEU, check_metrics, item_metrics
from mind_eval.metrics.likelihoods import SMALL
from mind_eval.metrics.tasks import measure_task
from mind_eval.prompts.builder import Builder, Instance
from mind_eval.prompts.spec import (
    CUT,
    GENERATE_UNTIL,
    MULTIPLE_CHOICE,
    Spec,
    in_paragraphs,
    spec_of,
    with_limit,
)
from mind_eval.response_cache import Answer
from mind_eval.results import SHOWN_CHARACTERS, EvalResults
from mind_eval.runner import CachedInstance, RequestRunner
from mind_eval.suites import SPM, chat_of, limits_of, math_of, small_of, spm_of

NO_RECIPE = Recipe("none", {})


@dataclass(frozen=True)
class Lost:
    """An item without an answer: why, and of which kind the reply is if a server gave one."""

    id: str
    why: str
    kind: str | None = None
    shots: int = 0


@dataclass(frozen=True)
class LoadedBenchmark:
    """A benchmark ready to be asked."""

    name: str
    benchmark: Benchmark
    spec: Spec
    data: Data
    builder: Builder


def open_benchmark(
    name: str,
    benchmark: Benchmark,
    data_root: Path | None,
    seed: int,
    keep_going: bool,
    recipe: Recipe = NO_RECIPE,
) -> LoadedBenchmark:
    """Load a benchmark's data and templates, as a recipe wants them.

    It says how formulas are compared, whether choices get the metrics for small models as well,
    how many tokens may be written, and whether the model is asked in a conversation.
    """
    spec = with_limit(spec_of(benchmark, name), limits_of(recipe).get(name))
    if chat_of(recipe) is not None:
        spec = in_paragraphs(spec)
    if spec.metadata.get("extract") in FORMULAS:
        spec = dataclasses.replace(spec, metadata={**spec.metadata, "math": math_of(recipe)})
    if (spm := spm_of(recipe)) is not None and "bleu" in spec.metrics:
        metrics, metadata = (*spec.metrics, SPBLEU), {**spec.metadata, SPM: spm}
        spec = dataclasses.replace(spec, metrics=metrics, metadata=metadata)
    if small_of(recipe) and spec.kind == MULTIPLE_CHOICE:
        spec = dataclasses.replace(spec, metrics=(*spec.metrics, *SMALL))
    check_metrics(spec)
    data = benchmark.load(data_root, keep_going)
    builder = Builder(spec, data.splits, shots=benchmark.shots, seed=seed)
    return LoadedBenchmark(name, benchmark, spec, data, builder)


def run_benchmark(
    opened: LoadedBenchmark,
    engine: RequestRunner,
    outcome: EvalResults,
    limit: int | None,
    keep_going: bool,
    note: Callable[[Sequence[CachedInstance], Sequence[Lost]], None] = lambda *_: None,
) -> None:
    """Ask a model all items of a benchmark and, on the first rank, measure the answers.

    `note` hears of the items, and of those without an answer, before they are scored.
    """
    # Only a model on this machine has an encoder: of a server neither the tokenizer nor the context
    # is known, so no example is ever dropped there to make a prompt fit.
    fits = engine.encoder.fits if hasattr(engine, "encoder") else None
    builder, spec, bad = opened.builder, opened.spec, opened.data.bad
    items = builder.build(fits, limit, bad.append if keep_going else None)
    # All items of a benchmark are held until they are scored. Their prompts repeat the examples
    # item by item, so that is the text that would fill the memory.
    keyed = [drop_prompt_text(one) for one in _kept(engine, spec, items, outcome)]
    # Every rank has to arrive here, as gathering is one call of all; only the first goes on.
    if engine.collect():
        reasons = [engine.unanswered(one) for one in keyed]
        lost = [
            Lost(one.asked.id, why, engine.refusal(one), one.asked.shots)
            for one, why in zip(keyed, reasons, strict=True)
            if why
        ]
        # Before scoring, which copies what is bad and refused into the result.
        set_aside(opened, lost, outcome)
        keyed = [one for one, why in zip(keyed, reasons, strict=True) if why is None]
        note(keyed, lost)
        # From here on `keyed` are items with an answer only, so a lookup in the log cannot fail.
        texts = spec.kind == GENERATE_UNTIL
        answers = [[engine.text(one)] if texts else engine.answers(one) for one in keyed]
        score_benchmark(opened, [one.asked for one in keyed], answers, outcome)


def _kept(
    engine: RequestRunner, spec: Spec, items: Iterable[Instance], outcome: EvalResults
) -> Iterator[CachedInstance]:
    """Pass items through that are asked; the first rank keeps their prompts, if they are wanted."""
    for one in engine.ask(spec, items):
        if outcome.prompts is not None and engine.ranks.first:
            outcome.prompts.add(f"{spec.name}/{one.asked.id}", one.asked.prompts)
        yield one


def set_aside(opened: LoadedBenchmark, lost: Iterable[Lost], outcome: EvalResults) -> None:
    """Enter items without an answer: none of them is scored."""
    counts = outcome.refused.setdefault(opened.name, {})
    for one in lost:
        opened.data.bad.append((f"item {one.id}", one.why))
        if one.kind is not None:
            counts[one.kind] = counts.get(one.kind, 0) + 1


def drop_prompt_text(keyed: CachedInstance) -> CachedInstance:
    """Let go of an item's prompt, but for its hash."""
    asked = keyed.asked
    marks = tuple(hashlib.sha256(text.encode()).hexdigest() for text in asked.prompts)
    return CachedInstance(dataclasses.replace(asked, prompts=marks), keyed.keys)


def score_benchmark(
    opened: LoadedBenchmark,
    items: Sequence[Instance],
    answers: Iterable[Sequence[Answer]],
    outcome: EvalResults,
) -> None:
    """Score the answers to a benchmark and enter everything into the outcome."""
    name, spec, rules = opened.name, opened.spec, opened.benchmark.measure
    records = [_record(spec, asked, given) for asked, given in zip(items, answers, strict=True)]
    outcome.bad[name] = opened.data.bad
    outcome.about[name] = {**about(opened), "refused": outcome.refused.get(name, {})}
    outcome.configs[name] = {**spec.config, "task": name, "num_fewshot": opened.benchmark.shots}
    outcome.records += records
    outcome.pieces += [pieces_of(asked.doc) for asked in items]
    # A test set whose answers its owners keep back (C-Eval's): there is nothing to score with.
    if not rules["labels"]:
        outcome.submissions[name] = submission(items, records)
        return
    # A mean over nothing would be NaN, or a zero that reads like a score.
    if not records:
        outcome.failed[name] = "none of its items could be asked"
        return
    measured = measure_task(
        spec,
        records,
        metric=rules["metric"],
        average=rules["average"],
        categories=opened.benchmark.rules.get("categories", {}),
    )
    outcome.measured[name] = measured
    outcome.results[name] = measured.results


def look_for_contamination(outcome: EvalResults, training: Sequence[Path]) -> None:
    """Score clean and dirty items apart, and note each item's share of n-grams seen in training."""
    shares = dirty_shares(outcome.pieces, training_texts(training))
    for record, share in zip(outcome.records, shares, strict=True):
        record["contaminated"] = share
    for name, measured in outcome.measured.items():
        # Records of all tasks stand in one list, the shares in the same order.
        mine = [place for place, one in enumerate(outcome.records) if one["task"] == name]
        outcome.contamination[name] = columns(
            [outcome.records[place] for place in mine],
            [shares[place] for place in mine],
            measured.headline["metric"],
        )


def about(opened: LoadedBenchmark) -> dict[str, Any]:
    """Describe how a benchmark was run."""
    rules, notes = opened.benchmark.rules, opened.builder.notes
    return {
        "language": rules["language"],
        "form": opened.benchmark.form,
        "licence": rules["licence"],
        "data": opened.data.origin,
        "data_sha256": opened.data.sha256,
        "delimiter": opened.spec.delimiter,
        **{key: opened.spec.metadata[key] for key in ("math",) if key in opened.spec.metadata},
        **({"max_new_tokens": opened.spec.room} if opened.spec.room else {}),
        "chance": notes.chance,
        "shots": notes.as_dict(),
        "lacking": opened.data.lacking,
        "bad_items": len(opened.data.bad),
        "bad": [f"{at}: {reason}" for at, reason in opened.data.bad[:20]],
    }


def submission(items: Sequence[Instance], records: Sequence[Record]) -> dict[str, dict[str, str]]:
    """Lay answers out as C-Eval's site takes them: {subject: {id: letter}}."""
    found: dict[str, dict[str, str]] = {}
    for asked, record in zip(items, records, strict=True):
        place = asked.id.rpartition("-")[2]
        subject = str(asked.doc.get("subject", "all"))
        # Ids end in the number of the question within its subject, as the site counts them.
        found.setdefault(subject, {})[place] = "ABCDEFG"[int(record["picked"])]
    return found


def _record(spec: Spec, asked: Instance, given: Sequence[Answer]) -> Record:
    # Either one written text, or one (log-probability, is greedy) for each choice.
    text = given[0] if isinstance(given[0], str) else None
    pairs = [one for one in given if not isinstance(one, str)]
    metrics, picked = item_metrics(spec, asked, pairs, text)
    if text is not None and text.cut is not None:
        # As a metric it gets a mean like any other: the share of texts that the limit ended. A log
        # of an earlier version does not say it.
        metrics = {**metrics, CUT: float(text.cut)}
    question = asked.doc.get("question") or asked.doc.get("text") or spec.text(asked.doc)
    record: Record = {
        "id": f"{spec.name}/{asked.id}",
        "task": spec.name,
        "doc_id": asked.number,
        # Where the choices stand in the prompt (WinoGrande), the text is the place of the right
        # one.
        "target": spec.text(asked.doc) if len(asked.prompts) > 1 else asked.gold,
        "answers": [str(text)] if text is not None else [list(pair) for pair in pairs],
        "picked": picked,
        "filter": "none",
        "metrics": dict(metrics),
        "shots": asked.shots,
        # Already a hash: see `drop_prompt_text`.
        "prompt_hash": asked.prompts[0],
        "doc_hash": hashlib.sha256(orjson.dumps(asked.doc, default=str)).hexdigest(),
        "question": str(question)[:SHOWN_CHARACTERS],
    }
    if spec.kind == MULTIPLE_CHOICE:
        record["choices"] = [
            str(c)[:SHOWN_CHARACTERS] for c in asked.doc.get("choices", asked.choices)
        ]
    for name in ("subject", "target_language"):
        if name in asked.doc:
            record[name] = asked.doc[name]
    return record
