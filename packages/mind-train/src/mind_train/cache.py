"""Records instead of shards: encoded once, kept in a cache, found again by what went in."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Sequence
from pathlib import Path

from mind_core import MindError
from mind_core.errors import UsageError
from mind_core.files import MANIFEST, sha256_file
from mind_core.progress import log
from mind_core.runner import StreamOptions
from mind_tok.chat_template_ids import TemplateEncoder
from mind_tok.encode import Encoder
from mind_tok.loading import load_tokenizer, make_plugins
from mind_tok.pipeline import EncodeOptions, encode_shards
from mind_train.components import TOOL
from mind_train.distributed import first_does

HOME = "MIND_CACHE"
RECIPE = "1"  # changes when the same records would be encoded otherwise


def shard_folders(
    inputs: Sequence[Path], tokenizer: Path | None, cache: Path | None, chat: bool
) -> list[Path]:
    """Give the shard folders that were named, or the one that the named records make.

    Records are encoded into ``cache`` (else $MIND_CACHE, else ~/.cache/mind-toolkit) under the hash
    of the files' contents and the tokenizer; a second run with the same ones encodes nothing. Of
    several ranks the first one does it, and the others wait.
    """
    for path in inputs:
        if not path.exists():
            raise MindError(
                f"there is no {path}", hint="give a folder made by mind-tok encode, or JSONL files"
            )
    if all(path.is_dir() for path in inputs):
        if tokenizer is not None:
            raise UsageError("a shard folder has its own tokenizer", hint="leave --tokenizer out")
        return list(inputs)
    if any(path.is_dir() for path in inputs):
        raise UsageError("shard folders only, or records only", hint="encode the records first")
    if tokenizer is None:
        raise UsageError(
            "records have to be encoded: --tokenizer is missing",
            hint="name the folder that mind-tok train made",
        )
    loaded = load_tokenizer(tokenizer)
    # All that the ids depend on besides the files: the tokenizer, and whether these are
    # conversations.
    encoder, key = Encoder(loaded, chat), f"{loaded.sha256} {chat}"
    made = first_does("encode", lambda: str(_encoded(inputs, encoder, key, cache)))
    return [_seen(Path(made))]


def _seen(folder: Path) -> Path:
    """Give a folder that the first rank has made; raise MindError where it is not to be seen."""
    if not _appears(folder / MANIFEST):
        raise MindError(
            f"the first rank encoded into {folder}, which is not to be seen from here",
            hint="give a --cache (or MIND_CACHE) on a disk that all ranks reach",
        )
    return folder


def _appears(path: Path, seconds: float = 30.0) -> bool:
    """Wait for a file that another machine has written; network disks may show it late."""
    until = time.monotonic() + seconds
    while not path.exists():
        if time.monotonic() > until:
            return False
        time.sleep(0.2)
    return True


def template_shards(
    inputs: Sequence[Path], folder: Path, template: str | None, cache: Path | None
) -> tuple[list[Path], str]:
    """Encode conversations as a Hugging Face folder's model reads them.

    Gives the shard folder, and the chat template that was used.
    """
    from mind_train.huggingface.folder import read_tokenizer
    from mind_train.huggingface.parent import template_of

    theirs, ours = read_tokenizer(folder)
    used = template_of(theirs, ours, template)
    for path in inputs:
        if not path.is_file():
            raise UsageError(
                f"{path} is no file of conversations",
                hint="a Hugging Face model reads JSONL: shards have other ids and another template",
            )
    encoder = Encoder(ours, chat=True, template=TemplateEncoder(ours, used, ours.end_id))
    key = f"{ours.sha256} ends {ours.end_id} {used.bos_token!r} {used.eos_token!r} {used.source}"
    made = first_does("encode", lambda: str(_encoded(inputs, encoder, key, cache)))
    return [_seen(Path(made))], used.source


def _encoded(inputs: Sequence[Path], encoder: Encoder, key: str, cache: Path | None) -> Path:
    """Encode into the cache, under the hash of ``key`` and of what is read."""
    # The contents and not the names: a file that was moved is found again.
    digest = hashlib.sha256(f"{RECIPE} {key}".encode())
    for path in inputs:
        digest.update(sha256_file(path).encode())
    home = cache or Path(os.environ.get(HOME) or Path.home() / ".cache" / "mind-toolkit")
    # 96 bits of the hash are enough for a name.
    folder = home / "shards" / digest.hexdigest()[:24]
    if (folder / MANIFEST).exists():
        log(TOOL, f"encoded before: {folder}")
        return folder
    home.mkdir(parents=True, exist_ok=True)
    folder.parent.mkdir(exist_ok=True)
    log(TOOL, f"encoding {len(inputs)} file{'s' if len(inputs) > 1 else ''} into {folder}")
    stream = StreamOptions(
        inputs=tuple(str(path) for path in inputs), jobs=os.cpu_count() or 1, progress=False
    )
    try:
        encode_shards(encoder, EncodeOptions(folder), stream, make_plugins())
    except MindError:
        if not (folder / MANIFEST).exists():  # or another run has encoded the same meanwhile
            raise
    return folder
