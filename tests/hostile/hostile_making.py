"""Ways to spoil a folder."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from mind_core.files import read_json, sha256_file

Spoil = Callable[[str], Path]


def change_manifest(folder: Path, change: Callable[[Any], None]) -> None:
    """Change a folder's manifest in place."""
    manifest = read_json(folder / "manifest.json")
    change(manifest)
    (folder / "manifest.json").write_text(json.dumps(manifest))


def fit_manifest(folder: Path, name: str) -> None:
    """Make a checkpoint's manifest say of a changed file what it is now, as an attacker would."""
    path = folder / name
    said = {"size": path.stat().st_size, "sha256": sha256_file(path)}
    change_manifest(folder, lambda manifest: manifest["files"].update({name: said}))
