"""WMT23's published translations, scored here, beside its organisers' BLEU and chrF."""

from __future__ import annotations

from pathlib import Path

from mind_core import MindError
from mind_eval.benchmarks.rows import find, has, read_text
from mind_eval.conform.checks import Check, close
from mind_eval.metrics.translation import corpus_scores

WMT = "wmt23"
SOURCE = "wmt-conference/wmt23-news-systems, scores/automatic-scores.tsv"
SET = "generaltest2023"
METRICS = {"bleu-refA": ("bleu", "BLEU"), "chrf-refA": ("chrf", "chrF")}
OTHERS = ("ja",)
"""Targets that the organisers cut with MeCab, which mind-eval has not."""

BOUND = 0.01


def wmt_checks(folder: Path | None) -> list[Check]:
    """Score each system of a copy of the organisers' repository against its first reference.

    Of `txt/` only the references and systems that are there count. Raises `MindError` for a system
    that has another number of lines than its reference.
    """
    if folder is None or not folder.is_dir():
        return [Check("WMT23, BLEU and chrF of its systems", "-", None, SOURCE)]
    checks = []
    for (pair, system), scores in sorted(_published(folder).items()):
        language = pair.partition("-")[2]
        written = f"{SET}.{pair}.hyp.{system}.{language}"
        reference = f"{SET}.{pair}.ref.refA.{language}"
        if not (has(folder / "txt" / "system-outputs", written)
                and has(folder / "txt" / "references", reference)):  # fmt: skip
            continue
        lines = _lines(folder / "txt" / "system-outputs", written)
        wanted = _lines(folder / "txt" / "references", reference)
        if len(lines) != len(wanted):
            raise MindError(
                f"{written} has {len(lines):,} lines, {reference} has {len(wanted):,}",
                hint="fetch both again",
            )
        found = corpus_scores(lines, wanted, language, errors=False)
        for name, value in sorted(scores.items()):
            metric, shown = METRICS[name]
            what = f"WMT23 {pair}, {system}, {shown}"
            checks.append(close(what, value, found[metric]["value"], SOURCE, BOUND))
    return checks or [Check("WMT23, BLEU and chrF of its systems", "-", None, SOURCE)]


def _published(folder: Path) -> dict[tuple[str, str], dict[str, float]]:
    """Read the table of scores: those of each pair of languages and system, by metric."""
    path = find(folder / "scores", "automatic-scores.tsv")
    rows = [line.split("\t") for line in read_text(path).split("\n") if line]
    wanted: dict[tuple[str, str], dict[str, float]] = {}
    for number, row in enumerate(rows[1:], 2):
        try:
            pair, system, _, _, metric, value = row
            if metric in METRICS and pair.partition("-")[2] not in OTHERS:
                wanted.setdefault((pair, system), {})[metric] = float(value)
        except ValueError as error:
            raise MindError(f"{path}:{number}: not a row of six columns", cause=error) from None
    return wanted


def _lines(folder: Path, name: str) -> list[str]:
    return read_text(find(folder, name)).removesuffix("\n").split("\n")
