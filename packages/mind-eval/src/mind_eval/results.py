"""Scores as a folder: `scores.json` in lm-eval's schema with our sections, and the items."""

from __future__ import annotations

import platform
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mind_core import MindError, Record
from mind_core.files import (
    atomic_file,
    read_json,
    read_manifest,
    sha256_file,
    write_json,
    write_manifest,
)
from mind_core.output import write_records
from mind_core.stream import read_records
from mind_core.summary import version_of
from mind_core.untrusted import as_written
from mind_eval.finite import check_read_items, check_read_scores
from mind_eval.kept_prompts import PROMPTS, KeptPrompts
from mind_eval.metrics.likelihoods import LOWER_IS_BETTER, SMALL
from mind_eval.metrics.tasks import TaskMetrics, averages
from mind_eval.suites import averages_of, small_of

if TYPE_CHECKING:
    from mind_core.recipe import Recipe

FORMAT = "mind-scores"
SCORES = "scores.json"
ITEMS = "items.jsonl.zst"
SUBMISSION = "submission-{}.json"
SHOWN_CHARACTERS = 600
"""Of a question, in the items: enough to recognise it, and the page stays small."""

LIBRARIES = ("mind-eval", "mind-train", "mind-tok", "lm-eval", "torch", "sacrebleu")


def versions() -> dict[str, str]:
    """List the versions that a score can depend on."""
    return {"python": platform.python_version(), **{name: version_of(name) for name in LIBRARIES}}


def enter_outcome(scores: dict[str, Any], outcome: EvalResults, recipe: Recipe) -> None:
    """Enter what benchmarks came to, in lm-eval's schema with our sections beside it."""
    measured = outcome.measured
    scores["results"] = outcome.results
    scores["benchmarks"] = outcome.about
    scores["configs"] = outcome.configs
    scores["versions"] = {
        name: (config.get("metadata") or {}).get("version", 0)
        for name, config in outcome.configs.items()
    }
    scores["n-shot"] = {name: config["num_fewshot"] for name, config in outcome.configs.items()}
    scores["higher_is_better"] = {
        name: {
            one["metric"]: one.get("higher_is_better", True)
            for one in config.get("metric_list") or [{"metric": "acc"}]
        }
        | {metric: metric not in LOWER_IS_BETTER for metric in SMALL if small_of(recipe)}
        for name, config in outcome.configs.items()
    }
    counts: dict[str, int] = {}
    for record in outcome.records:
        counts[record["task"]] = counts.get(record["task"], 0) + 1
    scores["n-samples"] = {
        name: {"original": counts.get(name, 0), "effective": counts.get(name, 0)}
        for name in outcome.about
    }
    scores["headlines"] = {name: one.headline for name, one in measured.items()}
    scores["subjects"] = {name: one.subjects for name, one in measured.items() if one.subjects}
    scores["categories"] = {
        name: one.categories for name, one in measured.items() if one.categories
    }
    if outcome.submissions:
        scores["submissions"] = {
            name: sum(map(len, subjects.values())) for name, subjects in outcome.submissions.items()
        }
    scores["averages"] = averages(outcome.measured, averages_of(recipe))
    if outcome.contamination:
        scores["contamination"] = outcome.contamination
    scores["requests"] = outcome.requests
    scores["failed"] = outcome.failed
    scores["complete"] = not outcome.incomplete


def items_of(samples: Mapping[str, Sequence[Mapping[str, Any]]]) -> Iterator[Record]:
    """Yield one record an item: what was asked by hash, every log-probability, every metric."""
    for task, rows in samples.items():
        for row in rows:
            metrics = {name: plain(row[name]) for name in row["metrics"]}
            asked = [tuple(map(str, one)) for one in row["arguments"]]
            answers = [plain(answer[0]) for answer in row["resps"]]
            # lm-eval gives (log-probability, is greedy) for each choice, text for what was written.
            chosen = len(answers) > 1 and all(isinstance(one, list) for one in answers)
            record: Record = {
                "id": f"{task}/{row['doc'].get('id', row['doc_id'])}",
                "task": task,
                "doc_id": row["doc_id"],
                "target": plain(row["target"]),
                "answers": answers,
                "picked": plain(row["filtered_resps"][0]),
                "filter": row["filter"],
                "metrics": metrics,
                "prompt_hash": row["prompt_hash"],
                "doc_hash": row["doc_hash"],
                # The end of the prompt: before the question stand the examples.
                "question": asked[0][0][-SHOWN_CHARACTERS:],
            }
            if chosen:
                record["picked"] = max(range(len(answers)), key=lambda place: answers[place][0])
                record["choices"] = [one[1].strip()[:SHOWN_CHARACTERS] for one in asked]
            yield record


def write_scores(
    folder: Path,
    scores: Mapping[str, Any],
    items: Iterable[Record],
    seconds: float,
    submissions: Mapping[str, Mapping[str, Any]] | None = None,
    prompts: KeptPrompts | None = None,
) -> None:
    """Fill a scores folder; the manifest comes last and holds what may vary between runs.

    `submissions` are the answers to tests whose right answers are kept back, a file each.
    """
    extra = []
    for name, answers in (submissions or {}).items():
        extra.append(SUBMISSION.format(name))
        write_json(folder / extra[-1], answers)
    # Nothing in it varies between two runs of the same thing: seconds go to the manifest, so the
    # hashes of scores can be compared.
    write_json(folder / SCORES, scores)
    count = write_records(folder / ITEMS, items)
    if prompts is not None and prompts.count:
        with atomic_file(folder / PROMPTS) as file:
            file.write(prompts.finish())
        extra.append(PROMPTS)
    files = {
        name: {"size": (folder / name).stat().st_size, "sha256": sha256_file(folder / name)}
        for name in (SCORES, ITEMS, *extra)
    }
    write_manifest(
        folder,
        {
            "format": FORMAT,
            "version": 1,
            "files": files,
            "items": count,
            "model": scores["model"],
            "versions": scores["library_versions"],
            "seconds": round(seconds, 3),
        },
    )


def read_scores(folder: Path) -> dict[str, Any]:
    """Read the scores of a complete folder; raise `MindError` if it is none."""
    read_manifest(folder, format=FORMAT)
    scores = read_json(folder / SCORES)
    if not isinstance(scores, dict) or "results" not in scores:
        raise MindError(f"{folder / SCORES} holds no scores", hint="run mind-eval again")
    with as_written(folder / SCORES):
        check_read_scores(scores, folder / SCORES)
    return scores


def read_items(folder: Path) -> list[Record]:
    """Read the items of a complete folder."""
    read_manifest(folder, format=FORMAT)
    items = list(read_records([folder / ITEMS]))
    with as_written(folder / ITEMS):
        check_read_items(items, folder / ITEMS)
    return items


def plain(value: Any) -> Any:
    """Turn a value into JSON values: numpy numbers to Python's, what is neither to its text."""
    if isinstance(value, Mapping):
        return {str(key): plain(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple, set)):
        return [plain(inner) for inner in value]
    # First: numpy's float64 is a float of Python too, and no JSON value.
    if hasattr(value, "item") and getattr(value, "ndim", None) == 0:
        return value.item()
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    return str(value)


@dataclass
class EvalResults:
    """What became of all benchmarks."""

    results: dict[str, Any] = field(default_factory=dict)
    about: dict[str, Any] = field(default_factory=dict)
    measured: dict[str, TaskMetrics] = field(default_factory=dict)
    configs: dict[str, Any] = field(default_factory=dict)
    records: list[Record] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)
    bad: dict[str, list[tuple[str, str]]] = field(default_factory=dict)
    submissions: dict[str, dict[str, dict[str, str]]] = field(default_factory=dict)
    pieces: list[list[str]] = field(default_factory=list)
    """Of each record, the texts that could stand in training."""
    contamination: dict[str, Any] = field(default_factory=dict)
    requests: dict[str, int] = field(default_factory=dict)
    prompts: KeptPrompts | None = None
    """What the items were asked with; None where no folder is written."""
    refused: dict[str, dict[str, int]] = field(default_factory=dict)
    """Of each benchmark, replies of a server that are no answers, by kind."""

    @property
    def incomplete(self) -> bool:
        """Tell whether anything was set aside."""
        return bool(self.failed or any(self.bad.values()))
