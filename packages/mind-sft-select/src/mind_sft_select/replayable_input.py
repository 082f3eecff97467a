"""Inputs that can be read twice: what comes through a pipe is kept in a file."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from mind_core.output import check_distinct
from mind_core.runner import StreamOptions
from mind_core.stream import check_inputs


@dataclass(frozen=True)
class ReplayableInput:
    """Options with inputs that can be read twice; `names` has what each copy is a copy of."""

    options: StreamOptions
    names: Mapping[str, str] = field(default_factory=dict)


def make_replayable(options: StreamOptions, folder: Path) -> ReplayableInput:
    """Copy every input that is no regular file into a folder: stdin, a named pipe, `<(…)`.

    Errors in a line name the input itself, not its copy.
    """
    given = options.inputs or ("-",)
    check_inputs(given)
    check_distinct(given, options.output, options.rejects, options.summary)
    inputs, names = [], {}
    for number, item in enumerate(given):
        # A regular file can be read again; a named pipe is a path, but none of these.
        if item != "-" and Path(item).is_file():
            inputs.append(item)
            continue
        copy = folder / f"input-{number}"
        _copy(item, copy)
        inputs.append(str(copy))
        names[str(copy)] = "stdin" if item == "-" else item
    return ReplayableInput(replace(options, inputs=tuple(inputs)), names)


def _copy(item: str, path: Path) -> None:
    with path.open("wb") as file:
        if item == "-":
            shutil.copyfileobj(sys.stdin.buffer, file)
            return
        with Path(item).open("rb") as source:
            shutil.copyfileobj(source, file)
