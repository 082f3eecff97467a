"""Count comments and small files in the sources, package by package and for the compiled loops.

`python benchmarks/comments.py [--files]` prints of each part: files, lines, comments in 100 lines,
strings under constants and fields in 100 lines (they document as docstrings do), and files of at
most 40 lines; `--files` names the files with the fewest comments. A comment is a `#` that speaks to
a reader: `# noqa`, `# type:` and `# fmt:` are not counted.
"""

from __future__ import annotations

import argparse
import ast
import io
import re
import sys
import tokenize
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parent.parent
SMALL = 40
PRAGMA = re.compile(r"#\s*(noqa|type:|fmt:|ruff:|pragma)")
LOOPS = (
    "mind_core/kernels", "mind_core/text", "mind_dedup/loops", "mind_tok/bpe",
    "mind_train/models", "mind_train/optim", "mind_train/datasets",
)  # fmt: skip
"""Folders of model and loop code, which needs more comments than the tools around it."""


class Counts(NamedTuple):
    """What one file holds."""

    lines: int
    comments: int
    notes: int


def count(path: Path) -> Counts:
    """Return lines, lines with a comment, and strings under constants of a file."""
    text = path.read_text("utf-8")
    tokens = tokenize.generate_tokens(io.StringIO(text).readline)
    rows = {
        token.start[0]
        for token in tokens
        if token.type == tokenize.COMMENT and not PRAGMA.match(token.string)
    }
    notes = 0
    for node in ast.walk(ast.parse(text)):
        body = getattr(node, "body", None)
        if isinstance(body, list):
            notes += sum(map(_is_note, body[1:]))
    return Counts(len(text.splitlines()), len(rows), notes)


def _is_note(node: ast.stmt) -> bool:
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )


def part_of(path: Path) -> str:
    """Return which part of the tree a file is counted in."""
    name = path.as_posix()
    is_loop = any(f"/{folder}/" in name for folder in LOOPS)
    is_loop = is_loop or "@kernel" in path.read_text("utf-8")
    return "model and loop code" if is_loop else path.relative_to(ROOT).parts[1]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--files", action="store_true", help="name the files with the fewest")
    given = parser.parse_args()
    found: dict[str, list[tuple[Path, Counts]]] = {}
    for folder in ("packages", "plugins"):
        for path in sorted((ROOT / folder).glob("*/src/**/*.py")):
            found.setdefault(part_of(path), []).append((path, count(path)))
    say("part", "files", "lines", "comments/100", "notes/100", f"files <= {SMALL} lines")
    loops = found.pop("model and loop code")
    tools = [row for rows in found.values() for row in rows]
    for name, rows in [*sorted(found.items()), ("all tools", tools), ("models, loops", loops)]:
        _print_row(name, rows)
    if given.files:
        poorest = sorted(tools + loops, key=lambda row: row[1].comments - row[1].lines / 20)
        for path, counts in poorest[:60]:
            say(str(path.relative_to(ROOT)), counts.lines, counts.comments)


def _print_row(name: str, rows: Sequence[tuple[Path, Counts]]) -> None:
    lines = sum(counts.lines for _, counts in rows)
    comments = 100 * sum(counts.comments for _, counts in rows) / lines
    notes = 100 * sum(counts.notes for _, counts in rows) / lines
    small = sum(counts.lines <= SMALL and path.stem[0] != "_" for path, counts in rows)
    say(name, len(rows), lines, f"{comments:.1f}", f"{notes:.1f}", small)


def say(*cells: object) -> None:
    """Print one row, cells apart by tabs."""
    sys.stdout.write("\t".join(map(str, cells)) + "\n")


if __name__ == "__main__":
    main()
