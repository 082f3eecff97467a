"""Folders that are data sets of Hugging Face, as the files that they hold."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from mind_core.errors import MindError
from mind_core.files import MANIFEST, read_json
from mind_core.formats.names import COMPRESSIONS
from mind_core.untrusted import check_leads_inside

_ENDINGS = (".parquet", ".arrow", ".jsonl", ".ndjson", ".csv", ".tsv")
_SPLIT = re.compile(
    r"(?:^|[-_./])(train|training|validation|valid|val|dev|test|testing|eval|evaluation)(?=[-_./]|$)"
)
_SAME = {
    "training": "train", "valid": "validation", "val": "validation", "dev": "validation",
    "testing": "test", "eval": "test", "evaluation": "test",
}  # fmt: skip


def files_of(inputs: Sequence[str | Path]) -> list[str | Path]:
    """Return the inputs with each folder replaced by the files of its data set, in their order.

    A folder that `save_to_disk` wrote says which they are. Of another all Parquet, Arrow, JSON
    Lines or CSV below it are taken, by name. Raises `MindError` for a folder that holds none, or
    several kinds, or several splits: nobody should train on a test set by mistake.
    """
    found: list[str | Path] = []
    for item in inputs:
        # A folder with a manifest is one of these tools', and whoever reads it knows its files.
        if str(item) != "-" and Path(item).is_dir() and not (Path(item) / MANIFEST).exists():
            found += _files_in(Path(item))
        else:
            found.append(item)
    return found


def _files_in(folder: Path) -> list[Path]:
    if (folder / "dataset_dict.json").is_file():
        raise _several(folder, _names(folder / "dataset_dict.json", "splits"), "{folder}/{split}")
    if (folder / "state.json").is_file():
        listed = [folder / name for name in _names(folder / "state.json", "_data_files")]
        check_leads_inside(folder, listed)
        return listed
    kinds: dict[str, list[Path]] = {}
    for path in sorted(folder.rglob("*")):
        parts = path.relative_to(folder).parts
        # Names with a dot or an underscore in front are caches and marks of tools (`_SUCCESS`).
        if path.is_file() and not any(part.startswith((".", "_")) for part in parts):
            kinds.setdefault(_ending(path), []).append(path)
    kinds.pop("", None)
    if not kinds:
        raise _no_data_set(folder)
    if len(kinds) > 1:
        raise MindError(
            f"{folder} holds files of several kinds: {', '.join(sorted(kinds))}",
            hint=f"give those that you mean: {folder}/*{min(kinds)}",
        )
    [(ending, files)] = kinds.items()
    check_leads_inside(folder, files)
    # Files that say no split are of whichever there is.
    splits = {_split(path.relative_to(folder).as_posix()) for path in files} - {""}
    if len(splits) > 1:
        in_folders = all((folder / split).is_dir() for split in splits)
        way = "{folder}/{split}" if in_folders else "{folder}/**/{split}*" + ending
        raise _several(folder, sorted(splits), way)
    return files


def _no_data_set(folder: Path) -> MindError:
    endings = {path.suffix.lower() for path in folder.rglob("*") if path.is_file()} - {""}
    cause = "it is a folder, and no data set: it has no Parquet, Arrow, JSON Lines or CSV"
    hint = f"give its files: {folder}/*.jsonl.zst"
    if not any(folder.iterdir()):
        cause, hint = "it is an empty folder", "give the files, or the folder that holds them"
    elif endings & {".txt", ".md", ".epub", ".pdf"}:
        hint = f"`mind-clean --from files {folder}` makes records of text, Markdown and EPUB"
    return MindError(f"cannot read {folder}", cause=cause, hint=hint)


def _ending(path: Path) -> str:
    suffixes = [suffix.lower() for suffix in path.suffixes]
    if suffixes and suffixes[-1] in COMPRESSIONS:
        suffixes.pop()
    return suffixes[-1] if suffixes and suffixes[-1] in _ENDINGS else ""


def _split(name: str) -> str:
    found = _SPLIT.search(name.lower())
    return _SAME.get(found[1], found[1]) if found else ""


def _several(folder: Path, splits: list[str], way: str) -> MindError:
    first = "train" if "train" in splits else splits[0]
    return MindError(
        f"{folder} has several splits: {', '.join(splits)}",
        hint=f"name the one that you mean: {way.format(folder=folder, split=first)}",
    )


def _names(path: Path, key: str) -> list[str]:
    """Return the names that `save_to_disk` listed; none of them leads out of its folder."""
    try:
        listed = read_json(path)[key]
        names = [item["filename"] if isinstance(item, dict) else item for item in listed]
        if names and all(isinstance(name, str) and Path(name).name == name for name in names):
            return names
        cause = f"{key!r} lists no files of its folder"
    except MindError as error:
        cause = f"{error.message}: {error.cause}"
    except (KeyError, TypeError) as error:
        cause = f"{type(error).__name__}: {error}"
    raise MindError(f"{path} is not what `save_to_disk` writes", cause=cause, hint="save it again")
