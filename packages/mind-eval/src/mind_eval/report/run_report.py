"""Read a run folder and tell it on one page; what is not there is left out."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mind_core.errors import MindError
from mind_core.files import MANIFEST, atomic_file, read_json
from mind_core.untrusted import as_written
from mind_core.whole_files import MAX_JSON_BYTES, read_whole
from mind_eval.report.curves import curves_section, language_name, last_losses
from mind_eval.report.funnel import Stage, funnel_section, read_stages
from mind_eval.report.page import Figure, Section, render
from mind_eval.report.scores import domain_section, read_all_scores, scores_section
from mind_eval.report.selection import read_samples, samples_section, selection_section
from mind_eval.report.tokenizer import tokenizer_section
from mind_eval.report.words import say, written_in


def write_report(run: Path, output: Path, title: str, language: str = "en") -> list[str]:
    """Write the page of a run folder in a language; return the headings of its sections.

    Raises `MindError` for a folder that holds nothing to report.
    """
    if not run.is_dir():
        raise MindError(f"{run} is not a folder", hint="give the folder that bin/quickstart made")
    advice = "look at its *.json and *.jsonl files, or make it again"
    with as_written(run, advice), written_in(language):
        return _write(run, output, title)


def _write(run: Path, output: Path, title: str) -> list[str]:
    stages = read_stages(run)
    trainings = _trainings(run)
    sections = [section for section in _sections(run, stages, trainings) if section is not None]
    if not sections:
        raise MindError(
            f"{run} holds nothing to report",
            cause="no NAME.summary.json, */metrics.jsonl or */scores.json in it",
            hint="write summaries with --summary FOLDER/NAME.summary.json",
        )
    with atomic_file(output) as file:
        file.write(render(say(title), _figures(run, stages, trainings), sections).encode("utf-8"))
    return [section.heading for section in sections]


def _sections(
    run: Path, stages: Sequence[Stage], trainings: Sequence[tuple[Path, bool]]
) -> list[Section | None]:
    sections: list[Section | None] = []
    if stages:
        sections.append(funnel_section(stages))
    for path in sorted(run.glob("*.json")):
        content = read_json(path)
        # Files are known by what is in them: a user names the outputs of tools as they like.
        if isinstance(content, dict) and "round_trip" in content:
            sections.append(tokenizer_section(content))
    for number, (folder, chat) in enumerate(trainings):
        heading = (say("Fine-tuning: {}") if chat else say("Pretraining: {}")).format(folder.name)
        lead = say("The loss is on the answers alone.") + " " if chat else ""
        lead += say("The batch loss is a running mean; held-out texts never enter training.")
        sections.append(curves_section(f"training-{number}", heading, lead, folder))
    sections.append(scores_section(read_all_scores(run)))
    for stage in stages:
        if stage.summary["tool"] == "mind-sft-select":
            sections.append(selection_section(run, stage.name))
    for path in sorted(run.glob("*.json")) + sorted(run.glob("*/*.json")):
        content = read_json(path)
        if isinstance(content, dict) and "confusion" in content and "metrics" in content:
            sections.append(domain_section(content))
    sections.append(samples_section(read_samples(run)))
    return sections


def _trainings(run: Path) -> list[tuple[Path, bool]]:
    """Return the training runs in a folder, and whether each began from another's weights."""
    found = []
    for path in sorted(run.rglob("metrics.jsonl")):
        found.append((path.parent, "model" not in _recipe(path.parent)))
    return found


def _figures(
    run: Path, stages: Sequence[Stage], trainings: Sequence[tuple[Path, bool]]
) -> list[Figure]:
    figures = []
    text = [stage for stage in stages if stage.summary["tool"] in ("mind-clean", "mind-dedup")]
    if text:
        figures.append(Figure(f"{text[0].summary['in']:,}", say("pages in")))
        figures.append(Figure(f"{text[-1].summary['kept']:,}", say("distinct texts kept")))
    tokens = _tokens(run)
    if tokens:
        figures.append(Figure(f"{tokens:,}", say("tokens to learn from")))
    # Fine-tuning measures answers alone, so its bits per byte are of other texts.
    losses = next((last_losses(folder) for folder, chat in trainings if not chat), {})
    for name, value in losses.items():
        figures.append(Figure(f"{value:.2f}", say("bits per byte, {}").format(language_name(name))))
    return figures


def _recipe(training: Path) -> dict[str, Any]:
    """Return the recipe of a training run; fine-tuning takes its model from a checkpoint."""
    path = training / "recipe.toml"
    if not path.exists():
        # No recipe beside the metrics: taken for pretraining.
        return {"model": {}}
    with as_written(path):
        return tomllib.loads(read_whole(path, MAX_JSON_BYTES).decode("utf-8"))


def _tokens(run: Path) -> int:
    """Return the training tokens of the text shards in a run folder."""
    total = 0
    for path in sorted(run.glob(f"*/{MANIFEST}")):
        manifest: Any = read_json(path)
        # Shards of conversations are for fine-tuning; the figure is of the text before it.
        if manifest.get("format") == "mind-shards" and manifest.get("kind") == "text":
            total += sum(s["tokens"] for s in manifest["shards"] if s["split"] == "train")
    return total
