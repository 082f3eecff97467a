"""The folder that `mind-clean quality train` makes, and the form in which models read a text."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

from mind_core.errors import MindError
from mind_core.files import read_manifest, sha256_file

FORMAT = "mind-quality"
MODEL = "model.bin"
REPORT = "report.html"

SEGMENTS = ("none", "characters")
_HAN = re.compile(r"[\u2e80-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]")
# fastText takes NUL for a blank too.
_BLANKS = re.compile(r"[\s\0]+")


class QualityModel(NamedTuple):
    """Hold what a folder says of its model."""

    model: Path
    label: str
    segment: str
    thresholds: dict[str, float]
    sample: int


def read_folder(folder: Path) -> QualityModel:
    """Return what a trained folder says; raise `MindError` if it is not whole or was altered."""
    manifest = read_manifest(folder, format=FORMAT)
    model = folder / MODEL
    try:
        thresholds = {str(k): float(v) for k, v in manifest["thresholds"].items()}
        if not all(0 <= value <= 1 for value in [*thresholds.values(), thresholds["all"]]):
            raise ValueError("a threshold is no share")
        model_info = QualityModel(
            model,
            str(manifest["label"]),
            str(manifest["segment"]),
            thresholds,
            int(manifest["sample"]),
        )
        wanted = manifest["sha256"]
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise MindError(f"{folder}: damaged manifest", cause=error, hint="train it again") from None
    # Thresholds belong to these weights only.
    if not model.is_file() or sha256_file(model) != wanted:
        raise MindError(f"{model} is not the file that was trained", hint="train it again")
    return model_info


def one_line(text: str, segment: str, sample: int = 0) -> str:
    """Return a text in one line: as it is ("none"), or in small letters with blanks around Han.

    `sample` is how many characters of it are looked at, from its beginning; 0 is all.
    """
    if sample:
        text = text[:sample]
    if segment == "characters":
        text = _HAN.sub(r" \g<0> ", text.lower())
    return _BLANKS.sub(" ", text).strip()
