"""Where tasks come from: a benchmark folder, or any lm-eval task YAML with data on this disk."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml  # type: ignore[import-untyped]  # it has no types
from lm_eval.tasks._yaml_loader import load_yaml

from mind_core import MindError
from mind_core.errors import UsageError
from mind_core.files import sha256_file
from mind_eval.benchmarks.benchmark import Benchmark, check_task_file, checked
from mind_eval.benchmarks.rows import Row, read_rows
from mind_eval.prompts.spec import spec_of
from mind_eval.prompts.task import RowsTask
from mind_eval.prompts.task_files import check_task_data
from mind_eval.prompts.written_task import with_our_metrics

Fits = Callable[[str, int], bool]

_LOCAL = ("json", "csv")


def benchmark_task(
    name: str, benchmark: Benchmark, fits: Fits, *, data_root: Path | None, seed: int
) -> RowsTask:
    """Prepare a benchmark of `register_benchmarks` as a task that lm-eval runs by itself."""
    data = benchmark.load(data_root)
    spec = spec_of(benchmark, name)
    config = with_our_metrics({**_read_yaml(benchmark.yaml), "task": name}, spec)
    rules = benchmark.rules
    about = {
        "language": rules["language"],
        "form": benchmark.form,
        "licence": rules["licence"],
        "data": data.origin,
        "data_sha256": data.sha256,
        "delimiter": config.get("target_delimiter", " "),
    }
    splits = data.splits
    if "shots" in str(config["doc_to_text"]):  # a template that numbers the item by its shots
        test = config["test_split"]
        # lm-eval renders from the row alone, so the number has to be a column.
        splits = {**splits, test: [{**row, "shots": benchmark.shots} for row in splits[test]]}
    return RowsTask(config, splits, shots=benchmark.shots, fits=fits, seed=seed, about=about)


def yaml_task(
    path: Path, fits: Fits, *, shots: int | None, seed: int, hub: bool, allow_code: bool = False
) -> RowsTask:
    """Prepare a task from lm-eval YAML, which is data unless `allow_code`.

    `dataset_path` is `json` or `csv` with `dataset_kwargs.data_files` (relative to the YAML), or
    `custom_dataset` is a function beside it. A name on a hub is refused, unless `hub` allows it:
    then lm-eval fetches it.
    """
    check_task_file(path)
    if not allow_code:
        check_task_data(path)
    config = _read_yaml(path)
    if "task" not in config or not isinstance(config["task"], str):
        raise UsageError(f"{path} is not the YAML of one task", hint="it needs a 'task: name'")
    splits, hashes = _splits(config, path, hub)
    if splits is None:
        return hub_task(config, fits, shots=shots, seed=seed, hub=hub)
    local = {k: v for k, v in config.items() if k not in ("dataset_kwargs", "custom_dataset")}
    return RowsTask(
        local, splits, shots=_shots(config, shots), fits=fits, seed=seed,
        about=_about(config, str(path), hashes),
    )  # fmt: skip


def hub_task(
    config: dict[str, Any], fits: Fits, *, shots: int | None, seed: int, hub: bool
) -> RowsTask:
    """Prepare a task whose data lm-eval gets, from its cache or from the hub.

    Raises `MindError` if they cannot be had.
    """
    named = " ".join(str(config[k]) for k in ("dataset_path", "dataset_name") if config.get(k))
    try:
        return RowsTask(
            config, None, shots=_shots(config, shots), fits=fits, seed=seed,
            about=_about(config, named, {}),
        )  # fmt: skip
    except (OSError, ValueError, RuntimeError, ImportError) as error:
        raise MindError(
            f"the data of task {config['task']} ({named}) cannot be had",
            cause=f"{type(error).__name__}: {error}",
            hint="is the network there?" if hub else "--hub lets lm-eval fetch them",
        ) from error


def _shots(config: dict[str, Any], asked: int | None) -> int:
    return int(config.get("num_fewshot") or 0) if asked is None else asked


def _about(config: dict[str, Any], data: str, hashes: dict[str, str]) -> dict[str, Any]:
    return {
        "language": (config.get("metadata") or {}).get("language", "und"),
        "form": "task",
        "data": data,
        "data_sha256": hashes,
        "delimiter": config.get("target_delimiter", " "),
    }


def _splits(config: dict[str, Any], path: Path, hub: bool) -> tuple[Any, dict[str, str]]:
    custom = config.get("custom_dataset")
    if callable(custom):
        options = {**(config.get("metadata") or {}), **(config.get("dataset_kwargs") or {})}
        return dict(custom(**options)), {}
    named = (config.get("dataset_kwargs") or {}).get("data_files")
    if config.get("dataset_path") not in _LOCAL or not named:
        if hub and config.get("dataset_path"):
            return None, {}
        raise UsageError(
            f"{path}: the data set {config.get('dataset_path')!r} is not on this disk",
            hint="write dataset_path: json and dataset_kwargs: {data_files: {test: FILE}}; or "
            "--hub lets lm-eval fetch it",
        )
    files = named if isinstance(named, dict) else {"train": named}
    splits: dict[str, list[Row]] = {}
    hashes: dict[str, str] = {}
    for split, names in files.items():
        splits[split] = []
        for name in [names] if isinstance(names, str) else names:
            found = path.parent / name
            splits[split] += read_rows(found)
            hashes[str(name)] = sha256_file(found)
    return checked(splits, str(path)).splits, hashes


def _read_yaml(path: Path) -> dict[str, Any]:
    check_task_file(path)
    try:
        config: dict[str, Any] = load_yaml(path)
    except (yaml.YAMLError, ValueError, ImportError, AttributeError) as error:
        raise MindError(f"{path} cannot be read as a task", cause=error) from error
    for name in ("tag", "group", "task_list"):
        # Names of lm-eval's groups, which a task run by itself is not part of.
        config.pop(name, None)
    return config
