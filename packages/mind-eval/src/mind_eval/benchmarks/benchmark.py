"""A benchmark is a folder: lm-eval task YAML, a file for each form, and its data rules in TOML.

```toml
summary = "One line for people"
language = "en"
licence = "MIT"
source = "https://where-its-authors-publish-it"
shots = 5                        # default
form = "letter"                  # default
[forms]                          # lm-eval task YAML beside this file
letter = "letter.yaml"
cloze = "cloze.yaml"
[shipped]                        # split = file beside this one: JSONL, JSON or CSV, also .zst, .gz
test = "test.jsonl.zst"
[authors]                        # the authors' own layout under --data-root
folder = "mmlu"                  # or several names, of which the first that is there is read
reader = "package.module:function"   # (folder, **options) -> {split: rows}
items = 1000                     # of its test, as published: fewer are told; may be left out
options = {}
[measure]                        # all of it may be left out
metric = "acc"                   # the headline; default: the first of the YAML's
average = "items"                # or "subjects": each counts the same
labels = true                    # false: no answers are published, a submission is written
scorer = "package.module:function"   # (item, text) -> {metric: value}, for written answers
[categories]                     # subjects by category, for averages
STEM = ["astronomy"]
```
"""

from __future__ import annotations

import dataclasses
import hashlib
import importlib
import importlib.util
import tomllib
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path
from typing import Any

from mind_core import MindError
from mind_core.errors import UsageError, did_you_mean
from mind_core.recipe import TOML_HINT
from mind_core.records import encode
from mind_core.untrusted import inside
from mind_core.whole_files import MAX_JSON_BYTES, read_whole
from mind_eval.benchmarks.rows import AT, BAD, Row, read_rows

RULES = "benchmark.toml"
FOLDER = Path(__file__).resolve().parent
"""Where mind-eval's own benchmarks lie."""

OWN = ("mind_eval.benchmarks.layouts.", "mind_eval.metrics.")
"""Modules of readers and metrics that any folder may name."""

SHIPPED = "shipped"
"""Where rows come from that come with the package."""


@dataclass(frozen=True)
class Data:
    """The rows of each split, and where they came from."""

    splits: dict[str, list[Row]]
    origin: str
    bad: list[tuple[str, str]] = field(default_factory=list)
    """Rows that cannot be used: where they stand, and why."""

    published: int | None = None
    """Items of the test as its authors publish it, if that is known."""

    @property
    def lacking(self) -> str | None:
        """Say how much of the authors' test is not there; None if it is whole, or a sample."""
        # Rows that were set aside are there: they are told of by themselves.
        there = len(self.splits.get("test", [])) + len(self.bad)
        if self.origin == SHIPPED or self.published is None or there >= self.published:
            return None
        return f"{there:,} of the {self.published:,} items that its authors publish"

    @property
    def sha256(self) -> dict[str, str]:
        """Identify the rows of each split by what they say, wherever they came from."""
        return {
            split: hashlib.sha256(b"".join(encode(row) for row in rows)).hexdigest()
            for split, rows in self.splits.items()
        }


@dataclass(frozen=True)
class Benchmark:
    """A benchmark as it is to be run: its folder, how many shots, and the form of the answer."""

    folder: Path
    shots: int = 0
    form: str = ""

    def __post_init__(self) -> None:
        if self.shots < 0:
            raise ValueError(f"shots must be 0 or more, not {self.shots}")
        if self.form not in self.rules["forms"]:
            raise ValueError(
                f"there is no form {self.form!r}; known: {', '.join(self.rules['forms'])}"
            )

    @cached_property
    def rules(self) -> dict[str, Any]:
        """Read the data rules."""
        return read_rules(self.folder)

    @property
    def yaml(self) -> Path:
        """Name the lm-eval task YAML of the form."""
        return self.folder / str(self.rules["forms"][self.form])

    @property
    def measure(self) -> dict[str, Any]:
        """Give the rules of measuring, with their defaults."""
        return {"metric": None, "average": "items", "labels": True, **self.rules.get("measure", {})}

    def found(self, data_root: Path | None) -> Path | None:
        """Find the authors' folder under the data root, or one level below it.

        Raises `UsageError` for a root that is no folder: a slip must not give the sample's score.
        """
        if data_root is None:
            return None
        if not data_root.is_dir():
            raise UsageError(
                f"--data-root {data_root} is no folder",
                hint="give the folder that holds the benchmarks' folders, or leave it out for the "
                "shipped samples",
            )
        for name in self.folders:
            # One level below: a root of several collections, each with its benchmarks' folders.
            for place in (data_root, *sorted(data_root.glob("*/"))):
                if (place / name).is_dir():
                    return place / name
        return None

    @property
    def folders(self) -> list[str]:
        """List the names that the authors' folder may have."""
        named = self.rules.get("authors", {}).get("folder", [])
        return [named] if isinstance(named, str) else list(named)

    def load(self, data_root: Path | None, keep_going: bool = False) -> Data:
        """Load the rows: the full set under `data_root` if it is there, else what ships with it.

        Raises `MindError` that says where to get the data when neither is there, and for the first
        row that cannot be used; with `keep_going` such rows are set aside and listed.
        """
        authors: dict[str, Any] = self.rules.get("authors", {})
        folder = self.found(data_root)
        if folder is not None:
            try:
                read = imported(authors["reader"], self.folder)
                splits: dict[str, list[Row]] = read(folder, **authors.get("options", {}))
            # What a reader's own code ends in where a file has other columns or shapes than it
            # knows.
            except (TypeError, AttributeError, LookupError, ValueError) as error:
                raise MindError(
                    f"{folder}: its files are not laid out as the authors of {self.folder.name} do",
                    cause=error,
                    hint=f"fetch them again: {self.rules['source']}",
                ) from error
            data = checked(splits, str(folder), keep_going)
            return dataclasses.replace(data, published=authors.get("items"))
        shipped = self.rules.get("shipped")
        if not shipped:
            wanted = " or ".join(map(repr, self.folders)) or "…"
            raise MindError(
                f"no data for benchmark {self.folder.name}",
                cause=f"none ships with it, and --data-root has no folder {wanted}",
                hint=f"its authors publish it at {self.rules['source']}",
            )
        splits = {split: read_rows(self.folder / name) for split, name in shipped.items()}
        return checked(splits, SHIPPED, keep_going)


def checked(splits: dict[str, list[Row]], origin: str, keep_going: bool = False) -> Data:
    """Set rows aside that cannot be used; raise `MindError` for the first, unless to keep going."""
    data = Data({}, origin)
    for split, rows in splits.items():
        good = data.splits.setdefault(split, [])
        for row in rows:
            if BAD not in row:
                # Where a row stood is not part of what it says: hashes are the same on every disk.
                good.append({name: value for name, value in row.items() if name != AT})
                continue
            if not keep_going:
                raise MindError(
                    f"{row[AT]}: {row[BAD]}",
                    hint="mend the file, or --keep-going: such rows are set aside and counted",
                )
            # A list of rows may serve as two splits (test and shots): its faults are told once.
            if (row[AT], row[BAD]) not in data.bad:
                data.bad.append((row[AT], row[BAD]))
    return data


def benchmark_folder(folder: str | Path) -> Callable[..., Benchmark]:
    """Return the factory of a benchmark folder, for `register_benchmarks`.

    Its options are `shots` and `form`, with the folder's own defaults.
    """
    folder = Path(folder)
    rules = read_rules(folder)
    factory = partial(Benchmark, folder, shots=rules["shots"], form=rules["form"])
    factory.__doc__ = f"{rules['summary']}, {rules['licence']}."
    # For suites, which give a form only to benchmarks that have it.
    factory.forms = tuple(rules["forms"])  # type: ignore[attr-defined]
    return factory


def read_rules(folder: Path) -> dict[str, Any]:
    """Read and check a folder's `benchmark.toml`; raise `MindError` for what is wrong in it."""
    path = folder / RULES
    try:
        rules = tomllib.loads(read_whole(path, MAX_JSON_BYTES).decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise MindError(f"{path} is not TOML", cause=error, hint=TOML_HINT) from None
    for name in ("shipped", "authors", "measure", "categories"):
        if not isinstance(rules.get(name, {}), dict):
            raise MindError(f"{path}: {name!r} must be a table, [{name}]")
    wanted = {"summary": str, "language": str, "licence": str, "source": str, "forms": dict,
              "shots": int, "form": str}  # fmt: skip
    for name, kind in wanted.items():
        if not isinstance(rules.get(name), kind):
            raise MindError(f"{path}: {name!r} must be there and be of type {kind.__name__}")
    known = {*wanted, "shipped", "authors", "measure", "categories"}
    for name in rules:
        if name not in known:
            raise MindError(f"{path}: unknown key {name!r}", hint=did_you_mean(name, known))
    if rules["shots"] < 0:
        raise MindError(f"{path}: shots are {rules['shots']}")
    for name in (*rules["forms"].values(), *rules.get("shipped", {}).values()):
        # A benchmark from elsewhere must not read files outside of its folder.
        inside(folder, name)
    if rules["form"] not in rules["forms"]:
        raise MindError(f"{path}: the default form {rules['form']!r} is none of [forms]")
    return rules


def names_file(task: str | Path) -> bool:
    """Tell whether a `--task` is a file, and not the name of one of lm-eval's own tasks."""
    path = Path(task)
    # Also one that is not there: a slip in a path must not be looked up as a task's name.
    return path.suffix in (".yaml", ".yml") or len(path.parts) > 1 or path.is_file()


def check_task_file(path: Path) -> None:
    """Raise `UsageError` for a task file that is not there."""
    if not path.is_file():
        raise UsageError(f"there is no task file {path}", hint="--task takes lm-eval task YAML")


def imported(name: object, folder: Path) -> Callable[..., Any]:
    """Import a reader or metric of mind-eval, or of the package that a benchmark's folder lies in.

    It must be a function that its module defines: one that the module merely imports is another's.
    """
    module, _, attribute = str(name).partition(":")
    try:
        top = module.partition(".")[0]
        # Of the top package alone: that of a module in it would import its parents already.
        found = importlib.util.find_spec(top) if top else None
        places = (found and found.submodule_search_locations) or ()
        if not module.startswith(OWN) and not any(
            folder.resolve().is_relative_to(Path(place).resolve()) for place in places
        ):
            raise UsageError(
                f"{folder / RULES}: {name!r} is of another package",
                cause="a benchmark is read and scored by mind-eval, or by the package it came with",
                hint="put the folder into the package of its functions",
            )
        function: Callable[..., Any] = getattr(importlib.import_module(module), attribute)
        if getattr(function, "__module__", None) != module:
            raise AttributeError(f"{module} defines no {attribute!r}")
    except (ImportError, AttributeError, ValueError) as error:
        raise UsageError(f"{name!r} cannot be imported", cause=error) from error
    return function
