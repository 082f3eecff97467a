"""What a Hugging Face folder holds beside its network: weights, their hash, its end tokens."""

from __future__ import annotations

import hashlib
from pathlib import Path

from mind_core import MindError
from mind_core.files import read_json, sha256_file

WEIGHTS = "*.safetensors"


def no_weights(folder: Path) -> MindError:
    """Return the error for a folder without weights that are read."""
    pickled = any(folder.glob("*.bin"))
    return MindError(
        f"{folder} holds no weights that are read",
        cause="they are a pickle, which could run anything" if pickled else None,
        hint="save it with safetensors: model.save_pretrained(folder)"
        if pickled
        else "model.safetensors is missing",
    )


def fingerprint(folder: Path) -> str:
    """Identify the weights of a folder by what is in their files."""
    paths = sorted(folder.glob(WEIGHTS))
    if not paths:
        raise no_weights(folder)
    if len(paths) == 1:
        return sha256_file(paths[0])
    # Hash of hashes: files that trade their names are another model.
    sums = "".join(f"{path.name} {sha256_file(path)}\n" for path in paths)
    return hashlib.sha256(sums.encode()).hexdigest()


def stop_ids(folder: Path) -> frozenset[int]:
    """Collect the tokens that end what is written: config.json's and generation_config.json's."""
    found: set[int] = set()
    for name in ("config.json", "generation_config.json"):
        path = folder / name
        # One id, a list of them, or null.
        ids = read_json(path).get("eos_token_id") if path.is_file() else None
        found |= {int(one) for one in (ids if isinstance(ids, list) else [ids]) if one is not None}
    return frozenset(found)
