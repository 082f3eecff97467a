"""The folder that `mind-clean quality train` makes: model, manifest, report."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from mind_core.errors import MindError
from mind_core.files import read_manifest, sha256_file

FORMAT = "mind-quality"
MODEL = "model.bin"
REPORT = "report.html"


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
        told = QualityModel(
            model,
            str(manifest["label"]),
            str(manifest["segment"]),
            thresholds,
            int(manifest["sample"]),
        )
        wanted = manifest["sha256"]
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise MindError(f"{folder}: damaged manifest", cause=error, hint="train it again") from None
    if not model.is_file() or sha256_file(model) != wanted:
        raise MindError(f"{model} is not the file that was trained", hint="train it again")
    return told
