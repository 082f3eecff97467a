"""Say in a manifest where things come from."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mind_core.files import sha256_file


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
