"""A cell: one run, named by the hash of everything that decides its result.

The name holds the recipe, the shards and how they were prepared, the measures, the threads, and the
code: the syntax trees of the modules that decide a result, so that a comment changes nothing.
"""

from __future__ import annotations

import ast
import functools
import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from mind_train.experiments.plan_file import digest
from mind_train.experiments.prepared_data import Preparation
from mind_train.run_folder import FREE

DECIDING = (
    "models", "optim", "datasets", "data.py", "document_rows.py", "evaluate.py",
    "held_out.py", "loss.py", "loss_module.py", "loss_scale.py", "mixture.py",
    "moving_average.py", "permutation.py", "rates.py",
    "recipe_mixture.py", "spike_detector.py", "state.py", "trainer.py", "vector_math.py",
    "experiments/measures.py", "experiments/prepared_data.py",
)  # fmt: skip
"""Modules of this package that decide what a run learns and how it is measured."""


@dataclass(frozen=True)
class Cell:
    """One run: `recipe` is whole, `parent` the trunk and step that a branch goes on from."""

    arm: str
    size: str
    tokens: int
    seed: int
    recipe: dict[str, Any]
    preparation: Preparation
    tokenizer: str
    threads: int
    measures: tuple[str, ...]
    sizes: dict[str, int]
    flops: dict[str, float]
    parent: Cell | None = None
    step: int = 0

    @functools.cached_property
    def name(self) -> str:
        """Return the hash that names the cell's folder."""
        # A dictionary and not a tuple: what is added later has a name, whatever its place.
        return digest(
            {
                "recipe": _deciding(self.recipe),
                "shards": asdict(self.preparation),
                "tokenizer": self.tokenizer,
                "threads": self.threads,
                "measures": self.measures,
                "parent": None if self.parent is None else [self.parent.name, self.step],
                "code": code_version(),
            }
        )[:16]

    @property
    def steps(self) -> int:
        """Count the steps that the cell itself trains."""
        return int(self.recipe["train"]["steps"]) - self.step

    @property
    def trained_tokens(self) -> int:
        """Count the tokens that the cell itself trains on."""
        train = self.recipe["train"]
        return self.steps * int(train["batch"]) * int(train["sequence"])


@functools.cache
def code_version() -> str:
    """Return a hash of what decides a result: syntax trees without docstrings, and torch."""
    # Of the installed package, so that a cell is of the code that trains it.
    package = Path(__file__).parent.parent
    seen = hashlib.sha256(torch.__version__.encode())
    for name in DECIDING:
        path = package / name
        for file in sorted(path.rglob("*.py")) if path.is_dir() else [path]:
            seen.update(file.relative_to(package).as_posix().encode())
            seen.update(ast.dump(_without_docstrings(ast.parse(file.read_bytes()))).encode())
    return seen.hexdigest()


def _without_docstrings(tree: ast.Module) -> ast.Module:
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if not isinstance(body, list) or not body:
            continue
        first = body[0]
        if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
            # A body has to have a statement.
            body[:] = body[1:] or [ast.Pass()]
    return tree


def _deciding(recipe: Mapping[str, Any]) -> dict[str, Any]:
    """Leave out what a run's course does not depend on, but keep when it is measured."""
    # Held-out losses are a part of a cell's results, so when they are taken counts.
    kept = {name for name in FREE if name != "train.evaluate_every"}
    return {
        table: {k: v for k, v in values.items() if f"{table}.{k}" not in kept}
        if isinstance(values, dict)
        else values
        for table, values in recipe.items()
        if table not in kept
    }
