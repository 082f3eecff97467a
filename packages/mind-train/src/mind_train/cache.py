"""Records instead of shards: encoded once, kept in a cache, found again by what went in."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path

from mind_core import MindError
from mind_core.errors import UsageError
from mind_core.files import MANIFEST, sha256_file
from mind_core.flow import StreamOptions
from mind_core.progress import say
from mind_tok.encode import Encoder
from mind_tok.pipeline import EncodeOptions, encode_shards
from mind_tok.tokenizer import load_tokenizer, make_plugins
from mind_train.components import TOOL

HOME = "MIND_CACHE"
RECIPE = "1"  # changes when the same records would be encoded otherwise


def shard_folder(
    inputs: Sequence[Path], tokenizer: Path | None, cache: Path | None, chat: bool
) -> Path:
    """Give the shard folder that was named, or that the named records make.

    Records are encoded into ``cache`` (else $MIND_CACHE, else ~/.cache/mind-toolkit) under the hash
    of the files' contents and the tokenizer; a second run with the same ones encodes nothing.
    """
    for path in inputs:
        if not path.exists():
            raise MindError(
                f"there is no {path}", hint="give a folder made by mind-tok encode, or JSONL files"
            )
    if len(inputs) == 1 and inputs[0].is_dir():
        if tokenizer is not None:
            raise UsageError("a shard folder has its own tokenizer", hint="leave --tokenizer out")
        return inputs[0]
    if any(path.is_dir() for path in inputs):
        raise UsageError("one shard folder, or records only", hint="encode them all together")
    if tokenizer is None:
        raise UsageError(
            "records have to be encoded: --tokenizer is missing",
            hint="name the folder that mind-tok train made",
        )
    return _encoded(inputs, tokenizer, cache, chat)


def _encoded(inputs: Sequence[Path], tokenizer: Path, cache: Path | None, chat: bool) -> Path:
    loaded = load_tokenizer(tokenizer)
    digest = hashlib.sha256(f"{RECIPE} {loaded.sha256} {chat}".encode())
    for path in inputs:
        digest.update(sha256_file(path).encode())
    home = cache or Path(os.environ.get(HOME) or Path.home() / ".cache" / "mind-toolkit")
    folder = home / "shards" / digest.hexdigest()[:24]
    if (folder / MANIFEST).exists():
        say(TOOL, f"encoded before: {folder}")
        return folder
    home.mkdir(parents=True, exist_ok=True)
    folder.parent.mkdir(exist_ok=True)
    say(TOOL, f"encoding {len(inputs)} file{'s' if len(inputs) > 1 else ''} into {folder}")
    stream = StreamOptions(
        inputs=tuple(str(path) for path in inputs), jobs=os.cpu_count() or 1, quiet=True
    )
    encode_shards(Encoder(loaded, chat), EncodeOptions(folder), stream, make_plugins())
    return folder
