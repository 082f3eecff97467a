"""Shard folders that a run reads, opened and checked; several are read as one.

Their shards follow each other in the order given, their groups are one table: a source and
language that two folders have is one group.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from mind_core import MindError
from mind_core.files import read_manifest, sha256_file
from mind_tok.shards import Group, Shard, ShardSet

Folders = Path | Sequence[Path]
TRAIN, VALIDATION = "train", "validation"


def as_folders(folders: Folders) -> list[Path]:
    """Give the folders one by one."""
    return [folders] if isinstance(folders, Path) else list(folders)


def said(folders: Folders) -> str:
    """Name folders in a message."""
    return ", ".join(str(folder) for folder in as_folders(folders))


class RenamedGroups:
    """A mapped column of group numbers under the numbers of a larger table; it stays mapped."""

    def __init__(self, column: npt.NDArray[np.uint16], table: Sequence[int]) -> None:
        self.column, self.table = column, np.asarray(table, dtype=np.uint16)

    def __len__(self) -> int:
        return len(self.column)

    def __getitem__(self, place: Any) -> Any:
        """Give the new number of a document, or an array of those of a slice."""
        return self.table[self.column[place]]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> npt.NDArray[Any]:
        """Give all of the column in memory."""
        return self.table[self.column].astype(dtype or np.uint16)


@dataclass(frozen=True)
class Shards:
    """One shard folder or several; ``folder`` is the first, whose tokenizer is that of all.

    ``manifest`` has the kind, tokenizer, groups and counts of them together.
    """

    folders: tuple[Path, ...]
    manifest: dict[str, Any]
    fingerprint: str

    @classmethod
    def open(cls, folders: Folders, kind: str) -> Shards:
        """Open finished shard folders of a kind: "text" or "chat".

        Raises MindError for folders of another kind or of different tokenizers, or the same twice.
        """
        paths = [Path(folder) for folder in as_folders(folders)]
        manifests = [_manifest(path, kind) for path in paths]
        prints = [sha256_file(path / "manifest.json") for path in paths]
        if len(paths) == 1:
            return cls((paths[0],), manifests[0], prints[0])
        for number, (path, manifest) in enumerate(zip(paths, manifests, strict=True)):
            if prints[number] in prints[:number]:
                # By content: the same shards under two paths are found too.
                raise MindError(
                    f"{path} is there twice: it is {paths[prints.index(prints[number])]}",
                    cause="its text would be read twice as often",
                    hint="name each folder once; data.shares says how often a source is read",
                )
            if manifest["tokenizer"]["sha256"] != manifests[0]["tokenizer"]["sha256"]:
                raise MindError(
                    f"{path} was made with another tokenizer than {paths[0]}",
                    hint="encode one of them again with the other's tokenizer",
                )
        together = {
            "kind": kind,
            "tokenizer": manifests[0]["tokenizer"],
            "groups": _all_groups(manifests),
            "counts": _all_counts(manifests),
        }
        # The order counts: another one would number the rows differently.
        joined = hashlib.sha256("\n".join(prints).encode()).hexdigest()
        return cls(tuple(paths), together, joined)

    @property
    def folder(self) -> Path:
        """Give the first folder."""
        return self.folders[0]

    @property
    def tokenizer(self) -> dict[str, Any]:
        """Give the tokenizer's ``sha256``, ``vocab_size`` and ``end_id``."""
        described: dict[str, Any] = self.manifest["tokenizer"]
        return described

    def train(self) -> ShardSet:
        """Map the training split into memory; raise MindError if it is empty."""
        shards = self._split(TRAIN)
        if not shards.tokens:
            raise MindError(
                f"{said(self.folders)} has no training tokens", hint="encode more text into it"
            )
        return shards

    def validation(self) -> ShardSet | None:
        """Map the held-out split into memory; None if it is empty."""
        shards = self._split(VALIDATION)
        return shards if shards.tokens else None

    def _split(self, split: str) -> ShardSet:
        sets = [ShardSet.open(folder, split) for folder in self.folders]
        if len(sets) == 1:
            return sets[0]
        groups = tuple(Group(g["source"], g["language"]) for g in self.manifest["groups"])
        shards: list[Shard] = []
        for one in sets:
            # Numbers of groups are local to a folder, so each column is seen through a table.
            table = [groups.index(group) for group in one.groups]
            for shard in one.shards:
                renamed: Any = RenamedGroups(shard.groups, table)
                shards.append(replace(shard, groups=renamed))
        return replace(sets[0], manifest=self.manifest, groups=groups, shards=tuple(shards))


def _manifest(folder: Path, kind: str) -> dict[str, Any]:
    manifest = read_manifest(folder, format="mind-shards")
    if manifest["kind"] != kind:
        wanted = "mind-tok encode --chat" if kind == "chat" else "mind-tok encode"
        raise MindError(
            f"{folder} holds {manifest['kind']} shards, wanted are {kind} shards",
            hint=f"make them with `{wanted}`",
        )
    return manifest


def _all_groups(manifests: Sequence[dict[str, Any]]) -> list[dict[str, str]]:
    """List the groups of all, each once, in the order in which they come."""
    found: dict[tuple[str, str], dict[str, str]] = {}
    for manifest in manifests:
        for group in manifest["groups"]:
            found.setdefault((group["source"], group["language"]), group)
    return list(found.values())


def _all_counts(manifests: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Add up the counts of each split, source and language."""
    total: dict[str, Any] = {}
    for manifest in manifests:
        for split, sources in manifest["counts"].items():
            for source, languages in sources.items():
                for language, numbers in languages.items():
                    at = total.setdefault(split, {}).setdefault(source, {})
                    sums = at.setdefault(language, dict.fromkeys(numbers, 0))
                    for name, number in numbers.items():
                        sums[name] += number
    return total
