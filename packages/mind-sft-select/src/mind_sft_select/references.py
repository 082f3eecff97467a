"""The model's own score, by language: given, or measured on held-out texts by the same scorer."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mind_core import MindError, Record
from mind_core.errors import UsageError
from mind_core.files import read_json, read_manifest
from mind_core.stream import check_inputs, read_records
from mind_core.untrusted import as_written, inside

ALL = "all"
REFERENCE_AGAIN = "`mind-sft-select reference` makes one"


@dataclass(frozen=True)
class Reference:
    """Own scores by language; "all" stands for every language without one of its own."""

    values: Mapping[str, float]
    per_language: bool = True

    def of(self, language: str) -> float | None:
        """Return the reference for a language, or None if there is none."""
        if self.per_language and language in self.values:
            return self.values[language]
        return self.values.get(ALL)


def parse_reference(text: str, per_language: bool = True) -> Reference:
    """Read `3.2`, or `zh=3.9,en=3.1`, where `all=…` may stand for the rest."""
    values: dict[str, float] = {}
    for part in text.split(","):
        language, equals, number = part.partition("=")
        try:
            value = float(number if equals else part)
        except ValueError:
            value = math.nan
        if not math.isfinite(value):
            raise UsageError(
                f"--reference-entropy {text!r}: {part!r} is no number",
                hint="for example 3.2, or zh=3.9,en=3.1",
            )
        values[language.strip() if equals else ALL] = value
    return _checked(Reference(values, per_language))


def measured_reference(scorer: Any, source: str, per_language: bool) -> Reference:
    """Return a scorer's own score: measured on a file of held-out texts, or read from a scores
    folder of `mind-eval run --heldout` for the same checkpoint.

    Raises `UsageError` if the scorer has no such thing, or the folder is of another checkpoint.
    """
    if source.endswith(".json"):
        return _checked(Reference(read_reference(Path(source), scorer), per_language))
    own = _own(scorer)
    if Path(source).is_dir():
        found = _from_scores(Path(source), scorer)
    else:
        found = own(read_records([source]))
    if not found:
        raise MindError(f"{source} has no text to measure", hint="check --reference")
    for language, value in sorted(found.items()):
        if not isinstance(value, (int, float)) or not math.isfinite(value):
            raise MindError(
                f"the reference of language {language} is {value}, which is no finite number",
                cause=f"measured on {source} under {getattr(scorer, 'model', '') or 'the scorer'}",
                hint="check the checkpoint: a model with NaN weights has no entropy",
            )
    return _checked(Reference({k: round(v, 6) for k, v in found.items()}, per_language))


def read_reference(path: Path, scorer: Any = None) -> dict[str, float]:
    """Read what `mind-sft-select reference` wrote: the values of the kind that it uses.

    Raises `UsageError` if it is of another checkpoint than the scorer's.
    """
    found = read_json(path)
    if not isinstance(found, dict) or found.get("format") != "mind-sft-reference":
        raise UsageError(f"{path} is no reference", hint="`mind-sft-select reference` makes one")
    with as_written(path, REFERENCE_AGAIN):
        theirs = str(found["model"]["fingerprint"])
        values = {str(language): row["value"] for language, row in found[found["uses"]].items()}
    mine = getattr(scorer, "fingerprint", None)
    # Records note twelve digits of a fingerprint, files all of it.
    if mine is not None and not theirs.startswith(str(mine)[:12]):
        raise UsageError(
            f"{path} was measured under another checkpoint",
            cause=f"its weights are {theirs[:12]}…, those of the model are {str(mine)[:12]}…",
            hint="measure the reference under the same --model",
        )
    for language, value in values.items():
        if not isinstance(value, (int, float)) or not math.isfinite(value):
            raise MindError(f"{path}: the reference of language {language} is no finite number")
    return values


def check_source(scorer: Any, source: str) -> None:
    """Raise `MindError` for held-out texts that are not there, and scores that do not fit."""
    if source.endswith(".json"):
        read_reference(Path(source), scorer)
        return
    _own(scorer)
    if Path(source).is_dir():
        _from_scores(Path(source), scorer)
    else:
        check_inputs([source])


def _own(scorer: Any) -> Callable[[Iterator[Record]], dict[str, float]]:
    own: Callable[[Iterator[Record]], dict[str, float]] | None = getattr(scorer, "own", None)
    if own is None:
        raise UsageError(
            f"the scorer {type(scorer).__name__} measures no reference",
            hint="give a number with --reference-entropy",
        )
    return own


def _from_scores(folder: Path, scorer: Any) -> dict[str, float]:
    manifest = read_manifest(folder, format="mind-scores")
    metric, mine = getattr(scorer, "metric", None), str(getattr(scorer, "fingerprint", "unknown"))
    with as_written(folder):
        theirs = str(manifest["model"]["fingerprint"])
    # A number of other weights is not the model's own entropy.
    if metric is None or mine != theirs:
        raise UsageError(
            f"{folder} holds the scores of another checkpoint",
            cause=f"its weights are {theirs[:12]}…, those of the model are {mine[:12]}…",
            hint="run mind-eval on the same --model, or give a file of held-out texts",
        )
    with as_written(folder):
        held = read_json(inside(folder, "scores.json")).get("heldout") or {}
        groups = {**held.get("languages", {}), ALL: held.get("all", {})}
        return {name: values[metric] for name, values in groups.items() if values.get(metric)}


def _checked(reference: Reference) -> Reference:
    if not reference.per_language and ALL not in reference.values:
        raise UsageError(
            "--no-per-language needs one number for all languages",
            hint="for example --reference-entropy 3.2",
        )
    return reference
