"""The files and folders that a user names: checked before any work, described in manifests."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mind_core.errors import UsageError
from mind_core.files import sha256_file
from mind_core.runner import StreamOptions, check_stream

_MIN_LARGE_BYTES = 1 << 20
"""Bytes of a compressed input."""


def check_paths(stream: StreamOptions, folder: Path | None) -> None:
    """Raise before any work for what cannot be read, and for a folder that cannot be made."""
    if folder is not None:
        refuse_existing(folder)
        # Folders in between are made; what exists has to let us.
        above = next(path for path in folder.absolute().parents if path.exists())
        if not above.is_dir() or not os.access(above, os.W_OK):
            raise UsageError(
                f"cannot make the folder {folder}",
                cause=f"{above} {'may not be written to' if above.is_dir() else 'is no folder'}",
                hint="give another folder with -o",
            )
    check_stream(stream, passes_on=folder is None)


def is_much(inputs: Sequence[str]) -> bool:
    """Return whether the input is worth getting ready for: stdin may be, a small file is not."""
    return any(
        str(item) == "-" or Path(item).stat().st_size >= _MIN_LARGE_BYTES
        for item in inputs or ["-"]
    )


def refuse_existing(folder: Path) -> None:
    """Raise `UsageError` before any work for a result that is there already."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UsageError(
            f"{folder} exists", hint="give another folder with -o, or remove this one first"
        )


def describe_inputs(inputs: Sequence[str | Path]) -> list[dict[str, Any]]:
    """Return name, size and SHA-256 of each input file; stdin has a name only.

    Folders are left out of the names, so that the same files give the same manifest anywhere.
    """
    described: list[dict[str, Any]] = []
    for item in inputs or ["-"]:
        path = Path(item)
        if str(item) == "-" or not path.is_file():
            described.append({"name": "stdin" if str(item) == "-" else path.name})
        else:
            described.append(
                {"name": path.name, "size": path.stat().st_size, "sha256": sha256_file(path)}
            )
    return described
