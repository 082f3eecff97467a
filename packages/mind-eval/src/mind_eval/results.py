"""Scores as a folder: `scores.json` in lm-eval's schema with our sections, and the items."""

from __future__ import annotations

import platform
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mind_core import MindError, Record
from mind_core.files import read_json, read_manifest, sha256_file, write_json, write_manifest
from mind_core.output import write_records
from mind_core.stream import read_records
from mind_core.summary import version_of

if TYPE_CHECKING:
    from mind_train import Checkpoint

FORMAT = "mind-scores"
SCORES = "scores.json"
ITEMS = "items.jsonl.zst"
LIBRARIES = ("mind-eval", "mind-train", "mind-tok", "lm-eval", "torch", "datasets")


def model_section(checkpoint: Checkpoint, model: str) -> dict[str, Any]:
    """Describe the model: what was named, and the fingerprint that identifies it."""
    return {
        "named": model,
        "fingerprint": checkpoint.fingerprint,
        "step": checkpoint.step,
        "architecture": checkpoint.architecture,
        "parameters": sum(p.numel() for p in checkpoint.model.parameters()),
        "context": checkpoint.context,
        "tokenizer_sha256": checkpoint.tokenizer.sha256,
        "vocab_size": checkpoint.tokenizer.vocab_size,
    }


def versions() -> dict[str, str]:
    """List the versions that a score can depend on."""
    return {"python": platform.python_version(), **{name: version_of(name) for name in LIBRARIES}}


def items_of(samples: Mapping[str, Sequence[Mapping[str, Any]]]) -> Iterator[Record]:
    """Yield one record an item: what was asked by hash, every log-probability, every metric."""
    for task, rows in samples.items():
        for row in rows:
            metrics = {name: plain(row[name]) for name in row["metrics"]}
            yield {
                "id": f"{task}/{row['doc'].get('id', row['doc_id'])}",
                "task": task,
                "doc_id": row["doc_id"],
                "target": plain(row["target"]),
                "answers": [plain(answer[0]) for answer in row["resps"]],
                "filter": row["filter"],
                "metrics": metrics,
                "prompt_hash": row["prompt_hash"],
                "doc_hash": row["doc_hash"],
            }


def write_scores(
    folder: Path, scores: Mapping[str, Any], items: Iterator[Record], seconds: float
) -> None:
    """Fill a scores folder; the manifest comes last and holds what may vary between runs."""
    write_json(folder / SCORES, scores)
    count = write_records(folder / ITEMS, items)
    files = {
        name: {"size": (folder / name).stat().st_size, "sha256": sha256_file(folder / name)}
        for name in (SCORES, ITEMS)
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
    return scores


def read_items(folder: Path) -> list[Record]:
    """Read the items of a complete folder."""
    read_manifest(folder, format=FORMAT)
    return list(read_records([folder / ITEMS]))


def plain(value: Any) -> Any:
    """Turn a value into JSON values: numpy numbers to Python's, what is neither to its text."""
    if isinstance(value, Mapping):
        return {str(key): plain(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple, set)):
        return [plain(inner) for inner in value]
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if hasattr(value, "item") and getattr(value, "ndim", None) == 0:
        return value.item()
    return str(value)
