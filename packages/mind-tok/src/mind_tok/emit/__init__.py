"""Small indexes beside a shard's payload, so that other trainers read the same ids.

Every id is below 2³¹, so a payload of 4 bytes an id reads the same as signed and as unsigned
numbers. Where another name is needed, it is a hard link: the payload is there once.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mind_core.errors import UsageError, did_you_mean
from mind_tok.shard_file import Emitter


def emitters() -> Mapping[str, Emitter]:
    """Return all emitters by the names of their trainers."""
    from mind_tok.emit import datatrove, megatron, olmo

    return {"datatrove": datatrove.emit, "megatron": megatron.emit, "olmo": olmo.emit}


def find_emitters(names: str) -> dict[str, Emitter]:
    """Return the emitters of "megatron,olmo"; raise `UsageError` for an unknown one."""
    known = emitters()
    wanted = sorted({name.strip() for name in names.split(",") if name.strip()})
    for name in wanted:
        if name not in known:
            raise UsageError(
                f"--emit {name!r} is no trainer that shards are written for",
                hint=did_you_mean(name, list(known)) or f"known: {', '.join(known)}",
            )
    return {name: known[name] for name in wanted}


def described(paths: list[Path]) -> dict[str, Any]:
    """Return size and hash of each file, for the manifest."""
    from mind_core.files import sha256_file

    return {path.name: {"size": path.stat().st_size, "sha256": sha256_file(path)} for path in paths}
