"""Token shards: flat files of ids that a trainer maps into memory, and a manifest written last.

The layout is in `docs/formats.md`: for each shard `.bin` (ids), `.ends` (cumulative document ends
in tokens), `.sizes` (UTF-8 bytes of each document), `.groups` (source and language of each
document) and, for conversations, `.mask` (1 = trained on). Everything is little-endian.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mind_core import MindError
from mind_core.errors import did_you_mean
from mind_core.files import read_manifest, sha256_file
from mind_core.plugins import Plugins
from mind_core.untrusted import inside, path_in
from mind_tok.document_batch import Group
from mind_tok.loading import load_tokenizer
from mind_tok.shard_file import ENDS, GROUPS, MASK, SIZES
from mind_tok.shard_writer import (
    FORMAT,
    KINDS,
    SPLITS,
    TOKENIZER,
    VERSION,
    ShardWriter,
    id_type,
)
from mind_tok.tokenizer import Tokenizer

TYPES = ("uint16", "uint32")
"""Of ids. Any other name in a manifest would let the file say what its bytes are."""

_NAME = re.compile(r"[\w-]+")

__all__ = ["Document", "Group", "Shard", "ShardSet", "ShardWriter", "id_type"]


class Document(NamedTuple):
    """One document: its ids with the end token, and what is known about it."""

    ids: NDArray[Any]
    size: int
    """UTF-8 bytes of its text; in chat shards, of its answers."""
    group: Group
    mask: NDArray[np.uint8] | None


@dataclass(frozen=True)
class Shard:
    """One shard, mapped into memory read-only.

    Shapes: `ids` and `mask` (tokens,), `ends`, `sizes` and `groups` (documents,).
    """

    name: str
    tokens: int
    documents: int
    bytes: int
    ids: NDArray[Any]
    ends: NDArray[np.uint64]
    sizes: NDArray[Any]
    groups: NDArray[np.uint16]
    mask: NDArray[np.uint8] | None


@dataclass(frozen=True)
class ShardSet:
    """Hold all shards of one split."""

    folder: Path
    split: str
    kind: str
    manifest: Mapping[str, Any]
    groups: tuple[Group, ...]
    shards: tuple[Shard, ...]

    @classmethod
    def open(cls, folder: str | Path, split: str = "train", *, verify: bool = False) -> ShardSet:
        """Open a split of a shard folder; a split without documents has no shards.

        Raises `MindError` if the folder is incomplete or a file has another size than the manifest
        says; with `verify`, also if its SHA-256 differs (reads everything once).
        """
        folder = Path(folder)
        if split not in SPLITS:
            raise MindError(
                f"there is no split {split!r}",
                hint=did_you_mean(split, SPLITS) or f"splits: {', '.join(SPLITS)}",
            )
        manifest = read_manifest(folder, format=FORMAT)
        path_in(folder, TOKENIZER)  # which checkpoints will hold a copy of
        if manifest.get("version") != VERSION:
            raise MindError(
                f"{folder} is of version {manifest.get('version')!r}, known is {VERSION}",
                hint="use a newer mind-tok, or encode again",
            )
        try:
            kind, dtype = _told(manifest, "kind", KINDS), np.dtype(_told(manifest, "dtype", TYPES))
            groups = tuple(Group(g["source"], g["language"]) for g in manifest["groups"])
            described = [s for s in manifest["shards"] if s["split"] == split]
            shards = tuple(
                # Files are little-endian everywhere, also where the machine is not.
                _open_shard(folder, shard, dtype.newbyteorder("<"), kind == "chat", verify)
                for shard in described
            )
            for shard in shards:
                _check_columns(folder, shard, len(groups), verify)
        # The manifest came with the folder: anything may stand in it for numbers and names.
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise MindError(
                f"{folder}: the manifest does not describe its shards",
                cause=error,
                hint="it was changed after it was written; encode again",
            ) from None
        return cls(folder, split, kind, manifest, groups, shards)

    @property
    def tokens(self) -> int:
        """Return the number of tokens, end tokens included."""
        return sum(shard.tokens for shard in self.shards)

    @property
    def documents(self) -> int:
        """Return the number of documents."""
        return sum(shard.documents for shard in self.shards)

    @property
    def bytes(self) -> int:
        """Return the UTF-8 bytes of all documents."""
        return sum(shard.bytes for shard in self.shards)

    @property
    def vocab_size(self) -> int:
        """Return the vocabulary size of the tokenizer that made the ids."""
        return int(self.manifest["tokenizer"]["vocab_size"])

    @property
    def end_id(self) -> int:
        """Return the id that ends each document."""
        return int(self.manifest["tokenizer"]["end_id"])

    @property
    def tokenizer_sha256(self) -> str:
        """Return the hash that names the tokenizer, as `Tokenizer.sha256`."""
        return str(self.manifest["tokenizer"]["sha256"])

    def load_tokenizer(self, plugins: Plugins | None = None) -> Tokenizer:
        """Load the tokenizer that the folder carries."""
        return load_tokenizer(path_in(self.folder, TOKENIZER), plugins)

    def document(self, shard: int, number: int) -> Document:
        """Return one document by the index of its shard and its number in there."""
        at = self.shards[shard]
        start = int(at.ends[number - 1]) if number else 0
        end = int(at.ends[number])
        return Document(
            at.ids[start:end],
            int(at.sizes[number]),
            self.groups[int(at.groups[number])],
            None if at.mask is None else at.mask[start:end],
        )


def _told(manifest: Mapping[str, Any], name: str, known: Sequence[str]) -> str:
    """Return a value of the manifest that decides how files are read: one of those known."""
    value = manifest[name]
    if value not in known:
        raise ValueError(f"{name} is {value!r}, and none of {', '.join(known)}")
    return str(value)


def _open_shard(
    folder: Path, described: Mapping[str, Any], dtype: np.dtype[Any], chat: bool, verify: bool
) -> Shard:
    name = described["name"]
    # A name becomes a path: no slash and no dot may lead out of the folder.
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise ValueError(f"{name!r} is no name of a shard")
    tokens, documents, size = (_count(described, key) for key in ("tokens", "documents", "bytes"))
    columns: dict[str, tuple[np.dtype[Any], int]] = {
        ".bin": (dtype, tokens),
        ".ends": (ENDS, documents),
        ".sizes": (SIZES, documents),
        ".groups": (GROUPS, documents),
    }
    if chat:
        columns[".mask"] = (MASK, tokens)
    arrays = {}
    for suffix, (kind, length) in columns.items():
        file = f"{name}{suffix}"
        _check(folder / file, described["files"][file], kind.itemsize * length, verify)
        # An empty file cannot be mapped.
        arrays[suffix] = (
            np.memmap(folder / file, dtype=kind, mode="r", shape=(length,))
            if length
            else np.empty(0, kind)
        )
    return Shard(
        name,
        tokens,
        documents,
        size,
        arrays[".bin"],
        arrays[".ends"],
        arrays[".sizes"],
        arrays[".groups"],
        arrays.get(".mask"),
    )


def _count(described: Mapping[str, Any], name: str) -> int:
    value = described[name]
    # `type`, as true is an int to isinstance.
    if type(value) is not int or value < 0:
        raise ValueError(f"{name} is {value!r}, and no count")
    return value


def _check_columns(folder: Path, shard: Shard, groups: int, verify: bool) -> None:
    """Raise `MindError` for columns that do not fit each other; the marks with `verify` alone."""
    wrong = ""
    if (int(shard.ends[-1]) if shard.documents else 0) != shard.tokens:
        wrong = f"{shard.name}.ends does not end with the last token"
    # Ends that go back would give documents of negative length, or the tokens of others.
    elif not _ascends(shard.ends):
        wrong = f"{shard.name}.ends goes back"
    elif shard.documents and int(shard.groups.max()) >= groups:
        wrong = f"{shard.name}.groups names a group that is not there"
    elif shard.documents and _total(shard.sizes) != shard.bytes:
        wrong = f"{shard.name}.sizes does not add up to the bytes that the manifest says"
    # Reads as many bytes as there are tokens, so only where all is read anyway.
    elif verify and shard.mask is not None and shard.tokens and shard.mask.max() > 1:
        wrong = f"{shard.name}.mask has marks besides 0 and 1"
    if wrong:
        raise MindError(
            f"{folder}: the files of {shard.name} do not belong together",
            cause=wrong,
            hint="encode again, or copy the folder again",
        )


_AT_ONCE = 1 << 20
_LARGEST = 1 << 40
"""More bytes than a document has; two of them cannot add up to a small sum by overflow."""


def _ascends(ends: NDArray[np.uint64]) -> bool:
    """Return whether ends never go back, a part at a time."""
    # One more than a part, so that its last end is compared with the next part's first.
    parts = (ends[at : at + _AT_ONCE + 1] for at in range(0, len(ends) - 1, _AT_ONCE))
    return not any((part[1:] < part[:-1]).any() for part in parts)


def _total(sizes: NDArray[Any]) -> int:
    """Return the sum of sizes; -1 where one is beyond reason."""
    total = 0
    for at in range(0, len(sizes), _AT_ONCE):
        part = sizes[at : at + _AT_ONCE]
        if int(part.max()) > _LARGEST:
            return -1
        total += int(part.sum(dtype=np.uint64))
    return total


def _check(path: Path, described: Mapping[str, Any], size: int, verify: bool) -> None:
    inside(path.parent, path.name)
    found = path.stat().st_size
    # The size of the file, of the manifest's entry, and of so many values of the type.
    if not found == described["size"] == size:
        raise MindError(
            f"{path} is {found:,} bytes long, the manifest says {described['size']:,}",
            cause="it was changed or cut after it was written",
            hint="encode again, or copy the folder again",
        )
    if verify and sha256_file(path) != described["sha256"]:
        raise MindError(
            f"{path} is not the file that its manifest describes",
            cause="its SHA-256 differs: it was changed after it was written",
            hint="encode again, or copy the folder again",
        )
