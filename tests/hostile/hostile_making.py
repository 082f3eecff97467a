"""Ways to spoil a folder."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import xxhash

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


def fit_index(folder: Path, name: str) -> None:
    """Make a changed segment's checksum, and what the manifest says of it, true again."""
    from mind_dedup.index_files import _END, _TAIL

    path = folder / name
    data = path.read_bytes()
    if not name.endswith(".mdx") or len(data) < _TAIL.size:
        return
    begin = _TAIL.unpack(data[-_TAIL.size :])[0]
    checksum = xxhash.xxh3_64(data[: -_TAIL.size]).intdigest()
    data = data[: -_TAIL.size] + _TAIL.pack(begin, checksum, _END)
    path.write_bytes(data)
    said = {"bytes": len(data), "checksum": f"{checksum:016x}"}
    change_manifest(folder, lambda manifest: manifest["segments"][0].update(said))
