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
folder = "mmlu"
reader = "package.module:function"   # (folder) -> {split: rows}
```
"""

from __future__ import annotations

import hashlib
import importlib
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any

from mind_core import MindError
from mind_core.errors import UsageError, nearest
from mind_core.records import encode
from mind_eval.benchmarks.rows import Row, read_rows

RULES = "benchmark.toml"


@dataclass(frozen=True)
class Data:
    """The rows of each split, and where they came from."""

    splits: dict[str, list[Row]]
    origin: str

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

    def load(self, data_root: Path | None) -> Data:
        """Load the rows: the full set under `data_root` if it is there, else what ships with it.

        Raises `MindError` that says where to get the data when neither is there.
        """
        authors = self.rules.get("authors")
        if data_root is not None and authors and (data_root / authors["folder"]).is_dir():
            folder = data_root / authors["folder"]
            return Data(_reader(authors["reader"])(folder), str(folder))
        shipped = self.rules.get("shipped")
        if not shipped:
            wanted = authors["folder"] if authors else "…"
            raise MindError(
                f"no data for benchmark {self.folder.name}",
                cause=f"none ships with it, and --data-root has no folder {wanted!r}",
                hint=f"its authors publish it at {self.rules['source']}",
            )
        splits = {split: read_rows(self.folder / name) for split, name in shipped.items()}
        return Data(splits, "shipped")


def benchmark_folder(folder: str | Path) -> Callable[..., Benchmark]:
    """Return the factory of a benchmark folder, for `register_benchmarks`.

    Its options are `shots` and `form`, with the folder's own defaults.
    """
    folder = Path(folder)
    rules = read_rules(folder)
    factory = partial(Benchmark, folder, shots=rules["shots"], form=rules["form"])
    factory.__doc__ = f"{rules['summary']}, {rules['licence']}."
    return factory


def read_rules(folder: Path) -> dict[str, Any]:
    """Read and check a folder's `benchmark.toml`; raise `MindError` for what is wrong in it."""
    path = folder / RULES
    try:
        rules = tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise MindError(f"cannot read {path}", cause=error.strerror) from None
    except tomllib.TOMLDecodeError as error:
        raise MindError(f"{path} is not TOML", cause=error) from None
    wanted = {"summary": str, "language": str, "licence": str, "source": str, "forms": dict,
              "shots": int, "form": str}  # fmt: skip
    for name, kind in wanted.items():
        if not isinstance(rules.get(name), kind):
            raise MindError(f"{path}: {name!r} must be there and be of type {kind.__name__}")
    known = {*wanted, "shipped", "authors"}
    for name in rules:
        if name not in known:
            raise MindError(f"{path}: unknown key {name!r}", hint=nearest(name, known))
    if rules["form"] not in rules["forms"]:
        raise MindError(f"{path}: the default form {rules['form']!r} is none of [forms]")
    return rules


def check_task_file(path: Path) -> None:
    """Raise `UsageError` for a task file that is not there."""
    if not path.is_file():
        raise UsageError(f"there is no task file {path}", hint="--task takes lm-eval task YAML")


def _reader(name: str) -> Callable[[Path], dict[str, list[Row]]]:
    module, _, attribute = name.partition(":")
    try:
        reader: Callable[[Path], dict[str, list[Row]]] = getattr(
            importlib.import_module(module), attribute
        )
    except (ImportError, AttributeError) as error:
        raise UsageError(f"the reader {name!r} cannot be imported", cause=error) from error
    return reader
