"""The run of `score`: a checkpoint on labelled records, beside what needs no language model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from mind_core import MindError, Record
from mind_core.errors import UsageError
from mind_core.files import MANIFEST, read_json, sha256_file
from mind_core.output import write_records
from mind_core.plugins import Plugins
from mind_core.progress import Progress, log
from mind_core.recipe import Recipe
from mind_core.runner import StreamOptions
from mind_core.stream import read_records
from mind_domain.baselines import KnownText, baseline_predictions, known_text
from mind_domain.comparing import compare
from mind_domain.domain import TOOL, Domain
from mind_domain.pipeline import make_classifier, make_judge
from mind_domain.reading import read_all
from mind_domain.scoring import (
    Item,
    Prediction,
    calibrate,
    item_of,
    predict,
    prediction_record,
    report,
)
from mind_train import Checkpoint, load_checkpoint

CALIBRATION_ITEMS = 300


@dataclass(frozen=True)
class EvaluationOptions:
    """What a user may say about scoring.

    `train` are the labelled records that the model learned from: with them the baselines are
    fitted. `versus` are other checkpoints by name, compared on the same rows. `cluster` is what is
    drawn as one: a day, an answer (one share, one entry) or a record.
    """

    model: Path
    domain: str = "finance"
    method: str = "likelihood"
    language: str = "auto"
    judge: str = "exact"
    draws: int = 1000
    seed: int = 0
    predictions: Path | None = None
    cluster: str = "day"
    parse: str = "last"
    calibrate: str = "none"
    train: Path | None = None
    versus: tuple[tuple[str, Path], ...] = ()
    max_tokens: int = 32


def run_score(
    plugins: Plugins, recipe: Recipe, options: StreamOptions, how: EvaluationOptions
) -> dict[str, Any]:
    """Score a checkpoint on labelled records or chats; return the scores as JSON values."""
    domain = make_classifier(plugins, how.domain, recipe)
    judge = make_judge(plugins, how.judge)
    # Before the model is loaded, which takes longest.
    if how.calibrate == "train-prior" and how.train is None:
        raise UsageError("--calibrate train-prior needs the training records", hint="--train FILE")
    held: list[tuple[Item, KnownText]]
    held, summary = read_all(
        lambda record, position: (
            item_of(record, domain, how.language, position),
            known_text(record),
        ),
        options,
    )
    if not held:
        raise MindError("there is nothing to score: the input has no records")
    items = [item for item, _ in held]
    train = _read_training(how.train, domain) if how.train is not None else []
    _refuse_known_tests(how, options.inputs)
    model = load_checkpoint(how.model)
    predictions = _predict(model, items, domain, how, train, options)
    clusters = [item.cluster_of(how.cluster) for item in items]
    # Returns over several sessions overlap from day to day, so neighbours are drawn together.
    block = max(item.horizon for item in items) if how.cluster == "day" else 1
    scores = {
        "tool": TOOL,
        "domain": how.domain,
        "method": how.method,
        "calibrate": how.calibrate,
        "seed": how.seed,
        "draws": how.draws,
        "resampled": {"cluster": how.cluster, "block": block},
        "model": {"step": model.step, "fingerprint": model.fingerprint},
        "components": plugins.used(),
        "bad": dict(sorted(summary.bad.items())),
        **report(items, predictions, domain.labels, judge, how.draws, how.seed, clusters, block),
    }
    others = _others(how, items, [known for _, known in held], train, domain, options)
    if others:
        right = [guess.label == item.label for item, guess in zip(items, predictions, strict=True)]
        scores["versus"] = compare(right, others, clusters, how.draws, how.seed, block)
    summary.seed = how.seed
    with summary.beside(options):
        if how.predictions is not None:
            write_records(how.predictions, map(prediction_record, items, predictions))
    return scores


def _predict(
    model: Checkpoint,
    items: Sequence[Item],
    domain: Domain,
    how: EvaluationOptions,
    train: Sequence[Record],
    options: StreamOptions,
) -> list[Prediction]:
    with Progress(TOOL, options.progress) as progress:
        predictions = predict(
            model,
            items,
            how.method,
            lambda done: progress.count(done, "answers"),
            first=how.parse == "first",
            max_new=how.max_tokens,
        )
    if how.calibrate == "none":
        return predictions
    if how.method != "likelihood":
        raise UsageError("--calibrate works on --method likelihood")
    known: list[Item] = []
    if how.calibrate == "train-prior":
        # Spread over the whole file, as it may be in the order of time.
        step = max(1, len(train) // CALIBRATION_ITEMS)
        known = [item_of(record, domain, how.language, f"{how.train}") for record in train[::step]]
    return calibrate(model, items, predictions, known)


def _read_training(path: Path, domain: Domain) -> list[Record]:
    records = list(read_records([path]))
    labels = {known_text(record).label for record in records}
    if not records or not labels <= set(domain.labels):
        raise MindError(
            f"{path} has labels {', '.join(sorted(labels)) or 'none'}",
            cause=f"the domain has {', '.join(domain.labels)}",
            hint="give the labelled training records that `mind-domain split` wrote",
        )
    return records


def _others(
    how: EvaluationOptions,
    items: Sequence[Item],
    texts: Sequence[KnownText],
    train: Sequence[Record],
    domain: Domain,
    options: StreamOptions,
) -> dict[str, list[bool]]:
    """Return what is right of the baselines, and of other checkpoints, on the same rows."""
    said: dict[str, Sequence[str | None]] = {}
    if train:
        # On the same rows as the model, so that the comparison is paired.
        said |= baseline_predictions([known_text(one) for one in train], texts, how.seed)
    for name, path in how.versus:
        other = load_checkpoint(path)
        answers = _predict(other, items, domain, replace(how, model=path), train, options)
        said[name] = [guess.label for guess in answers]
    return {
        name: [guess == item.label for guess, item in zip(guesses, items, strict=True)]
        for name, guesses in said.items()
    }


def _refuse_known_tests(how: EvaluationOptions, inputs: Sequence[str]) -> None:
    """Refuse a test that is the training side, or of another split than that is."""
    if how.train is None:
        return
    tests = [Path(name) for name in inputs if Path(name).is_file()]
    for test in tests:
        # By content: a copy under another name is the training side all the same.
        if sha256_file(test) == sha256_file(how.train):
            raise MindError(
                f"{test} is what the model was trained on",
                hint="score it on the test side of the split",
            )
        mine, theirs = _split_of(how.train), _split_of(test)
        if mine and theirs and mine != theirs:
            raise MindError(
                f"{how.train} and {test} are of different splits",
                cause=f"{mine.get('rule')} and {theirs.get('rule')}",
                hint="a text of one test side may be in the training side of the other",
            )
        if not (mine and theirs):
            log(
                TOOL, f"{test}: no manifest of a split beside it, so nothing says what training saw"
            )


def _split_of(path: Path) -> Mapping[str, Any]:
    """Return the manifest of the split that a file is a side of, or nothing."""
    manifest = path.parent / MANIFEST
    if not manifest.is_file():
        return {}
    found = read_json(manifest)
    return found if isinstance(found, dict) and found.get("format") == "mind-domain-split" else {}
