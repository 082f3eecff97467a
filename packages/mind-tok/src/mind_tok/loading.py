"""Load tokenizer folders of any kind, and the plugins that know the kinds."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from mind_core import MindError
from mind_core.files import MANIFEST, read_manifest
from mind_core.plugins import Plugins
from mind_tok.tokenizer import FORMAT, HOOK, VERSION, Tokenizer, TokenizerKind

FOREIGN = ("tokenizer.model", "tokenizer.json", "vocab.json", "encoder.json")
"""Files of tokenizers as others ship them."""


def make_plugins(files: Sequence[Path] = ()) -> Plugins:
    """Return the plugins of mind-tok, with those in the given files."""
    from mind_tok import builtins, hookspecs

    return Plugins("mind_tok", hookspecs, builtins, files)


def load_tokenizer(folder: str | Path, plugins: Plugins | None = None) -> Tokenizer:
    """Load a tokenizer folder of any kind.

    Raises `MindError` if it is incomplete, was changed after it was written, or needs a plugin that
    is not there.
    """
    folder = Path(folder)
    # Before the manifest is read: that would only say that there is none.
    _refuse_foreign(folder)
    manifest = read_manifest(folder, format=FORMAT)
    if manifest.get("version") != VERSION:
        raise MindError(
            f"{folder} is a tokenizer of version {manifest.get('version')!r}, known is {VERSION}",
            hint="use a newer mind-tok, or train it again",
        )
    kind: TokenizerKind = (plugins or make_plugins()).make(HOOK, str(manifest.get("component")))
    return kind.load(folder, manifest)


def _refuse_foreign(path: Path) -> None:
    """Raise `MindError` with the way out for a tokenizer that is not in our form yet."""
    ships = path.suffix in (".model", ".json") and path.is_file()
    folder = not (path / MANIFEST).exists() and any((path / name).is_file() for name in FOREIGN)
    if ships or folder:
        raise MindError(
            f"{path} is incomplete, or a tokenizer as others ship it",
            cause=f"a folder of these tools has a {MANIFEST}, written last",
            hint=f"`mind-tok convert {path} -o FOLDER` makes a folder for these tools",
        )
